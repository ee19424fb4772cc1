"""The served pipeline, whole or one half of it, behind the interface of a system."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from services.batch.evaluate.served_pipeline import ServedPipeline, popular_spread
from services.batch.evaluate.systems.system import Ranker
from services.batch.evaluate.training import Training
from services.batch.factorizers import open_factorizer
from services.batch.progress import Progress
from shared.neighbours import Neighbours
from shared.settings import Settings


@dataclass(frozen=True)
class Served:
    """What readers get.

    Attributes:
        name: a short identifier.
        settings: of the factor model, the lists and the blend.
        content_part: folder of the content part; `None` leaves the content half out.
        halves: which of the two lists are made; one alone is not filled up with popular books.
    """

    name: str
    settings: Settings
    content_part: Path | None
    halves: Literal["both", "collaborative", "content"] = "both"

    def fit(self, training: Training, *, threads: int, progress: Progress) -> Ranker:
        """Factor the training part, and open the content part."""
        factors = neighbours = spread = None
        if self.halves != "content":
            factorizer = open_factorizer(self.settings.collaborative, threads=threads)
            factors = factorizer.factorize(training.positives, progress=progress)
        if self.content_part is not None and self.halves != "collaborative":
            neighbours = Neighbours.open(self.content_part, training.works)
        if self.halves == "both":
            tribeless = np.full(training.n_books, -1, np.int32)
            spread = popular_spread(training, tribeless if neighbours is None else neighbours.tribe_of)
        return ServedPipeline(
            training,
            factors,
            neighbours,
            spread,
            self.settings.blend,
            list_length=self.settings.collaborative.list_length,
            threads=threads,
        )
