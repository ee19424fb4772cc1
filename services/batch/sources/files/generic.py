"""Any table files, described by a `nightshelf.toml` in the same folder.

    name = "Town library"              # optional; by default the name of the folder
    simulated_readers = false          # true: the interactions are simulated; every answer then says so

    [books]
    file = "catalogue.csv"             # .csv, .csv.gz or .parquet
    columns = { book_id = "item", title = "name", authors = "writers", year = "published" }
    author_separator = ";"             # default ", "
    genre_separator = "|"              # default ","
    series_in_title = false            # titles end in "(Series, #2)"
    average_rating_scale = [1, 5]

    [[interactions]]                   # once per file
    file = "loans.csv"
    kind = "read"                      # the kind of all rows; default "rating"
    columns = { user_id = "member", book_id = "item", time = "returned" }
    time_format = "%d.%m.%Y"           # default "auto": seconds or milliseconds since 1970, or ISO 8601

    [[interactions]]
    file = "stars.parquet"
    columns = { user_id = "member", book_id = "item", value = "stars", kind = "what" }
    kinds = { starred = "rating", returned = "read" }    # only with a column `kind`
    rating_scale = [0, 10]             # default [1, 5]
    zero_is_read = false               # true: a rating of 0 means no rating

Columns of books: book_id and title, and any of authors, year, genres, series, series_position, description,
image_url, average_rating, n_ratings. Columns of interactions: user_id and book_id, and any of value (required for
ratings), kind, time. Either all files of interactions have a time, or none; without times, the row order counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from services.batch.sources.book_rows import clean_books
from services.batch.sources.files.tables import SUFFIXES, TableFile, fingerprint_files, open_table
from services.batch.sources.mapping import (
    MAPPING_FILE,
    BooksMapping,
    InteractionsMapping,
    MappedFolder,
    Mapping,
    Section,
    clean_all_interactions,
    read_mapping,
)
from shared.errors import SourceError

if TYPE_CHECKING:
    import pandas as pd

    from services.batch.sources.rejects import RejectLog


class _InFile(Section):
    file: str = Field(min_length=1)

    @model_validator(mode="after")
    def _is_beside(self) -> Self:
        if Path(self.file).name != self.file or not self.file.lower().endswith(SUFFIXES):
            raise ValueError(f"file {self.file!r} must be the name of a {', '.join(SUFFIXES)} file in the same folder")
        return self


class BooksFile(_InFile, BooksMapping):
    """`[books]`."""


class InteractionsFile(_InFile, InteractionsMapping):
    """One `[[interactions]]`."""


class FileMapping(Mapping[BooksFile, InteractionsFile]):
    """The whole of `nightshelf.toml`."""


@dataclass(slots=True)
class GenericSource(MappedFolder[FileMapping]):
    """A folder of files with a mapping; see `services.batch.sources.source.Source`. Make it with `open_generic`."""

    books_table: TableFile
    interactions_tables: tuple[TableFile, ...]
    kind: str = "generic"

    def fingerprint(self) -> str:
        """See `Source.fingerprint`. The mapping is part of it."""
        tables = (self.books_table, *self.interactions_tables)
        return fingerprint_files(self.kind, [self.path / MAPPING_FILE, *{table.path for table in tables}])

    def books(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.books`."""
        form = self.mapping.books.form(self.mapping.books.file)
        return clean_books(self.books_table.frame(form.columns, rejects), form, rejects)

    def interactions(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.interactions`."""
        forms = [table.form(table.file) for table in self.mapping.interactions]
        tables = zip(self.interactions_tables, forms, strict=True)
        return clean_all_interactions(((table.batches(form.columns, rejects), form) for table, form in tables), rejects)


def open_generic(path: Path) -> GenericSource:
    """Open a folder that has a `nightshelf.toml`.

    Raises:
        SourceError: the mapping is invalid, or a file or column in it is missing.
    """
    mapping = read_mapping(path, FileMapping)
    books = _open(path, mapping.books.file, list(mapping.books.columns.values()))
    interactions = tuple(_open(path, table.file, list(table.columns.values())) for table in mapping.interactions)
    return GenericSource(path, mapping, books, interactions)


def _open(folder: Path, name: str, columns: list[str]) -> TableFile:
    path = folder / name
    if not path.is_file():
        files = ", ".join(sorted(item.name for item in folder.iterdir())) or "none"
        raise SourceError(
            f"{MAPPING_FILE} names {name}, which is not in the folder; its files are {files}.", where=str(folder)
        )
    table = open_table(path)
    table.require(columns)
    return table
