"""Books: by reference, with a rating, and with everything the catalogue knows."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.api.schemas.text import Text
from services.api.schemas.tribes import TribeName


class BookReference(BaseModel):
    """A book by id, title and authors."""

    book_id: str
    title: str
    authors: list[str]


class Rated(BookReference):
    """A book with its mean rating on the scale 1-5; null without ratings."""

    average_rating: float | None
    n_ratings: int


class BookRecord(Rated):
    """Everything the catalogue knows about a book."""

    year: int | None
    genres: list[str]
    series: str | None
    series_position: float | None
    description: str | None
    image_url: str | None
    tribe: TribeName | None


class MappedBook(Rated):
    """The book at a point of the map."""

    number: int
    tribe: int


class SearchQuery(BaseModel):
    """Parameters of a search."""

    q: Text = Field(description="The text typed so far", examples=["hobit"])
    limit: int = Field(10, ge=1, le=100, description="Maximum number of books")


class SearchAnswer(BaseModel):
    """Matching books, best match first."""

    items: list[Rated]


class BooksAnswer(BaseModel):
    """Books in the order of the ids asked for, and the ids the catalogue does not have."""

    books: list[BookRecord]
    unknown: list[str]
