"""Books next to a book: by description, and by what its readers read next."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.api.schemas.books import BookReference, Rated


class SimilarBook(Rated):
    """A book with a similar description."""

    similarity: float = Field(description="Cosine similarity of the descriptions")


class SimilarAnswer(BaseModel):
    """The book with this title, other books with the same title, and similar books, most similar first."""

    book: Rated
    alternatives: list[Rated]
    items: list[SimilarBook]
    simulated_readers: bool


class AlikeByContent(SimilarBook):
    """A book with a similar description, and what else the two books share."""

    same_series: str | None
    same_authors: list[str]
    same_genres: list[str]
    same_tribe: str | None


class AlikeByReaders(Rated):
    """A book that readers of this one read next."""

    closeness: float = Field(gt=0, le=1, description="Its score divided by the best neighbor's score")


class NeighboursAnswer(BaseModel):
    """Books next to one book, nearest first: by description and by readers."""

    book: BookReference
    by_content: list[AlikeByContent]
    by_readers: list[AlikeByReaders]
    simulated_readers: bool
