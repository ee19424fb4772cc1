"""The book with a title, or an error with suggestions."""

from __future__ import annotations

from services.api.present import reference
from services.api.search.titles import Resolution, TitleIndex
from shared.artifacts.generation import Generation
from shared.errors import UnknownTitleError

N_SUGGESTIONS = 7


def resolve(generation: Generation, titles: TitleIndex, title: str) -> Resolution:
    """Find the book with this title.

    Raises:
        UnknownTitleError: no book has it; carries suggestions.
    """
    resolution = titles.resolve(title)
    if resolution is None:
        suggested = [reference(generation, number) for number in titles.suggest(title, N_SUGGESTIONS)]
        raise UnknownTitleError(
            f"No book is called {title!r}.",
            suggestions=[suggestion.model_dump() for suggestion in suggested],
            hint="Try one of the suggestions." if suggested else "Search with /api/books/search?q=…",
        )
    return resolution
