"""Tribes: clusters of books with similar descriptions."""

from __future__ import annotations

from pydantic import BaseModel


class TribeName(BaseModel):
    """A tribe by number and name."""

    tribe: int
    name: str


class Tribe(TribeName):
    """A tribe with its characteristic words."""

    words: list[str]
    n_books: int


class TribesAnswer(BaseModel):
    """All tribes."""

    tribes: list[Tribe]
