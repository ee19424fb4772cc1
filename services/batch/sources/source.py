"""The interface of a source. A source reads and cleans its rows; ingest assigns item indexes and stores them.

Frames of a source use the ids of the source. Columns of `books`, one row per book, in the order of the source:

`book_id` str, `title` str, `authors` list of str, `year` float (whole; NaN: unknown), `genres` list of str (lower
case), `series` str or None, `series_position` float or NaN, `description` str or None, `image_url` str or None,
`average_rating` float on 1-5 or NaN, `n_ratings` float (whole) or NaN.

Columns of `interactions`, in the order of the source: `user_id` str or categorical, `book_id` str or categorical,
`kind` str or categorical (a kind of `shared.settings.InteractionKind`), `value` float (a rating on 1-5, else NaN),
`time` float (seconds since 1970; without times, the row's ordinal). Two more columns are optional, for the list of
rejected rows: `row` int (1 is the first data row of the file) and `file` (its name).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd

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
