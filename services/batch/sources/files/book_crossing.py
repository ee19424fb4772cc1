r"""Book-Crossing in both common forms: Kaggle's `Books.csv`, `Ratings.csv`, `Users.csv`, and the original `BX-*.csv`.

The original is separated by `;`, in Latin-1, with quotes escaped as `\"`; `tables` reads both. A rating of 0 means that
the user has the book but gave no rating: it becomes the kind `read`. 1-10 are ratings. There are no times, and the
rows are sorted by reader. `Users.csv` is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from services.batch.sources.book_rows import BookFormat, clean_books
from services.batch.sources.files.layouts import Layout, Role
from services.batch.sources.files.recognized import RecognizedFolder
from services.batch.sources.files.tables import TableFile
from services.batch.sources.interaction_rows import InteractionFormat, clean_interactions

if TYPE_CHECKING:
    import pandas as pd

    from services.batch.sources.mapping import Scale
    from services.batch.sources.order import Order
    from services.batch.sources.overrides import Overrides
    from services.batch.sources.rejects import RejectLog

LAYOUT = Layout(
    "Book-Crossing",
    {
        "books": Role(r"(bx[-_ ]?)?books", ("isbn", "book_title")),
        "ratings": Role(r"(bx[-_ ]?)?(book[-_ ]?)?ratings", ("user_id", "isbn", "book_rating")),
    },
)
_IMAGE_COLUMNS = ("image_url_l", "image_url_m", "image_url_s")
_RATING_COLUMNS = {"user_id": "user_id", "book_id": "isbn", "value": "book_rating"}


@dataclass(slots=True)
class BookCrossingSource(RecognizedFolder):
    """A Book-Crossing folder; see `services.batch.sources.source.Source`. Make it with `open_book_crossing`."""

    kind: ClassVar[str] = "book-crossing"
    usual_scale: ClassVar[Scale] = (1.0, 10.0)
    usual_columns: ClassVar[Mapping[str, str]] = {
        "book_id": "isbn",
        "title": "book_title",
        "authors": "book_author",
        "year": "year_of_publication",
    }
    usual_order: ClassVar[Order | None] = "none"

    def books(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.books`."""
        table = self.tables["books"]
        columns = {ours: theirs for ours, theirs in self.usual_columns.items() if theirs in table}
        if images := [name for name in _IMAGE_COLUMNS if name in table]:
            columns["image_url"] = images[0]
        form = BookFormat(
            table.path.name,
            _written(table, columns),
            author_separator=None,
            series_in_title=True,
            rejects_shifted=True,
        )
        return clean_books(table.frame(columns, rejects), form, rejects)

    def interactions(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.interactions`."""
        table = self.tables["ratings"]
        columns = _written(table, _RATING_COLUMNS)
        form = InteractionFormat(table.path.name, columns, scale=self.scale, zero_is_read=True)
        return clean_interactions(table.batches(_RATING_COLUMNS, rejects), form, rejects)


def _written(table: TableFile, columns: Mapping[str, str]) -> dict[str, str]:
    """The column names as written in the file, for rejects: `Book-Rating` or `book_rating`."""
    return {
        ours: table.columns[position]
        for ours, name in columns.items()
        if (position := table.position(name)) is not None
    }


def open_book_crossing(path: Path, tables: Sequence[TableFile], overrides: Overrides) -> BookCrossingSource:
    """Open a folder in this format.

    Raises:
        SourceError: a required table or column is missing.
    """
    return BookCrossingSource(path, LAYOUT.assign(path, tables), overrides)
