"""A factor model of the night (`services.batch.models.factor_model`) over all books, without the blend."""

from __future__ import annotations

from dataclasses import dataclass

from services.batch.evaluate.baselines.recommender import FactorRanker, FittedRecommender
from services.batch.ingest.training_data import Training
from services.batch.models.factors import fit_factors
from services.batch.runtime.progress import Progress
from shared.settings import CollaborativeSettings


@dataclass(frozen=True)
class FactorModel:
    """The factor model of these settings: scaled SVD, or ALS by the library `implicit`."""

    name: str
    title: str
    settings: CollaborativeSettings

    def fit(self, training: Training, *, threads: int, progress: Progress) -> FittedRecommender:
        """Factor the positive interactions.

        Raises:
            ModelError: the library of the model is not installed.
        """
        factors = fit_factors(
            self.settings, training.positive_interactions, training.histories, threads=threads, progress=progress
        )
        return FactorRanker(training, factors.user_factors, factors.item_factors, threads=threads)
