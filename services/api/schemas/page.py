"""The facts that the page needs before it draws anything."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class PageFacts(BaseModel):
    """What is served and what the page may show."""

    version: str
    generation: str | None = Field(description="Null before the first night")
    created_at: datetime | None
    n_books: int
    simulated_readers: bool = Field(description="The readers behind the ratings are simulated (the demo)")
    content_weight: float = Field(ge=0, le=1, description="Default share of the content list")
    redis: Literal["up", "away"]
    cover_urls: bool = Field(description="Whether the page may load covers from the catalogue's addresses")
    rollback: bool = Field(description="Whether an operator key is configured")
