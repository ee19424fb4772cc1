"""Any table files, described by a `nightshelf.toml` in the same folder.

    name = "Town library"              # optional; by default the name of the folder
    simulated_readers = false          # true: the interactions are simulated; every answer then says so
    order = "time"                     # or "sequence" (within a reader only) or "none"; by default found out

    [books]
    file = "catalogue.csv"             # .csv, .csv.gz or .parquet
    columns = { book_id = "item", title = "name", authors = "writers", year = "published" }
    author_separator = ";"             # default ", "
    genre_separator = "|"              # default ","
    series_in_title = false            # titles end in "(Series, #2)"
    average_rating_scale = [1, 5]

    [[interactions]]                   # once per file; may be left out
    file = "loans.csv"
    kind = "read"                      # the kind of all rows; default "rating"
    columns = { user_id = "member", book_id = "item", time = "returned" }
    time_format = "%d.%m.%Y"           # default "auto": any usual date; see docs/sources.md

    [[interactions]]
    file = "stars.parquet"
    columns = { user_id = "member", book_id = "item", value = "stars", kind = "what" }
    kinds = { starred = "rating", returned = "read" }    # only with a column `kind`
    rating_scale = [0, 10]             # default [1, 5]
    zero_is_read = false               # true: a rating of 0 means no rating
    empty_is_read = false              # true: an empty rating means read; by default if the file also has the books

Columns of books: book_id and title, and any of authors, year, genres, series, series_position, description,
image_url, average_rating, n_ratings. Columns of interactions: user_id and book_id, and any of value (required for
ratings), kind, time, and time_else (dates rows without a time). `time = ["year", "month"]` joins several columns.
Either all files of interactions have a time, or none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from services.batch.sources.book_ids import with_own_ids
from services.batch.sources.book_rows import clean_books
from services.batch.sources.files.joins import Join, rank_joins
from services.batch.sources.files.tables import SUFFIXES, TableFile, fingerprint_files, open_table, plain_name
from services.batch.sources.guesses import Guess
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
from services.batch.sources.time_column import DATED_OTHERWISE, OTHER_TIME
from shared.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    import pyarrow as pa

    from services.batch.sources.interaction_rows import InteractionFormat
    from services.batch.sources.rejects import RejectLog

_OTHER_DATES = frozenset({"date_added", "added", "added_at", "date_created", "created", "created_at", "created_on"})


class _InFile(Section):
    file: str = Field(min_length=1)
    encoding: str | None = Field(None, min_length=1)

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

    encoding: str | None = Field(None, min_length=1)


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

    @property
    def guesses(self) -> Sequence[Guess]:
        """See `TableSource.guesses`."""
        tables = dict.fromkeys((self.books_table, *self.interactions_tables))
        return [*super(GenericSource, self).guesses, *(guess for table in tables for guess in table.guesses)]

    def best_joins(self) -> list[str]:
        """See `TableSource.best_joins`; all columns that are mapped to nothing else are tried."""
        of_books = _free_columns(self.books_table, self.mapping.books.columns)
        found: list[Join] = []
        for table, mapped in zip(self.interactions_tables, self.mapping.interactions, strict=True):
            found += rank_joins(self.books_table, of_books, table, _free_columns(table, mapped.columns))
        return [str(join) for join in sorted(found, key=lambda join: -join.share) if join.n_found]

    def books(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.books`."""
        form = self.mapping.books.form(self.mapping.books.file)
        return clean_books(self.books_table.frame(form.columns, rejects), form, rejects)

    def interactions(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.interactions`."""
        guesses: list[Guess] = []
        forms = [
            self._form(mapped, table, guesses)
            for mapped, table in zip(self.mapping.interactions, self.interactions_tables, strict=True)
        ]
        tables = zip(self.interactions_tables, forms, strict=True)
        frame = clean_all_interactions(((self._batches(table, form, rejects), form) for table, form in tables), rejects)
        if DATED_OTHERWISE in rejects.kept:
            rejects.guesses.extend(guesses)
        return frame

    def _batches(self, table: TableFile, form: InteractionFormat, rejects: RejectLog) -> Iterator[pa.Table]:
        """The rows of a table. Books without an id have one of their own, also where interactions share their rows."""
        books = self.mapping.books
        if form.file != books.file or form.columns["book_id"] != books.columns["book_id"]:
            yield from table.batches(form.columns, rejects)
            return
        texts = {f"book {name}": column for name, column in books.columns.items() if name in {"title", "authors"}}
        for batch in table.batches({**form.columns, **texts}, rejects):
            yield with_own_ids(batch, "book title", "book authors").drop_columns(list(texts))

    def _form(self, mapped: InteractionsFile, table: TableFile, guesses: list[Guess]) -> InteractionFormat:
        """The row format, with what the file says and the mapping does not."""
        form = mapped.form(mapped.file, is_shelf=mapped.file == self.mapping.books.file)
        if "time" in form.columns and OTHER_TIME not in form.columns:
            taken = {plain_name(name) for name in form.columns.values()}
            others = [name for name in table.columns if plain_name(name) in _OTHER_DATES - taken]
            if others:
                setting = f'columns = {{ {OTHER_TIME} = "…" }}'
                guesses.append(Guess(f"date of rows without one in {mapped.file}", others[0], setting))
                return replace(form, columns={**form.columns, OTHER_TIME: others[0]})
        return form


def _free_columns(table: TableFile, columns: dict[Any, str]) -> list[str]:
    """The columns of a table that may hold the id of a book: the mapped one, then those mapped to nothing else."""
    taken = {table.position(theirs) for ours, theirs in columns.items() if ours != "book_id"}
    free = [place for place in range(len(table.columns)) if place not in taken]
    return [
        table.columns[place] for place in sorted(free, key=lambda place: place != table.position(columns["book_id"]))
    ]


def open_generic(path: Path) -> GenericSource:
    """Open a folder that has a `nightshelf.toml`.

    Raises:
        SourceError: the mapping is invalid, or a file or column in it is missing.
    """
    mapping = read_mapping(path, FileMapping)
    books = _open(path, mapping.books, mapping.encoding)
    interactions = tuple(_open(path, table, mapping.encoding) for table in mapping.interactions)
    return GenericSource(path, mapping, books, interactions)


def _open(folder: Path, mapped: BooksFile | InteractionsFile, encoding: str | None) -> TableFile:
    name = mapped.file
    path = folder / name
    if not path.is_file():
        files = ", ".join(sorted(item.name for item in folder.iterdir())) or "none"
        raise SourceError(
            f"{MAPPING_FILE} names {name}, which is not in the folder; its files are {files}.", where=str(folder)
        )
    table = open_table(path, mapped.encoding or encoding)
    table.require(list(mapped.columns.values()))
    return table
