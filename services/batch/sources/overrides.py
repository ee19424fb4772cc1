"""A `nightshelf.toml` beside tables of a recognised layout: it overrides what Nightshelf would guess.

name = "Town library"         # shown beside all figures; by default the name of the folder
source_id = "town"            # the identity for the quality gate; by default, `name`
simulated_readers = false     # true: a program generated the interactions
encoding = "windows-1251"     # of all text tables
order = "time"                # what the interactions know: "time", "sequence" (within a reader) or "none"
rating_scale = [1, 5]
books_id = "id"               # the column of the books that the interactions refer to
interactions_id = "book_id"   # the column of the interactions that names the book
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from services.batch.sources.mapping import MAPPING_FILE, Scale, Section, read_mapping, read_toml, require_ascending
from services.batch.sources.order import Order

if TYPE_CHECKING:
    from pathlib import Path


class Overrides(Section):
    """A whole `nightshelf.toml` without tables."""

    name: str | None = Field(None, min_length=1, max_length=200)
    source_id: str | None = Field(None, min_length=1, max_length=200)
    simulated_readers: bool = False
    encoding: str | None = Field(None, min_length=1)
    order: Order | None = None
    rating_scale: Scale | None = None
    books_id: str | None = Field(None, min_length=1)
    interactions_id: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.rating_scale is not None:
            require_ascending(self.rating_scale)
        return self


def read_overrides(path: Path) -> Overrides | None:
    """The overrides in a folder; `None` if its `nightshelf.toml` describes tables, no overrides if there is none.

    Raises:
        SourceError: the file is not TOML, or has other names than those above.
    """
    if not (path / MAPPING_FILE).is_file():
        return Overrides()
    if {"database", "books", "interactions"} & read_toml(path).keys():
        return None
    return read_mapping(path, Overrides)
