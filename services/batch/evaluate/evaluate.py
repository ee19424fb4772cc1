"""A whole evaluation: splits a snapshot, compares the recommenders on each split, returns one document."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from services.batch.evaluate.baselines.recommender import Recommender
from services.batch.evaluate.baselines.registry import all_recommenders
from services.batch.evaluate.compare import compare
from services.batch.evaluate.evaluation import Evaluation, SplitResult
from services.batch.evaluate.metric_registry import METRICS, BookMetadata
from services.batch.ingest.interactions import Interactions
from services.batch.ingest.snapshot import Snapshot
from services.batch.metrics.beyond_accuracy import genre_shares
from services.batch.metrics.published_split import read_given_split
from services.batch.metrics.splits import (
    RANDOM_SHARE,
    SPLIT_OF_ORDER,
    Split,
    split_by_order,
    split_by_time,
    split_cold_books,
    split_cold_users,
    split_last_of_each_user,
    split_random_of_each_user,
)
from services.batch.runtime.context import RunContext
from services.batch.sources.order import Order
from shared.errors import NightshelfError
from shared.settings import Settings

SplitKind: TypeAlias = Literal["time", "last", "random", "cold-books", "cold-users"]
SPLIT_KINDS: tuple[SplitKind, ...] = get_args(SplitKind)
N_LAST = 5
COLD_BOOK_SHARE = 0.1
COLD_USER_SHARE = 0.25  # the other users keep their full history
COLD_HISTORIES: tuple[tuple[int | None, bool], ...] = (
    (1, False), (3, False), (5, False), (3, True), (None, False),
)  # fmt: skip
# Baselines compared for cold-start users; the others need more than a few books of history.
_SERVED_ALONE = (
    "served", "served-blend", "served-collaborative", "served-item_transitions", "served-same_series_author",
    "served-content", "popularity",
)  # fmt: skip


@dataclass(frozen=True)
class Evaluated:
    """The data to evaluate.

    Attributes:
        snapshot: its data.
        content_artifact: folder of its content artifact.
        generation: the published generation of both, if there is one.
    """

    snapshot: Snapshot
    content_artifact: Path
    generation: str | None


def evaluate(
    evaluated: Evaluated,
    kinds: Sequence[SplitKind],
    context: RunContext,
    *,
    only: Sequence[str] = (),
    max_users: int | None = None,
    order: Order | None = None,
) -> Evaluation:
    """Compare all recommenders on these splits of a snapshot.

    Args:
        evaluated: the data.
        kinds: the kinds of split; by default the one that the order of the interactions allows. `cold-users` gives one
            split per length of history.
        context: of the run.
        only: names of the recommenders to compare; by default all.
        max_users: test users scored on each split; by default all.
        order: what the interactions know of order; by default what the snapshot says.

    Raises:
        NightshelfError: `only` names an unknown recommender.
        ArtifactError: a split has no test user.
    """
    started, settings = time.perf_counter(), context.settings
    books, interactions = evaluated.snapshot.load_books(), evaluated.snapshot.interactions
    interactions = replace(interactions, order=order or interactions.order)
    systems = _chosen(all_recommenders(settings, evaluated.content_artifact), only)
    vectors = np.load(evaluated.content_artifact / "vectors.npy", mmap_mode="r")
    metadata = BookMetadata(np.asarray(vectors), genre_shares(books["genres"].tolist()))
    found: list[SplitResult] = []
    for kind, split in _splits(kinds or [SPLIT_OF_ORDER[interactions.order]], books, interactions, settings):
        some = systems if kind != "cold-users" else [one for one in systems if one.name in _SERVED_ALONE] or systems
        found.append(compare(kind, split, some, metadata, context, max_users=max_users))
    source = evaluated.snapshot.manifest.source
    return Evaluation(
        created_at=datetime.now(UTC),
        source=source.name,
        snapshot=evaluated.snapshot.id,
        generation=evaluated.generation,
        simulated_readers=source.simulated_readers,
        n_books=int(books["active"].sum()),
        n_users=interactions.n_users,
        n_interactions=len(interactions),
        seed=settings.evaluation.seed,
        seconds=round(time.perf_counter() - started, 1),
        metrics=METRICS,
        splits=found,
    )


def evaluate_files(
    training_file: Path,
    test_file: Path,
    context: RunContext,
    *,
    only: Sequence[str] = (),
    max_users: int | None = None,
    order: Order | None = None,
) -> Evaluation:
    """Compare all recommenders that need no descriptions on a split given as two files.

    The lists of books count as a `sequence` unless `order` says otherwise.

    Raises:
        SourceError: a file is missing or invalid.
        NightshelfError: `only` names an unknown recommender.
    """
    started, settings = time.perf_counter(), context.settings
    split = read_given_split(training_file, test_file, settings.user_state, order or "sequence")
    training = split.training
    systems = _chosen(all_recommenders(settings, None), only)
    metadata = BookMetadata(None, genre_shares(training.books["genres"].tolist()))
    found = compare("given", split, systems, metadata, context, max_users=max_users)
    return Evaluation(
        created_at=datetime.now(UTC),
        source=split.name,
        snapshot=None,
        generation=None,
        simulated_readers=False,
        n_books=training.n_books,
        n_users=len(training.users),
        n_interactions=len(training.interactions) + split.n_test_interactions,
        seed=settings.evaluation.seed,
        seconds=round(time.perf_counter() - started, 1),
        metrics=METRICS,
        splits=[found],
    )


def _splits(
    kinds: Sequence[SplitKind], books: pd.DataFrame, interactions: Interactions, settings: Settings
) -> Iterator[tuple[SplitKind, Split]]:
    """Make the splits lazily."""
    rules, chosen = settings.user_state, settings.evaluation
    for kind in kinds:
        if kind == "last":
            n_last = 1 if interactions.order == "sequence" else N_LAST
            yield kind, split_last_of_each_user(books, interactions, rules, n_last=n_last)
        elif kind == "random":
            yield kind, split_random_of_each_user(books, interactions, rules, share=RANDOM_SHARE, seed=chosen.seed)
        elif kind == "time":
            yield kind, split_by_time(books, interactions, rules, test_share=chosen.test_share, any_history=True)
        elif kind == "cold-books":
            yield kind, split_cold_books(books, interactions, rules, book_share=COLD_BOOK_SHARE, seed=chosen.seed)
        else:
            warm = split_by_order(books, interactions, rules, test_share=chosen.test_share, seed=chosen.seed)
            for n_known, latest in COLD_HISTORIES:
                yield (
                    kind,
                    split_cold_users(
                        warm, n_known=n_known, latest=latest, user_share=COLD_USER_SHARE, seed=chosen.seed
                    ),
                )


def _chosen(systems: list[Recommender], only: Sequence[str]) -> list[Recommender]:
    """The recommenders of these names; the served pipeline is always the first."""
    names = [system.name for system in systems]
    unknown = sorted(set(only) - set(names))
    if unknown:
        raise NightshelfError(
            f"There is no system called {', '.join(unknown)}.", where="--system", hint=f"There are {', '.join(names)}."
        )
    return [system for system in systems if not only or system.name in only or system.name == "served"]
