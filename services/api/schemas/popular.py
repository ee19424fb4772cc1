"""Popular books: overall, in a genre, in a tribe."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.api.schemas.books import Rated


class PopularQuery(BaseModel):
    """Parameters of a list of popular books."""

    genre: str | None = Field(None, max_length=200, description="A genre from /api/genres")
    tribe: int | None = Field(None, description="A tribe from /api/tribes")
    limit: int = Field(10, ge=1, le=100, description="Maximum number of books")


class PopularAnswer(BaseModel):
    """Popular books, the most popular first."""

    items: list[Rated]
    simulated_readers: bool


class GenresAnswer(BaseModel):
    """All genres that have a list of popular books."""

    genres: list[str]
