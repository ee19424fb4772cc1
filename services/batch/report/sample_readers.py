"""A random sample of readers, with the recommendations of the served pipeline and their explanations."""

from __future__ import annotations

import hashlib

import numpy as np
import orjson
from numpy.typing import NDArray

from services.batch.ingest.snapshot import Snapshot
from services.batch.ingest.training_data import Training
from services.batch.models.factor_model import Factors
from services.batch.pipeline.served_pipeline import ServedPipeline
from services.batch.report.document import BookLine, Recommendation, SampleReader
from shared.artifacts.catalog import Catalog
from shared.artifacts.generation import Generation, artifact_folder
from shared.layout import DataFolder
from shared.recommend.blend import CANDIDATE_SOURCES, Blended
from shared.recommend.blend_weights import max_recent_books
from shared.recommend.explanations import explain_all
from shared.recommend.popularity_backfill import popular_spread
from shared.settings import Settings

N_READERS = 20
N_LIKED = 6
N_RECOMMENDED = 10


def sample_readers(
    folder: DataFolder, generation: Generation, snapshot: Snapshot, settings: Settings
) -> list[SampleReader]:
    """At most `N_READERS` readers with a nightly list; the same ones for the same data.

    Args:
        folder: the data folder.
        generation: the served generation.
        snapshot: its snapshot.
        settings: which interactions are seen and positive, and the seed.
    """
    artifact = artifact_folder(folder, "collaborative", generation.collaborative_id)
    users = _drawn(orjson.loads((artifact / "users.json").read_bytes()), settings.evaluation.seed)
    own = snapshot.interactions.of_users(users)
    catalog = generation.catalog
    training = Training(snapshot.load_books(), own, settings.user_state, work_id=catalog.work_id)
    rows = np.array([row for row in range(len(training.users)) if training.positive_interactions[row].nnz], np.int64)
    pipeline = ServedPipeline(
        training,
        _factors(generation, training),
        generation.candidate_generator,
        popular_spread(generation.popularity.ranked, catalog.work_id, generation.content.cluster_of),
        list_length=settings.collaborative.list_length,
        threads=1,
        reranker=generation.reranker,
    )
    n_recent = max(max_recent_books(generation.manifest.blend), generation.fold_in.history_books)
    recents = [training.recent_of(row, n_recent) for row in rows.tolist()]
    answers = list(pipeline.answers(rows, N_RECOMMENDED))
    if not answers:
        return []
    explanations = explain_all(
        generation.fold_in, generation.candidate_generator, list(zip(answers, recents, strict=True))
    )
    readers = {
        str(training.users[row]): SampleReader(
            n_liked=int(training.positive_interactions[row].nnz),
            liked=[_line(catalog, number) for number in training.recent_of(row, N_LIKED).tolist()],
            recommended=_recommended(catalog, books, because),
        )
        for row, books, because in zip(rows.tolist(), answers, explanations, strict=True)
    }
    return [readers[user] for user in users if user in readers]


def _drawn(users: list[str], seed: int) -> list[str]:
    return sorted(users, key=lambda user: hashlib.blake2b(f"{seed} {user}".encode(), digest_size=8).digest())[
        :N_READERS
    ]


def _factors(generation: Generation, training: Training) -> Factors:
    """The night's item factors; user factors are the weighted sums of the fold-in factors of the histories."""
    known = generation.fold_in
    items, fold_in = (
        _as_long(np.asarray(factors), training.n_books) for factors in (known.item_factors, known.fold_in_factors)
    )
    weights = training.histories.weighted(decay=known.history_decay, n=known.history_books)
    return Factors(np.asarray(weights @ fold_in, np.float32), items, fold_in)


def _as_long(factors: NDArray[np.float32], n_books: int) -> NDArray[np.float32]:
    """The factors with a zero row for each book that is newer than them."""
    return np.concatenate((factors, np.zeros((n_books - len(factors), factors.shape[1]), np.float32)))


def _recommended(catalog: Catalog, books: Blended, because: NDArray[np.int32]) -> list[Recommendation]:
    recommended = []
    for place, number in enumerate(books.item_index.tolist()):
        reason = int(because[place]) if place < len(because) else -1
        recommended.append(
            Recommendation(
                book=_line(catalog, number),
                lists=[
                    name for name, own in zip(CANDIDATE_SOURCES, books.own[:, place], strict=True) if not np.isnan(own)
                ],
                because=catalog.titles[reason] if reason >= 0 else None,
            )
        )
    return recommended


def _line(catalog: Catalog, number: int) -> BookLine:
    return BookLine(title=catalog.titles[number], authors=catalog.authors[number])
