"""Field names of the API that are older than the terms in the code. Clients rely on them."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Sources(BaseModel):
    """The book's min-max scaled score in each list; null if it is not in the list."""

    collaborative: float | None = Field(description="Liked by similar readers")
    content: float | None = Field(description="Description similar to a recent book's")
    companions: float | None = Field(description="Read next by readers of a recent book")
    kin: float | None = Field(description="Same series or author as a recent book")
    trend: float | None = Field(description="Liked by many readers recently")


SOURCE_FIELDS = tuple(Sources.model_fields)
"""The API name of each of `shared.recommend.blend.CANDIDATE_SOURCES`, in that order."""
