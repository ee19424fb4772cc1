"""Trains the reranker on blended candidates and the books that users liked afterwards.

The last interactions, in the order of `with_the_held_out_last`, are divided into windows. For each window, factors,
item transitions and trending books are computed from the interactions before it; the books that users like in the
window are the positive examples. A window is a split inside the training part, so training never sees the test part of
an evaluation.
`shared.recommend.reranker` describes the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.batch.ingest.histories import Histories
from services.batch.ingest.interactions import Interactions
from services.batch.ingest.training_data import Training
from services.batch.metrics.ranking import hits
from services.batch.metrics.splits import held_out, with_the_held_out_last
from services.batch.models.factors import fit_factors
from services.batch.pipeline.served_pipeline import ServedPipeline, candidate_generator
from services.batch.runtime.artifact_builder import Metadata
from services.batch.runtime.context import RunContext
from services.batch.runtime.progress import Progress
from services.batch.runtime.threads import bound_threads
from shared.artifacts.content import ContentNeighbors
from shared.recommend.blend_weights import max_recent_books
from shared.recommend.reranker import FEATURES, FILES, HALF_LIVES, BookMetadata, Reranker, is_liked, lightgbm
from shared.recommend.series import NO_SERIES, series_groups
from shared.settings import Settings
from shared.title_keys import author_keys

_MIN_LIKED = 100  # minimum positive examples


@dataclass(frozen=True, slots=True)
class _Examples:
    """Training examples: features, float32, (n, n_features), and whether the user liked the book in the window."""

    features: NDArray[np.float32]
    liked: NDArray[np.bool_]


def build_reranker(
    folder: Path,
    books: pd.DataFrame,
    interactions: Interactions,
    content_artifact: Path,
    context: RunContext,
) -> Metadata:
    """Train on all interactions and write a reranker artifact; returns its metadata.

    Args:
        folder: an existing folder.
        books: the snapshot's books.
        interactions: the snapshot's interactions, oldest first.
        content_artifact: the folder of its content artifact.
        context: of the run.

    Raises:
        ModelError: LightGBM is not installed.
    """
    settings = context.settings
    training = Training(books, interactions, settings.user_state)
    content = ContentNeighbors.open(content_artifact, training.work_id)
    with bound_threads(context.threads) as threads:
        reranker, n_examples = _learned(training, content, settings, threads=threads, progress=context.progress)
    if reranker is not None:
        reranker.model.save_model(folder / FILES[0])
        np.save(folder / FILES[1], reranker.books.metadata)
        np.save(folder / FILES[2], reranker.books.groups)
    return {
        "learned": reranker is not None,
        "n_examples": n_examples,
        "n_ranked": settings.reranker.books,
        "n_recent": _n_recent(settings),
    }


def train_reranker(
    training: Training, content: ContentNeighbors | None, settings: Settings, *, threads: int, progress: Progress
) -> Reranker | None:
    """Train the reranker; returns `None` if it is off or has too few positive examples.

    Args:
        training: the training part.
        content: the content artifact, opened with the training part's `work_id`.
        settings: of the lists, the blend and the reranker.
        threads: number of threads.
        progress: reports progress.

    Raises:
        ModelError: LightGBM is not installed.
    """
    if not settings.reranker.enabled:
        return None
    return _learned(training, content, settings, threads=threads, progress=progress)[0]


def require_reranker(settings: Settings) -> None:
    """Check for the library, if the reranker is on, before long work starts.

    Raises:
        ModelError: LightGBM cannot be loaded.
    """
    if settings.reranker.enabled:
        lightgbm()


def _learned(
    training: Training, content: ContentNeighbors | None, settings: Settings, *, threads: int, progress: Progress
) -> tuple[Reranker | None, int]:
    library, chosen = lightgbm(), settings.reranker
    windows = []
    with progress.task("Learning to rank", chosen.windows + 1) as advance:
        for window in range(chosen.windows, 0, -1):
            windows.append(_examples(training, window, content, settings, threads=threads, progress=progress))
            advance(1)
        features = np.concatenate([one.features for one in windows])
        liked = np.concatenate([one.liked for one in windows])
        if liked.sum() < _MIN_LIKED:
            return None, len(liked)
        parameters = {
            "objective": "binary",
            "learning_rate": chosen.learning_rate,
            "num_leaves": chosen.leaves,
            "min_data_in_leaf": 50,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": 1.0,
            "seed": chosen.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": threads,
            "verbose": -1,
        }
        data = library.Dataset(features, liked.astype(np.float32), feature_name=list(FEATURES))
        model = library.train(parameters, data, chosen.trees)
        advance(1)
    metadata = book_metadata(training.books, training.histories)
    return Reranker(metadata, model, chosen.books, _n_recent(settings)), len(liked)


def _n_recent(settings: Settings) -> int:
    """The number of recent books that the reranker uses: as many as the candidate sources use."""
    return min(max_recent_books(settings.blend), settings.user_state.max_recent)


def _examples(
    training: Training,
    window: int,
    content: ContentNeighbors | None,
    settings: Settings,
    *,
    threads: int,
    progress: Progress,
) -> _Examples:
    """The blend's candidates before a window, counted from the last, labeled by the likes in the window."""
    chosen = settings.reranker
    interactions = with_the_held_out_last(training.interactions, seed=chosen.seed)
    n = len(interactions)
    begin, end = (int(n * (1 - chosen.window_share * back)) for back in (window, window - 1))
    before = Training(
        training.books,
        interactions.take(slice(begin)),
        training.user_state,
        work_id=training.work_id,
    )
    split = held_out("window", before, interactions.take(slice(begin, end))).sample(chosen.max_users, seed=chosen.seed)
    if not len(split.rows):
        return _Examples(np.empty((0, len(FEATURES)), np.float32), np.empty(0, np.bool_))
    factors = fit_factors(
        settings.collaborative, before.positive_interactions, before.histories, threads=threads, progress=progress
    )
    pipeline = ServedPipeline(
        before,
        factors,
        candidate_generator(before, content, settings, progress=progress),
        None,
        list_length=settings.collaborative.list_length,
        threads=threads,
    )
    metadata = book_metadata(before.books, before.histories)
    features, ranked = [], np.full((len(split.rows), chosen.books), -1, np.int32)
    for place, (row, books) in enumerate(
        zip(split.rows.tolist(), pipeline.answers(split.rows, chosen.books), strict=True)
    ):
        ranked[place, : len(books.item_index)] = books.item_index
        features.append(metadata.features(books, before.recent_of(row, _n_recent(settings))))
    offered, liked = np.concatenate(features), hits(ranked, split.relevant)[ranked >= 0]
    return _Examples(offered[is_liked(offered)], liked[is_liked(offered)])


