"""Books of a generation as the API shows them."""

from __future__ import annotations

from services.api.schemas.books import BookRecord, BookReference, Rated
from services.api.schemas.tribes import TribeName
from shared.artifacts.generation import Generation


def reference(generation: Generation, number: int) -> BookReference:
    """Id, title and authors."""
    catalog = generation.catalog
    return BookReference(book_id=catalog.ids[number], title=catalog.titles[number], authors=catalog.authors[number])


def rated(generation: Generation, number: int) -> Rated:
    """Id, title, authors and rating."""
    average, n_ratings = generation.popularity.rating_of(number)
    return Rated(**reference(generation, number).model_dump(), average_rating=average, n_ratings=n_ratings)


def record(generation: Generation, number: int) -> BookRecord:
    """Everything the catalogue knows about a book."""
    average, n_ratings = generation.popularity.rating_of(number)
    tribe = int(generation.content.cluster_of[number])
    return BookRecord(
        **generation.catalog.record(number),
        average_rating=average,
        n_ratings=n_ratings,
        tribe=TribeName(tribe=tribe, name=generation.content.clusters[tribe]["name"]) if tribe >= 0 else None,
    )
