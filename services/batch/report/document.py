"""`report.json`: the content of a report page. Clusters, sample readers and tuning need a generation."""

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
        n_books: number of books.
        x, y: its center, in [0, 1], y downwards.
        points: its books, or a sample: x and y in tenths of a percent of the map.
    """

    name: str
    n_books: int
    x: float
    y: float
    points: list[tuple[int, int]]


class BookLine(_Record):
    """A book: title and authors."""

    title: str
    authors: list[str]


class Recommendation(_Record):
    """A recommended book and why.

    Attributes:
        lists: its candidate sources, see `shared.recommend.blend.CANDIDATE_SOURCES`; empty for popularity backfill.
        because: title of the reader's book with the largest contribution.
    """

    book: BookLine
    lists: list[str]
    because: str | None


class SampleReader(_Record):
    """An anonymous reader: the last liked books, newest first, and the recommendations."""

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
