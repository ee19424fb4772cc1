"""Which interactions count as *seen* and which as *positive*: the one rule, for one interaction.

`services.batch.ingest.feedback` holds the same rule for whole tables; a property test keeps the two equal.
"""

from __future__ import annotations

from shared.settings import InteractionKind, UserStateSettings


def is_seen(kind: InteractionKind | str, settings: UserStateSettings) -> bool:
    """Whether the user has seen the book: it is not recommended again."""
    return kind in settings.seen_kinds


def is_positive(kind: InteractionKind | str, value: float | None, settings: UserStateSettings) -> bool:
    """Whether the user liked the book.

    The kind must count as seen and as positive. A rating must also reach `settings.positive_rating`; a rating without
    a value does not. Values of other kinds have no meaning.
    """
    if not is_seen(kind, settings) or kind not in settings.positive_kinds:
        return False
    return kind != "rating" or (value is not None and value >= settings.positive_rating)
