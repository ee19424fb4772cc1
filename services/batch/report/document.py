"""`report.json`: everything that a report page shows. Clusters, sample readers and tuning need a generation."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.batch.evaluate.evaluation import Evaluation
from services.batch.tune.record import TuningRecord


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class ClusterOnMap(_Record):
    """A cluster on the map.

    Attributes:
        name: see `services.batch.content.cluster_names`.
        n_books: books in it.
        x, y: its middle, in [0, 1], y downwards.
        points: its books, or a sample of them: x and y in tenths of a percent of the map.
    """

    name: str
    n_books: int
    x: float
    y: float
    points: list[tuple[int, int]]


class BookLine(_Record):
    """A book in words: title and authors."""

    title: str
    authors: list[str]


class Recommendation(_Record):
    """A recommended book and why.

    Attributes:
        lists: the candidate sources of it, see `shared.recommend.blend.CANDIDATE_SOURCES`; none for a popular book that
            fills a list.
        because: title of the reader's book that contributes most.
    """

    book: BookLine
    lists: list[str]
    because: str | None


class SampleReader(_Record):
    """One reader without the id: the books they liked last, newest first, and their recommendations."""

    n_liked: int
    liked: list[BookLine]
    recommended: list[Recommendation]


class Report(_Record):
    """The document.

    Attributes:
        scope: "night" for a night's own evaluation, "full" for one with every baseline.
        evaluation: the figures.
        tribes: the clusters, largest first; empty without a content artifact.
        readers: a sample; empty without a generation.
        tuning: the last search for better settings.
    """

    format: Literal[1] = 1
    scope: Literal["night", "full"]
    evaluation: Evaluation
    tribes: list[ClusterOnMap] = []
    readers: list[SampleReader] = []
    tuning: TuningRecord | None = None
