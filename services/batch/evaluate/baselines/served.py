"""The served pipeline, or one of its candidate sources, as a recommender to compare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from services.batch.evaluate.baselines.recommender import FittedRecommender
from services.batch.ingest.training_data import Training
from services.batch.models.factors import fit_factors
from services.batch.pipeline.served_pipeline import ServedPipeline, candidate_generator, popular_books
from services.batch.pipeline.train_reranker import train_reranker
from services.batch.runtime.progress import Progress
from shared.artifacts.content import ContentNeighbors
from shared.recommend.blend import CANDIDATE_SOURCES
from shared.settings import Settings

TITLES = {
    "served": "Served pipeline",
    "served-blend": "Its blend, not reranked",
    "served-collaborative": "Its collaborative list",
    "served-item_transitions": "Its item transitions",
    "served-same_series_author": "Its series and authors",
    "served-content": "Its content list",
}
Source: TypeAlias = Literal["collaborative", "content", "item_transitions", "same_series_author"]


@dataclass(frozen=True)
class Served:
    """The served pipeline.

    Attributes:
        name: a short identifier.
        settings: of the factor model, the lists, the blend and the reranker.
        content_artifact: folder of the content artifact; `None` leaves the content list out.
        only: the only candidate source to use, without popularity backfill; `None` uses all.
    """

    name: str
    settings: Settings
    content_artifact: Path | None
    only: Source | None = None

    @property
    def title(self) -> str:
        """The title of a known name; otherwise the name."""
        return TITLES.get(self.name, self.name)

    def fit(self, training: Training, *, threads: int, progress: Progress) -> FittedRecommender:
        """Factor the training part, open the content artifact, and train the reranker if it is on.

        Raises:
            ModelError: the library of the factor model or the reranker is not installed.
        """
        settings = self.settings
        factors = content = spread = reranker = None
        wanted = CANDIDATE_SOURCES if self.only is None else (self.only,)
        if "collaborative" in wanted:
            factors = fit_factors(
                settings.collaborative,
                training.positive_interactions,
                training.histories,
                threads=threads,
                progress=progress,
            )
        if "content" in wanted and self.content_artifact is not None:
            content = ContentNeighbors.open(self.content_artifact, training.work_id)
        if self.only is None:
            no_clusters = np.full(training.n_books, -1, np.int32)
            spread = popular_books(training, no_clusters if content is None else content.cluster_of)
            reranker = train_reranker(training, content, settings, threads=threads, progress=progress)
        return ServedPipeline(
            training,
            factors,
            candidate_generator(training, content, settings, only=wanted, progress=progress),
            spread,
            list_length=settings.collaborative.list_length,
            threads=threads,
            reranker=reranker,
        )
