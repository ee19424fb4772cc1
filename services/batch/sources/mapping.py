"""The parts of `nightshelf.toml` that file and database mappings share.

`files.generic` adds the file of each table, `sql.mapping` the table in the database.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, Self, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from services.batch.sources.book_rows import BookFormat
from services.batch.sources.guesses import Guess
from services.batch.sources.interaction_rows import KINDS, InteractionFormat, clean_interactions
from services.batch.sources.order import Order
from services.batch.sources.time_column import OTHER_TIME, TIME_PARTS
from shared.errors import SourceError
from shared.settings import InteractionKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import pyarrow as pa

    from services.batch.sources.rejects import RejectLog

MAPPING_FILE = "nightshelf.toml"
BookColumn = Literal[
    "book_id", "title", "authors", "year", "genres", "series", "series_position", "description", "image_url",
    "average_rating", "n_ratings", "isbn", "isbn13", "original_title",
]  # fmt: skip
InteractionColumn = Literal[
    "user_id", "book_id", "value", "kind", "time", "time_2", "time_3", "time_4", "time_5", "time_6", "time_else",
]  # fmt: skip
Separator = Annotated[str, Field(min_length=1)]
Scale = tuple[float, float]


class Section(BaseModel):
    """A section of a mapping; unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def require_ascending(scale: Scale) -> None:
    """Raise ValueError unless the scale goes up."""
    if not scale[0] < scale[1]:
        raise ValueError(f"a scale goes from its lowest to its highest value, not {list(scale)}")


class BooksMapping(Section):
    """`[books]` without the location of the table."""

    columns: dict[BookColumn, str]
    author_separator: Separator = ", "
    genre_separator: Separator = ","
    series_in_title: bool = False
    average_rating_scale: Scale = (1.0, 5.0)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if missing := {"book_id", "title"} - set(self.columns):
            raise ValueError(f"columns names no {' and no '.join(sorted(missing))}")
        require_ascending(self.average_rating_scale)
        return self

    def form(self, table: str) -> BookFormat:
        """The row format for `clean_books`; rejects name `table`."""
        return BookFormat(
            table,
            {str(ours): theirs for ours, theirs in self.columns.items()},
            author_separator=self.author_separator,
            genre_separator=self.genre_separator,
            series_in_title=self.series_in_title,
            average_scale=self.average_rating_scale,
        )


class InteractionsMapping(Section):
    """One `[[interactions]]` without the location of the table.

    A `time` in several columns is read into `time`, `time_2` and so on.
    """

    columns: dict[InteractionColumn, str]
    kind: InteractionKind | None = None
    kinds: dict[str, InteractionKind] | None = None
    rating_scale: Scale = (1.0, 5.0)
    zero_is_read: bool = False
    empty_is_read: bool | None = None
    time_format: str = "auto"

    @field_validator("columns", mode="before")
    @classmethod
    def _one_name_for_each_part_of_a_time(cls, columns: object) -> object:
        if not isinstance(columns, dict) or not isinstance(parts := columns.get("time"), list):
            return columns
        if not 1 <= len(parts) <= len(TIME_PARTS):
            raise ValueError(f"time is in 1 to {len(TIME_PARTS)} columns, not {len(parts)}")
        return columns | dict(zip(TIME_PARTS, parts, strict=False))

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
        if OTHER_TIME in self.columns and "time" not in self.columns:
            raise ValueError(f"{OTHER_TIME} dates rows without a time; name the column time too")
        require_ascending(self.rating_scale)
        return self

    def form(self, table: str, *, is_shelf: bool = False) -> InteractionFormat:
        """The row format for `clean_interactions`; rejects name `table`.

        In the export of a reader's shelf, which also has the books, an empty rating means read by default.
        """
        kinds: dict[str, InteractionKind] = self.kinds or {kind: kind for kind in KINDS}
        return InteractionFormat(
            table,
            {str(ours): theirs for ours, theirs in self.columns.items()},
            scale=self.rating_scale,
            kind=self.kind or "rating",
            kinds={text.strip().lower(): kind for text, kind in kinds.items()},
            zero_is_read=self.zero_is_read,
            empty_is_read=is_shelf if self.empty_is_read is None else self.empty_is_read,
            time_format=self.time_format,
        )


