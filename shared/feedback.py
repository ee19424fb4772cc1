"""Which interactions count as *seen* and which as *positive*.

`services.batch.ingest.feedback` applies the same rule to whole tables; a property test keeps the two equal.
"""

from __future__ import annotations

from shared.settings import InteractionKind, UserStateSettings


def is_seen(kind: InteractionKind | str, settings: UserStateSettings) -> bool:
    """Whether the user has seen the book: it is not recommended again."""
    return kind in settings.seen_kinds


def is_positive(kind: InteractionKind | str, value: float | None, settings: UserStateSettings) -> bool:
    """Whether the user liked the book.

    The kind must count as seen and as positive. A rating also needs a value of at least `settings.positive_rating`.
    Values of other kinds are ignored.
    """
    if not is_seen(kind, settings) or kind not in settings.positive_kinds:
        return False
    return kind != "rating" or (value is not None and value >= settings.positive_rating)
