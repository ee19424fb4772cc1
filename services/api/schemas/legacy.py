"""`POST /recommend` in the shape that clients of the original project expect."""

from __future__ import annotations

from pydantic import BaseModel

from services.api.schemas.text import Text


class LegacyRequest(BaseModel):
    """A book by its title."""

    book_name: Text


class LegacyBook(BaseModel):
    """A similar book."""

    title: str
    author: str
    image_url: str | None
    average_rating: float | None
    rating_count: int


class LegacyRecommendations(BaseModel):
    """Books like the one with this title."""

    recommendations: list[LegacyBook]


class LegacySuggestions(BaseModel):
    """No book has this title: titles you may have meant, the most likely first."""

    suggestions: list[str]
