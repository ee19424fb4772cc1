"""The interface of a source. A source reads and cleans its rows; ingest assigns item indexes and stores them.

Frames of a source use the ids of the source. Columns of `books`, one row per book, in the order of the source:

`book_id` str, `title` str, `authors` list of str, `year` float (whole; NaN: unknown), `genres` list of str (lower
case), `series` str or None, `series_position` float or NaN, `description` str or None, `image_url` str or None,
`average_rating` float on 1-5 or NaN, `n_ratings` float (whole) or NaN, `isbns` list of str (ISBN-13, distinct),
`other_titles` list of str (such as the original title).

Columns of `interactions`, in the order of the source: `user_id` str or categorical, `book_id` str or categorical,
`kind` str or categorical (a kind of `shared.settings.InteractionKind`), `value` float (a rating on 1-5, else NaN),
`time` float (seconds since 1970; without times, the row's ordinal). Two more columns are optional, for the list of
rejected rows: `row` int (1 is the first data row of the file) and `file` (its name).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd

    from services.batch.sources.guesses import Guess
    from services.batch.sources.order import Order
    from services.batch.sources.rejects import RejectLog

BOOK_COLUMNS = (
    "book_id",
    "title",
    "authors",
    "year",
    "genres",
    "series",
    "series_position",
    "description",
    "image_url",
    "average_rating",
    "n_ratings",
    "isbns",
    "other_titles",
)
LIST_SEPARATOR = "\x1f"
"""Separator of the parts of a list, such as authors, in text rows; no part contains it."""
INTERACTION_COLUMNS = ("user_id", "book_id", "kind", "value", "time")


class Source(Protocol):
    """A source of books and interactions."""

    @property
    def kind(self) -> str:
        """The format, for instance `demo`, `goodbooks`, `book-crossing` or `generic`."""

    @property
    def name(self) -> str:
        """The name of this source; part of the snapshot's id."""

    @property
    def rating_scale(self) -> str:
        """The original rating scale, before the mapping to 1-5, for instance `1-10`."""

    @property
    def order(self) -> Order | None:
        """What the interactions know of order; `None` to find it out from their times and rows."""

    @property
    def simulated_readers(self) -> bool:
        """Whether a program generated the interactions. Shown beside all figures."""

    def fingerprint(self) -> str:
        """A hash of the inputs of `books` and `interactions`; equal if both are unchanged."""

    def books(self, rejects: RejectLog) -> pd.DataFrame:
        """The books; invalid rows go to `rejects`.

        Raises:
            SourceError: a required column is missing, or the file cannot be read at all.
        """

    def interactions(self, rejects: RejectLog) -> pd.DataFrame:
        """The interactions; invalid rows go to `rejects`.

        Raises:
            SourceError: a required column is missing, or the file cannot be read at all.
        """


@runtime_checkable
class TableSource(Protocol):
    """What a source of tables can say besides; a source without tables, such as the demo, need not."""

    @property
    def id(self) -> str | None:
        """The identity that somebody gave to the source, for the quality gate; `None`: nobody did."""

    @property
    def guesses(self) -> Sequence[Guess]:
        """What the source did not say and was guessed, apart from the guesses made while reading rows."""

    @property
    def book_columns(self) -> Collection[str]:
        """The columns of `books` that the source has."""

    def best_joins(self) -> list[str]:
        """The best columns to join interactions and books by, in words, best first."""


def source_id(source: Source) -> str | None:
    """The identity that somebody gave to a source."""
    return source.id if isinstance(source, TableSource) else None


def guesses_of(source: Source) -> Sequence[Guess]:
    """The guesses about a source of tables."""
    return source.guesses if isinstance(source, TableSource) else ()


def source_columns(source: Source) -> Collection[str]:
    """The columns of the books that a source of tables has."""
    return source.book_columns if isinstance(source, TableSource) else ()


def best_joins(source: Source) -> list[str]:
    """The two best joins of a source of tables."""
    return source.best_joins()[:2] if isinstance(source, TableSource) else []
