"""Scores the served pipeline with given settings; trials that differ only in the blend share factors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from services.batch.metrics.ranking import ndcg_at
from services.batch.metrics.splits import Split
from services.batch.models.factor_model import Factors
from services.batch.models.factors import fit_factors
from services.batch.pipeline.blend_of_order import blend_of_order
from services.batch.pipeline.served_pipeline import ServedPipeline, candidate_generator, popular_books
from services.batch.runtime.progress import SILENT
from shared.artifacts.content import ContentNeighbors
from shared.artifacts.generation import content_id
from shared.recommend.candidates import CandidateGenerator
from shared.settings import CollaborativeSettings, ItemTransitionSettings, Settings

K = 10
_KEPT_FACTORS = 8
_SEED = 7


class TrialScores:
    """NDCG@10 of test users with given settings.

    Args:
        split: provides the training part; test users may come from any split with the same training part.
        content_artifact: folder of the content artifact.
        threads: number of threads.
    """

    def __init__(self, split: Split, content_artifact: Path, *, threads: int) -> None:
        self._training = split.training
        self._threads = threads
        self._content = ContentNeighbors.open(content_artifact, split.training.work_id)
        self._spread = popular_books(split.training, self._content.cluster_of)
        self._factors: LRUCache[str, Factors] = LRUCache(_KEPT_FACTORS)
        self._maker: tuple[ItemTransitionSettings, CandidateGenerator] | None = None
        self.n_factored = 0

    def of(self, split: Split, settings: Settings, *, n_parts: int = 1) -> Iterator[NDArray[np.float64]]:
        """NDCG@10 of each test user, float64, (n,), in `n_parts` parts; the users are in a fixed shuffled order."""
        pipeline = ServedPipeline(
            self._training,
            self._factors_for(settings.collaborative),
            self._maker_for(settings),
            self._spread,
            list_length=settings.collaborative.list_length,
            threads=self._threads,
        )
        # Rows are in order of first interaction: without a shuffle, the first part has only old users.
        order = np.random.default_rng(_SEED).permutation(len(split.rows))
        for places in np.array_split(order, n_parts):
            yield ndcg_at(pipeline.rank(split.rows[places], K), split.relevant[places], K)

    def all_of(self, split: Split, settings: Settings) -> NDArray[np.float64]:
        """NDCG@10 of all test users, float64, (n,), in the order of `of`."""
        return np.concatenate(list(self.of(split, settings)))

    def _factors_for(self, settings: CollaborativeSettings) -> Factors:
        key = content_id(settings.model_dump(mode="json", exclude={"list_length"}))
        if key not in self._factors:
            training = self._training
            self._factors[key] = fit_factors(
                settings, training.positive_interactions, training.histories, threads=self._threads, progress=SILENT
            )
            self.n_factored += 1
        return self._factors[key]

    def _maker_for(self, settings: Settings) -> CandidateGenerator:
        """The candidate generator for these settings, reused while the item-transition settings stay the same."""
        if self._maker is None or self._maker[0] != settings.item_transitions:
            maker = candidate_generator(self._training, self._content, settings, progress=SILENT)
            self._maker = (settings.item_transitions, maker)
        return replace(self._maker[1], settings=blend_of_order(settings.blend, self._training.interactions.order))
