"""`report.json`: everything a report page shows. The page is made of this and nothing else.

The evaluation is the one of `services.batch.evaluate.evaluation`; tribes, sample readers and tuning are there where the
report is of a generation.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.batch.evaluate.evaluation import Evaluation
from services.batch.tune.record import TuningRecord


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class TribeFacts(_Record):
    """A tribe on the map.

    Attributes:
        name: its telling words.
        n_books: books in it.
        x, y: the middle of it, in [0, 1], y downwards.
        points: books of it, a pair of tenths of a percent of the map's width and height each; a sample where there are
            very many.
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
        book: the book.
        lists: the sources that carried it, see `shared.recommend.blend.SOURCES`; none for a popular book that fills a list.
        because: title of the reader's own book that speaks most for it.
    """

    book: BookLine
    lists: list[str]
    because: str | None


class SampleReader(_Record):
    """One reader, without the id: what they liked last, newest first, and what they are recommended."""

    n_liked: int
    liked: list[BookLine]
    recommended: list[Recommendation]


class Report(_Record):
    """The document.

    Attributes:
        scope: "night" for what a night measures of itself, "full" for an evaluation with every baseline.
        evaluation: the figures.
        tribes: largest first; empty without a content artifact.
        readers: a sample; empty without a generation.
        tuning: the last search for better settings, if there was one.
    """

    format: Literal[1] = 1
    scope: Literal["night", "full"]
    evaluation: Evaluation
    tribes: list[TribeFacts] = []
    readers: list[SampleReader] = []
    tuning: TuningRecord | None = None
