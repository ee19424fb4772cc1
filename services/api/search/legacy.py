"""Books like a title, in the shape that clients of the original project expect."""

from __future__ import annotations

from services.api.schemas.legacy import LegacyBook, LegacyRecommendations, LegacySuggestions
from services.api.search.neighbors import similar_books
from services.api.search.resolve import N_SUGGESTIONS
from services.api.search.titles import TitleIndex
from shared.artifacts.generation import Generation

_N_RECOMMENDATIONS = 5


def recommend_like_the_original(
    generation: Generation, titles: TitleIndex, title: str
) -> LegacyRecommendations | LegacySuggestions:
    """Books like the one with this title; suggestions when no book has it."""
    catalog = generation.catalog
    resolution = titles.resolve(title)
    if resolution is None:
        return LegacySuggestions(
            suggestions=[catalog.titles[number] for number in titles.suggest(title, N_SUGGESTIONS)]
        )
    return LegacyRecommendations(
        recommendations=[
            LegacyBook(
                title=book.title,
                author=", ".join(book.authors),
                image_url=catalog.record(catalog.number_of(book.book_id))["image_url"],
                average_rating=book.average_rating,
                rating_count=book.n_ratings,
            )
            for book in similar_books(generation, resolution.number, _N_RECOMMENDATIONS)
        ]
    )
