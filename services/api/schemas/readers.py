"""Simulated readers of the demo."""

from __future__ import annotations

from pydantic import BaseModel

from services.api.schemas.books import BookReference


class DemoReader(BaseModel):
    """A simulated reader and the books they recently liked, newest first."""

    user_id: str
    recent: list[BookReference]


class ReadersAnswer(BaseModel):
    """Some simulated readers; an empty list where the readers are real people."""

    readers: list[DemoReader]
    simulated_readers: bool