BooksT = TypeVar("BooksT", bound=BooksMapping)
InteractionsT = TypeVar("InteractionsT", bound=InteractionsMapping)


class Mapping(Section, Generic[BooksT, InteractionsT]):
    """The whole of `nightshelf.toml`."""

    name: str | None = Field(None, min_length=1, max_length=200)
    source_id: str | None = Field(None, min_length=1, max_length=200)
    simulated_readers: bool = False
    order: Order | None = None
    books: BooksT
    interactions: list[InteractionsT] = []

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if len({"time" in table.columns for table in self.interactions}) > 1:
            raise ValueError("either all tables of interactions have a column time, or none")
        return self


MappingT = TypeVar("MappingT", bound=Mapping[Any, Any])
SectionT = TypeVar("SectionT", bound=Section)


@dataclass(slots=True)
class MappedFolder(Generic[MappingT]):
    """A folder with a mapping; has the properties of `services.batch.sources.source.Source` and `TableSource`."""

    path: Path
    mapping: MappingT

    @property
    def name(self) -> str:
        """The name in the mapping, or the folder's."""
        return self.mapping.name or self.path.resolve().name

    @property
    def id(self) -> str | None:
        """See `TableSource.id`."""
        return self.mapping.source_id or self.mapping.name

    @property
    def book_columns(self) -> Collection[str]:
        """See `TableSource.book_columns`."""
        return [str(column) for column in self.mapping.books.columns]

    @property
    def guesses(self) -> Sequence[Guess]:
        """See `TableSource.guesses`."""
        rated = [table for table in self.mapping.interactions if "value" in table.columns]
        if all("rating_scale" in table.model_fields_set for table in rated):
            return []
        return [Guess("rating scale", self.rating_scale, "rating_scale = [1, 5] in [[interactions]]")]

    def best_joins(self) -> list[str]:
        """See `TableSource.best_joins`; a source that can look at other columns overrides it."""
        return []

    @property
    def simulated_readers(self) -> bool:
        """Whether the mapping marks the interactions as generated by a program."""
        return self.mapping.simulated_readers

    @property
    def rating_scale(self) -> str:
        """The scales of all tables with ratings, as text."""
        forms = [table.form("") for table in self.mapping.interactions]
        return ", ".join(dict.fromkeys(form.rating_scale for form in forms if "value" in form.columns)) or "none"

    @property
    def order(self) -> Order | None:
        """What the mapping says of the order of interactions."""
        return self.mapping.order


def read_toml(path: Path) -> dict[str, Any]:
    """The mapping in a folder, without validation.

    Raises:
        SourceError: it is not TOML.
    """
    file = path / MAPPING_FILE
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{MAPPING_FILE} is not TOML: {error}.", where=str(file)) from error


def read_mapping(path: Path, form: type[SectionT]) -> SectionT:
    """The validated mapping in a folder.

    Raises:
        SourceError: it is not TOML, or not a valid mapping; the message lists all problems.
    """
    written = read_toml(path)
    try:
        return form.model_validate(written)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'as a whole'}: {item['msg']}" for item in error.errors()
        )
        raise SourceError(
            f"{MAPPING_FILE} is not a mapping: {problems}.", where=str(path / MAPPING_FILE), hint="See docs/sources.md."
        ) from None  # pydantic's message repeats the input, which may contain a password


def clean_all_interactions(
    tables: Iterable[tuple[Iterable[pa.Table], InteractionFormat]], rejects: RejectLog
) -> pd.DataFrame:
    """The interactions of several tables, or of none, in one frame, in order; see `clean_interactions`.

    Without a time column, the rows of each table come after those of the previous table.
    """
    frames: list[pd.DataFrame] = []
    n_rows = 0
    for batches, form in tables:
        frame = clean_interactions(batches, form, rejects)
        if "time" not in form.columns:
            frame["time"] += n_rows
            n_rows = int(frame["time"].max()) if len(frame) else n_rows
        frames.append(frame)
    if not frames:
        return clean_interactions((), InteractionFormat(MAPPING_FILE, {}), rejects)
    if len(frames) == 1:
        return frames[0]
    for column in ("user_id", "book_id", "file"):
        unified = pd.api.types.union_categoricals([frame[column] for frame in frames]).categories
        for frame in frames:
            frame[column] = frame[column].cat.set_categories(unified)
    return pd.concat(frames, ignore_index=True)
