"""Any tables, described by a `nightshelf.toml` beside them.

    name = "Town library"              # optional; by default the name of the folder
    simulated_readers = false          # true: the interactions are made up; every answer then says so

    [books]
    file = "catalogue.csv"             # .csv, .csv.gz or .parquet
    columns = { book_id = "item", title = "name", authors = "writers", year = "published" }
    author_separator = ";"             # default ", "
    genre_separator = "|"              # default ","
    series_in_title = false            # titles end in "(Series, #2)"
    average_rating_scale = [1, 5]

    [[interactions]]                   # once for each file
    file = "loans.csv"
    kind = "read"                      # the kind of all rows; default "rating"
    columns = { user_id = "member", book_id = "item", time = "returned" }
    time_format = "%d.%m.%Y"           # default "auto": seconds or milliseconds since 1970, or ISO 8601

    [[interactions]]
    file = "stars.parquet"
    columns = { user_id = "member", book_id = "item", value = "stars", kind = "what" }
    kinds = { starred = "rating", returned = "read" }    # only with a column `kind`
    rating_scale = [0, 10]             # default [1, 5]
    zero_is_read = false               # a rating of 0 stands for no rating

Columns of books: book_id and title, and any of authors, year, genres, series, series_position, description,
image_url, average_rating, n_ratings. Columns of interactions: user_id and book_id, and any of value (required for
ratings), kind, time. Either all files of interactions have a time, or none; without, the order of rows counts.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.batch.sources.book_rows import BookFormat, clean_books
from services.batch.sources.interaction_rows import KINDS, InteractionFormat, clean_interactions
from services.batch.sources.tables import SUFFIXES, TableFile, fingerprint_files, open_table
from shared.errors import SourceError
from shared.settings import InteractionKind

if TYPE_CHECKING:
    from services.batch.sources.rejects import RejectLog

MAPPING_FILE = "nightshelf.toml"
BookColumn = Literal[
    "book_id", "title", "authors", "year", "genres", "series", "series_position", "description", "image_url",
    "average_rating", "n_ratings",
]  # fmt: skip
InteractionColumn = Literal["user_id", "book_id", "value", "kind", "time"]
Separator = Annotated[str, Field(min_length=1)]
Scale = tuple[float, float]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    file: str = Field(min_length=1)

    @model_validator(mode="after")
    def _is_beside(self) -> Self:
        if Path(self.file).name != self.file or not self.file.lower().endswith(SUFFIXES):
            raise ValueError(f"file {self.file!r} must be the name of a {', '.join(SUFFIXES)} file in the same folder")
        return self


def _ascending(scale: Scale) -> None:
    if not scale[0] < scale[1]:
        raise ValueError(f"a scale goes from its lowest to its highest value, not {list(scale)}")


class BooksMapping(_Table):
    """`[books]`."""

    columns: dict[BookColumn, str]
    author_separator: Separator = ", "
    genre_separator: Separator = ","
    series_in_title: bool = False
    average_rating_scale: Scale = (1.0, 5.0)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if missing := {"book_id", "title"} - set(self.columns):
            raise ValueError(f"columns names no {' and no '.join(sorted(missing))}")
        _ascending(self.average_rating_scale)
        return self


class InteractionsMapping(_Table):
    """One `[[interactions]]`."""

    columns: dict[InteractionColumn, str]
    kind: InteractionKind | None = None
    kinds: dict[str, InteractionKind] | None = None
    rating_scale: Scale = (1.0, 5.0)
    zero_is_read: bool = False
    time_format: str = "auto"

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if missing := {"user_id", "book_id"} - set(self.columns):
            raise ValueError(f"columns names no {' and no '.join(sorted(missing))}")
        if "kind" in self.columns and self.kind is not None:
            raise ValueError("give either a kind for all rows or a column kind, not both")
        if self.kinds is not None and "kind" not in self.columns:
            raise ValueError("kinds needs a column kind")
        if "kind" not in self.columns and self.kind in (None, "rating") and "value" not in self.columns:
            raise ValueError("ratings need a column value")
        _ascending(self.rating_scale)
        return self


class Mapping(BaseModel):
    """The whole of `nightshelf.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str | None = Field(None, min_length=1, max_length=200)
    simulated_readers: bool = False
    books: BooksMapping
    interactions: list[InteractionsMapping] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if len({"time" in table.columns for table in self.interactions}) > 1:
            raise ValueError("either all files of interactions have a column time, or none")
        return self


@dataclass(frozen=True, slots=True)
class GenericSource:
    """A folder with a mapping; see `services.batch.sources.source.Source`. Make it with `open_generic`."""

    path: Path
    mapping: Mapping
    books_table: TableFile
    interactions_tables: tuple[TableFile, ...]
    kind: str = "generic"

    @property
    def name(self) -> str:
        """The name in the mapping, or the folder's."""
        return self.mapping.name or self.path.resolve().name

    @property
    def simulated_readers(self) -> bool:
        """As the mapping says: whether a program made the interactions up."""
        return self.mapping.simulated_readers

    @property
    def rating_scale(self) -> str:
        """The scales of all files that hold ratings, as recorded."""
        return (
            ", ".join(dict.fromkeys(form.rating_scale for form in self._formats() if "value" in form.columns)) or "none"
        )

    @property
    def has_clock_time(self) -> bool:
        """Whether the files have times."""
        return "time" in self.mapping.interactions[0].columns

    def fingerprint(self) -> str:
        """See `Source.fingerprint`. The mapping is part of it."""
        tables = (self.books_table, *self.interactions_tables)
        return fingerprint_files(self.kind, [self.path / MAPPING_FILE, *{table.path for table in tables}])

    def books(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.books`."""
        books = self.mapping.books
        columns: dict[str, str] = {str(ours): theirs for ours, theirs in books.columns.items()}
        form = BookFormat(
            books.file,
            columns,
            author_separator=books.author_separator,
            genre_separator=books.genre_separator,
            series_in_title=books.series_in_title,
            average_scale=books.average_rating_scale,
        )
        return clean_books(self.books_table.frame(columns, rejects), form, rejects)

    def interactions(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.interactions`."""
        frames: list[pd.DataFrame] = []
        n_rows = 0
        for table, form in zip(self.interactions_tables, self._formats(), strict=True):
            frame = clean_interactions(table.batches(form.columns, rejects), form, rejects)
            if not self.has_clock_time:
                frame["time"] += n_rows
                n_rows = int(frame["time"].max()) if len(frame) else n_rows
            frames.append(frame)
        if len(frames) == 1:
            return frames[0]
        for column in ("user_id", "book_id", "file"):
            unified = pd.api.types.union_categoricals([frame[column] for frame in frames]).categories
            for frame in frames:
                frame[column] = frame[column].cat.set_categories(unified)
        return pd.concat(frames, ignore_index=True)

    def _formats(self) -> list[InteractionFormat]:
        return [
            InteractionFormat(
                table.file,
                {str(ours): theirs for ours, theirs in table.columns.items()},
                scale=table.rating_scale,
                kind=table.kind or "rating",
                kinds={
                    text.strip().lower(): kind for text, kind in (table.kinds or {kind: kind for kind in KINDS}).items()
                },
                zero_is_read=table.zero_is_read,
                time_format=table.time_format,
            )
            for table in self.mapping.interactions
        ]


def open_generic(path: Path) -> GenericSource:
    """Open a folder that has a `nightshelf.toml`.

    Raises:
        SourceError: the mapping is not valid, or a file or column that it names is not there.
    """
    file = path / MAPPING_FILE
    try:
        mapping = Mapping.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{MAPPING_FILE} is not TOML: {error}.", where=str(file)) from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'as a whole'}: {item['msg']}" for item in error.errors()
        )
        raise SourceError(
            f"{MAPPING_FILE} is not a mapping: {problems}.", where=str(file), hint="See docs/sources.md."
        ) from error
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
