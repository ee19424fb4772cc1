"""The factors artifact: factors, item transitions and trending books, the inputs of the collaborative artifact.

It is a separate artifact, so a run that dies while it makes lists does not factor again. It belongs to no generation:
the collaborative artifact links the files that serving needs. Files, in a folder made by the caller:

- `user_factors.npy`: float32, (n_users, rank).
- `item_factors.npy`, `fold_in_factors.npy`: float32, (n_books, rank); see `services.batch.models.factor_model.Factors`.
- `item_transitions.numbers.npy`, `item_transitions.scores.npy`: see `services.batch.models.item_transitions`.
- `trending.numbers.npy`, `trending.scores.npy`: see `services.batch.models.trending`.
- `users.json`: ids of the users with a positive interaction, in row order.
- `seen.npz`: int8, (n_users, n_books), sparse: 1 for each book that each of these users has seen.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
from scipy.sparse import csr_matrix, save_npz

from services.batch.ingest.feedback import user_item_feedback
from services.batch.ingest.histories import Histories
from services.batch.ingest.interactions import Interactions
from services.batch.models.factor_model import Factors
from services.batch.models.item_transitions import item_transitions_of
from services.batch.models.registry import open_factorizer
from services.batch.models.trending import trending_books
from services.batch.runtime.artifact_builder import Metadata
from services.batch.runtime.context import RunContext
from services.batch.runtime.progress import Progress
from services.batch.runtime.threads import bound_threads
from shared.artifacts.item_transitions import FILES, TRENDING_FILES
from shared.settings import CollaborativeSettings


def build_factors(folder: Path, interactions: Interactions, n_books: int, context: RunContext) -> Metadata:
    """Write factors, item transitions and trending books; returns the metadata.

    Args:
        folder: an existing folder.
        interactions: of the snapshot.
        n_books: number of books in the catalogue.
        context: of the run.

    Raises:
        ArtifactError: factors are not finite, or an interaction has an unknown item index.
        ModelError: the library of the chosen algorithm is missing.
    """
    settings, transitions, progress = (
        context.settings.collaborative,
        context.settings.item_transitions,
        context.progress,
    )
    known = user_item_feedback(interactions, context.settings.user_state).of_users_with_positive_interactions()
    positive_interactions, histories = known.positive_interactions(n_books), known.histories(n_books)
    with bound_threads(context.threads) as threads:
        factors = fit_factors(settings, positive_interactions, histories, threads=threads, progress=progress)
    found = (
        *item_transitions_of(histories, transitions, progress=progress),
        *trending_books(histories, transitions.trending_half_life),
    )
    for name, array in zip((*FILES, *TRENDING_FILES), found, strict=True):
        np.save(folder / name, array)
    np.save(folder / "user_factors.npy", factors.user_factors)
    np.save(folder / "item_factors.npy", factors.item_factors)
    np.save(folder / "fold_in_factors.npy", factors.fold_in_factors)
    (folder / "users.json").write_bytes(orjson.dumps(known.users.tolist()))
    save_npz(folder / "seen.npz", known.seen(n_books), compressed=False)
    return {
        "algorithm": settings.algorithm,
        "rank": factors.rank,
        "rank_asked_for": settings.rank,
        "n_users": len(known.users),
        "n_positives": int(positive_interactions.nnz),
        "history_books": settings.history_books,
        "history_decay": 1.0 if interactions.order == "none" else settings.history_decay,
        "newest_time": _newest_time(interactions),
    }


def _newest_time(interactions: Interactions) -> float | None:
    """The time of the newest interaction that is not in the future, seconds since 1970."""
    past = interactions.times[interactions.times <= time.time()]
    return float(past.max()) if len(past) else None


def fit_factors(
    settings: CollaborativeSettings,
    positive_interactions: csr_matrix,
    histories: Histories,
    *,
    threads: int,
    progress: Progress,
) -> Factors:
    """Factor the positive interactions; a user's factor is the decayed sum over the newest liked books.

    Raises:
        ArtifactError: factors are not finite.
        ModelError: the library of the chosen algorithm is missing.
    """
    factors = open_factorizer(settings, threads=threads).factorize(positive_interactions, progress=progress)
    weights = histories.weighted(decay=settings.history_decay, n=settings.history_books)
    return replace(factors, user_factors=np.asarray(weights @ factors.fold_in_factors, np.float32))
