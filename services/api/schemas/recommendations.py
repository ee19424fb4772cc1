"""Recommendations for a user."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from services.api.schemas.deprecated import Sources


class Reason(BaseModel):
    """A book from the user's history."""

    book_id: str
    title: str


class RecommendedBook(BaseModel):
    """One recommendation. `sources` and `because` are left out with `explain=false`."""

    book_id: str
    title: str
    authors: list[str]
    score: float = Field(ge=0, le=1)
    sources: Sources | None = None
    because: Reason | None = None


class RecommendationAnswer(BaseModel):
    """Recommendations, best first."""

    user_id: str
    strategy: Literal["hybrid", "collaborative", "content", "popular"]
    degraded: bool = Field(description="Made without Redis: popular books from memory")
    generation: str
    simulated_readers: bool = Field(description="The ratings are simulated (the demo)")
    items: list[RecommendedBook]
