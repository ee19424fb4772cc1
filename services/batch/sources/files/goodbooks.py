"""A folder in the format of goodbooks-10k: `books`, `ratings`, and optionally `genres` and `descriptions`.

`book_id` is the key that `ratings` uses. There are no times: the rows of `ratings` are in chronological
order, unless a copy is sorted by reader or book.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.batch.sources.book_rows import BookFormat, clean_books
from services.batch.sources.files.layouts import Layout, Role
from services.batch.sources.files.tables import TableFile, fingerprint_files
from services.batch.sources.interaction_rows import InteractionFormat, clean_interactions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from services.batch.sources.order import Order
    from services.batch.sources.rejects import RejectLog

LAYOUT = Layout(
    "goodbooks-10k",
    {
        "books": Role("books", ("book_id", "title")),
        "ratings": Role("ratings", ("user_id", "book_id", "rating")),
        "genres": Role("(book_)?genres", ("book_id", "genres"), optional=True),
        "descriptions": Role("(book_)?descriptions", ("book_id", "description"), optional=True),
    },
)
_BOOK_COLUMNS = {
    "book_id": "book_id",
    "title": "title",
    "authors": "authors",
    "year": "original_publication_year",
    "genres": "genres",
    "description": "description",
    "image_url": "image_url",
    "average_rating": "average_rating",
    "n_ratings": "ratings_count",
}
_RATING_COLUMNS = {"user_id": "user_id", "book_id": "book_id", "value": "rating"}


@dataclass(frozen=True, slots=True)
class GoodbooksSource:
    """A goodbooks-10k folder; see `services.batch.sources.source.Source`. Make it with `open_goodbooks`."""

    path: Path
    tables: Mapping[str, TableFile]
    kind: str = "goodbooks"
    rating_scale: str = "1-5"
    order: Order | None = None  # a copy may be sorted by reader
    simulated_readers: bool = False

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    def fingerprint(self) -> str:
        """See `Source.fingerprint`."""
        return fingerprint_files(self.kind, [table.path for table in self.tables.values()])

    def books(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.books`."""
        table = self.tables["books"]
        columns = {ours: theirs for ours, theirs in _BOOK_COLUMNS.items() if theirs in table}
        raw = table.frame(columns, rejects)
        for part, column in (("genres", "genres"), ("descriptions", "description")):
            if part in self.tables:
                raw[column] = self._beside(part, column, raw["book_id"], rejects)
        return clean_books(raw, BookFormat(table.path.name, columns, series_in_title=True), rejects)

    def _beside(self, part: str, column: str, book_ids: pd.Series, rejects: RejectLog) -> pd.Series:
        """A column of a separate table, in the order of `book_ids`; `""` for missing books."""
        rows = self.tables[part].frame({"book_id": "book_id", column: column}, rejects)
        filled = rows[rows[column] != ""].drop_duplicates("book_id", keep="last")
        return book_ids.map(filled.set_index("book_id")[column]).fillna("")

    def interactions(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.interactions`."""
        table = self.tables["ratings"]
        form = InteractionFormat(table.path.name, _RATING_COLUMNS)
        return clean_interactions(table.batches(_RATING_COLUMNS, rejects), form, rejects)


def open_goodbooks(path: Path, tables: Sequence[TableFile]) -> GoodbooksSource:
    """Open a folder in this format.

    Raises:
        SourceError: a required table or column is missing.
    """
    return GoodbooksSource(path, LAYOUT.assign(path, tables))
