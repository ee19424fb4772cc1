"""The weight of each candidate list for one user, and the share of content."""

from __future__ import annotations

from shared.settings import BlendSettings

_OF_BOOKS = ("content_weight", "same_series_author_weight")
_OF_READERS = ("collaborative_weight", "item_transitions_weight", "trending_weight")


def blend_weights(settings: BlendSettings, n_recent: int) -> tuple[float, ...]:
    """Weights for a user with `n_recent` recent books, in the order of `shared.recommend.blend.CANDIDATE_SOURCES`.

    A cold-start user gets mostly content neighbors. For other users, trending books get an extra weight that falls with
    the number of recent books.
    """
    is_cold_start = n_recent <= settings.cold_start_books
    return (
        settings.collaborative_weight,
        settings.cold_start_content_weight if is_cold_start else settings.content_weight,
        settings.item_transitions_weight,
        settings.same_series_author_weight,
        settings.trending_weight + (0.0 if is_cold_start else settings.few_books_trending_weight / n_recent),
    )


def max_recent_books(settings: BlendSettings) -> int:
    """The maximum number of recent books that a list uses."""
    return max(settings.recent_books, settings.item_transitions_recent_books, settings.same_series_author_recent_books)


def content_share(settings: BlendSettings) -> float:
    """Share of the content and same-series-or-author lists in all weights, in [0, 1]; 0.5 if all weights are 0."""
    of_books = sum(getattr(settings, name) for name in _OF_BOOKS)
    total = of_books + sum(getattr(settings, name) for name in _OF_READERS)
    return of_books / total if total else 0.5


def with_content_share(settings: BlendSettings, share: float | None) -> BlendSettings:
    """The settings with another `content_share`; `None` changes nothing.

    A cold-start user then gets the content weight of all users. The extra weight of trending books scales with the
    lists made from other readers.
    """
    if share is None:
        return settings
    of_books = _scaled(settings, share, _OF_BOOKS)
    of_readers = _scaled(settings, 1 - share, _OF_READERS)
    readers = sum(getattr(settings, name) for name in _OF_READERS)
    of_cold_start = {
        "cold_start_content_weight": of_books["content_weight"],
        "few_books_trending_weight": settings.few_books_trending_weight * (1 - share) / readers if readers else 0.0,
    }
    return settings.model_copy(update=of_books | of_readers | of_cold_start)


def _scaled(settings: BlendSettings, total: float, names: tuple[str, ...]) -> dict[str, float]:
    """These weights scaled to this sum; if all are 0, the first gets it all."""
    weights: dict[str, float] = {name: getattr(settings, name) for name in names}
    present = sum(weights.values())
    if not present:
        return dict.fromkeys(weights, 0.0) | {names[0]: total}
    return {name: weight * total / present for name, weight in weights.items()}
