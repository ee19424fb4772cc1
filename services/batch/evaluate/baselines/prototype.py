"""The project's first prototype, a hybrid: the mean of two scores per book, each min-max scaled over all books.

One score is plain SVD on raw ratings. The other is the cosine of the descriptions of the book and the user's favorite.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from services.batch.evaluate.baselines.plain_svd import factors_of_stars
from services.batch.evaluate.baselines.recommender import FittedRecommender, ScoreRanker
from services.batch.ingest.training_data import Training
from services.batch.runtime.progress import Progress


@dataclass(frozen=True)
class PrototypeHybrid:
    """Plain SVD combined with the content neighbors of one book.

    Attributes:
        content_artifact: folder of the content artifact.
        rank: of the SVD.
    """

    content_artifact: Path
    rank: int = 50
    seed: int = 7
    name: str = "prototype"
    title: ClassVar[str] = "Prototype hybrid"

    def fit(self, training: Training, *, threads: int, progress: Progress) -> FittedRecommender:  # noqa: ARG002  # the interface
        """Factor the stars and find each user's favorite."""
        users, items = factors_of_stars(training, self.rank, seed=self.seed, progress=progress)
        vectors = np.asarray(np.load(self.content_artifact / "vectors.npy", mmap_mode="r"), np.float32)
        return ScoreRanker(training, partial(_scores, users, items, vectors, _favourites(training)))


def _scores(
    users: NDArray[np.float32],
    items: NDArray[np.float32],
    vectors: NDArray[np.float32],
    favourites: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    return 0.5 * _min_max(users[rows] @ items.T) + 0.5 * _min_max(vectors[favourites[rows]] @ vectors.T)


def _favourites(training: Training) -> NDArray[np.int64]:
    """int64, (n_users,): the book with the user's highest rating, the latest of several."""
    known = training.feedback
    if not len(known):
        return np.empty(0, np.int64)
    stars = np.asarray(training.stars[known.rows, known.item_index]).ravel()
    order = np.lexsort((known.times, stars, known.rows))
    last = np.searchsorted(known.rows[order], np.arange(len(training.users)), side="right") - 1
    return known.item_index[order][last].astype(np.int64)


def _min_max(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    low = scores.min(axis=1, keepdims=True)
    span = scores.max(axis=1, keepdims=True) - low
    scaled: NDArray[np.float32] = np.divide(scores - low, span, out=np.zeros_like(scores), where=span > 0)
    return scaled