def book_metadata(books: pd.DataFrame, histories: Histories) -> BookMetadata:
    """The reranker's features of each book.

    Likes are log(1 + n). Recent likes are the decayed likes of a book relative to a book that every user likes. The age
    is the share of all likes that are newer than the book's first one, NaN without likes.

    Args:
        books: the snapshot's books.
        histories: the liked books of all users.
    """
    n_books = histories.n_books
    of_late = []
    for half_life in HALF_LIVES:
        recency = histories.recency(half_life)
        counted = np.bincount(histories.books, weights=recency, minlength=n_books)
        of_late.append(counted / max(recency.sum(), 1e-9))
    age = np.full(n_books, -np.inf)
    np.maximum.at(age, histories.books, histories.ages)
    likes = np.log1p(np.bincount(histories.books, minlength=n_books))
    series, volumes = _series_of(books)
    metadata = np.stack([likes, *of_late, np.where(np.isneginf(age), np.nan, age), volumes], axis=1)
    authors = _groups([next(iter(author_keys(names)), None) for names in books["authors"]])
    return BookMetadata(metadata.astype(np.float32), np.stack([authors, series], axis=1))


def _series_of(books: pd.DataFrame) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    if "series" not in books:
        return np.full(len(books), NO_SERIES, np.int32), np.full(len(books), np.nan)
    positions = books["series_position"].to_numpy(np.float64)
    names = [name if isinstance(name, str) else None for name in books["series"].tolist()]
    return series_groups(names, positions, books["authors"].tolist()), positions


def _groups(names: list[str | None]) -> NDArray[np.int32]:
    """A group number per name, equal for equal names, -1 for none."""
    return pd.factorize(pd.Series(names, dtype=object))[0].astype(np.int32)
