"""The non-personalized baseline: the most liked books of the training part."""

from __future__ import annotations

import numpy as np

from services.batch.evaluate.baselines.recommender import FactorRanker, FittedRecommender
from services.batch.ingest.training_data import Training
from services.batch.runtime.progress import Progress


class MostPopular:
    """The most liked books that the user has not seen, ties by item index."""

    name = "popularity"
    title = "Popularity"

    def fit(self, training: Training, *, threads: int, progress: Progress) -> FittedRecommender:  # noqa: ARG002  # the interface
        """Count."""
        everyone = np.ones((len(training.users), 1), np.float32)
        return FactorRanker(training, everyone, training.popularity.astype(np.float32)[:, None], threads=threads)
