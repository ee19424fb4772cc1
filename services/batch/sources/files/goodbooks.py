"""A folder in the format of goodbooks-10k: `books`, `ratings`, and optionally `genres` and `descriptions`.

Editions of this data set have several id columns, and `ratings` refers to another one in each: in the original
`book_id`, in Kaggle's `id`, where `book_id` is Goodreads' id. The source uses the column that joins best. There are no
times: the rows of `ratings` are in chronological order, unless a copy is sorted by reader or book.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from services.batch.sources.book_rows import BookFormat, clean_books
from services.batch.sources.files.joins import Join, rank_joins
from services.batch.sources.files.layouts import Layout, Role
from services.batch.sources.files.recognized import RecognizedFolder
from services.batch.sources.files.tables import TableFile, plain_name
from services.batch.sources.guesses import Guess
from services.batch.sources.ids import clean_id, likely_key
from services.batch.sources.interaction_rows import InteractionFormat, clean_interactions

if TYPE_CHECKING:
    import pandas as pd

    from services.batch.sources.overrides import Overrides
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
_ID_COLUMNS = ("book_id", "id", "goodreads_book_id", "best_book_id", "work_id", "isbn", "isbn13")
_PARTS = {"genres": "genres", "descriptions": "description"}


@dataclass(slots=True)
class GoodbooksSource(RecognizedFolder):
    """A goodbooks-10k folder; see `services.batch.sources.source.Source`. Make it with `open_goodbooks`."""

    kind: ClassVar[str] = "goodbooks"
    usual_columns: ClassVar[Mapping[str, str]] = {
        "title": "title",
        "authors": "authors",
        "year": "original_publication_year",
        "genres": "genres",
        "description": "description",
        "image_url": "image_url",
        "average_rating": "average_rating",
        "n_ratings": "ratings_count",
        "isbn": "isbn",
        "isbn13": "isbn13",
        "original_title": "original_title",
    }
    _joins: list[Join] = field(default_factory=list)

    @property
    def book_columns(self) -> Sequence[str]:
        """See `TableSource.book_columns`."""
        beside = [column for part, column in _PARTS.items() if part in self.tables]
        return [*super(GoodbooksSource, self).book_columns, *beside]

    @property
    def guesses(self) -> Sequence[Guess]:
        """See `TableSource.guesses`."""
        guesses = [*super(GoodbooksSource, self).guesses]
        if self.overrides.books_id is None and len(self.joins) > 1:
            join = self.joins[0]
            guesses.append(Guess("id of the books", str(join), f'books_id = "{join.books}"'))
        return guesses

    @property
    def joins(self) -> list[Join]:
        """The joins of the id columns, the best first; found once."""
        if not self._joins:
            books, ratings = self.tables["books"], self.tables["ratings"]
            given = self.overrides
            for table, column in ((books, given.books_id), (ratings, given.interactions_id)):
                table.require([column] if column else [])
            self._joins = rank_joins(
                books,
                [given.books_id] if given.books_id else _ID_COLUMNS,
                ratings,
                [given.interactions_id] if given.interactions_id else _ID_COLUMNS,
            )
        return self._joins

    def best_joins(self) -> list[str]:
        """See `TableSource.best_joins`; all columns that are nothing else are tried, whatever the overrides."""
        books, ratings = self.tables["books"], self.tables["ratings"]
        taken = {*self.usual_columns.values(), "user_id", "rating"} - {"isbn", "isbn13"}
        of_books, of_ratings = (
            [name for name in table.columns if plain_name(name) not in taken] for table in (books, ratings)
        )
        joins = rank_joins(books, of_books, ratings, of_ratings)
        return [str(join) for join in joins if join.n_found]

    def books(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.books`."""
        table = self.tables["books"]
        columns = {ours: theirs for ours, theirs in self.usual_columns.items() if theirs in table}
        columns["book_id"] = self.joins[0].books
        keys = {part: self._key_of(part) for part in _PARTS if part in self.tables}
        raw = table.frame(columns | {f"key of {part}": column for part, column in keys.items()}, rejects)
        for part in keys:
            raw[_PARTS[part]] = self._beside(part, _PARTS[part], raw[f"key of {part}"], rejects)
        return clean_books(raw, BookFormat(table.path.name, columns, series_in_title=True), rejects)

    def _key_of(self, part: str) -> str:
        """The id column of the books that a separate table refers to."""
        joins = rank_joins(self.tables["books"], [self.joins[0].books, *_ID_COLUMNS], self.tables[part], ["book_id"])
        return joins[0].books

    def _beside(self, part: str, column: str, book_ids: pd.Series, rejects: RejectLog) -> pd.Series:
        """A column of a separate table, in the order of `book_ids`; `""` for missing books."""
        rows = self.tables[part].frame({"book_id": "book_id", column: column}, rejects)
        filled = rows[rows[column] != ""].assign(book_id=rows["book_id"].map(_key))
        filled = filled.drop_duplicates("book_id", keep="last")
        return book_ids.map(_key).map(filled.set_index("book_id")[column]).fillna("")

    def interactions(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.interactions`."""
        table = self.tables["ratings"]
        columns = {"user_id": "user_id", "book_id": self.joins[0].interactions, "value": "rating"}
        form = InteractionFormat(table.path.name, columns, scale=self.scale)
        return clean_interactions(table.batches(columns, rejects), form, rejects)


def _key(text: str) -> str:
    return likely_key(clean_id(text)[0])


def open_goodbooks(path: Path, tables: Sequence[TableFile], overrides: Overrides) -> GoodbooksSource:
    """Open a folder in this format.

    Raises:
        SourceError: a required table or column is missing.
    """
    return GoodbooksSource(path, LAYOUT.assign(path, tables), overrides)
