"""PureSVD on unscaled ratings: Cremonesi, Koren and Turrin, RecSys 2010."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from services.batch.evaluate.baselines.recommender import FactorRanker, FittedRecommender
from services.batch.ingest.training_data import Training
from services.batch.models.svd import right_singular_vectors
from services.batch.runtime.progress import Progress


@dataclass(frozen=True)
class PlainSvd:
    """Truncated SVD of the zero-filled matrix of stars."""

    rank: int = 50
    seed: int = 7
    name: str = "plain-svd"
    title: ClassVar[str] = "Plain SVD"

    def fit(self, training: Training, *, threads: int, progress: Progress) -> FittedRecommender:
        """Factor."""
        user_factors, item_factors = factors_of_stars(training, self.rank, seed=self.seed, progress=progress)
        return FactorRanker(training, user_factors, item_factors, threads=threads)


def factors_of_stars(
    training: Training, rank: int, *, seed: int, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """User and item factors, float32, whose product is the best approximation of the stars of this rank."""
    stars = training.stars
    if not stars.nnz:
        return np.zeros((stars.shape[0], 1), np.float32), np.zeros((stars.shape[1], 1), np.float32)
    items = right_singular_vectors(stars, rank, seed=seed, progress=progress)
    return np.asarray(stars @ items, np.float32), items
