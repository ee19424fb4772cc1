"""Recommendations for a user."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Reason(BaseModel):
    """A book of the user's own."""

    book_id: str
    title: str


class Sources(BaseModel):
    """The min-max scaled score in each list, null where the list lacks the book."""

    collaborative: float | None = Field(description="what readers alike liked")
    content: float | None = Field(description="near a recent book by description")
    item_transitions: float | None = Field(description="what readers of a recent book went on to read")
    same_series_author: float | None = Field(description="another volume of a recent book's series, or of its author")
    trending: float | None = Field(description="liked by many of late")


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
    degraded: bool = Field(description="made without Redis: popular books from memory")
    generation: str
    simulated_readers: bool = Field(description="the ratings behind this are simulated (the demo)")
    items: list[RecommendedBook]
