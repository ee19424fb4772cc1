"""The search space: settings by dotted name, with their ranges. To tune another setting, add a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.batch.sources.order import Order


@dataclass(frozen=True, slots=True)
class Range:
    """The range from `low` to `high`, both inclusive; integers if both are integers.

    Attributes:
        low, high: the bounds.
        log: whether the range is logarithmic.
        step: the step of a linear range.
    """

    low: float
    high: float
    log: bool = False
    step: float = 0.01

    @property
    def is_whole(self) -> bool:
        """Whether its values are integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)


# Only the ratios of the blend's weights matter, so one weight is fixed.
SPACE: dict[str, Range] = {
    "collaborative.rank": Range(16, 512, log=True),
    "collaborative.user_exponent": Range(0.0, 0.6),
    "collaborative.book_exponent": Range(0.0, 0.6),
    "collaborative.history_decay": Range(0.7, 1.0),
    "item_transitions.half_life": Range(0.03, 10.0, log=True),
    "item_transitions.distance_exponent": Range(0.0, 1.0),
    "item_transitions.to_exponent": Range(0.0, 0.6),
    "blend.collaborative_weight": Range(0.0, 1.0),
    "blend.content_weight": Range(0.0, 1.0),
    "blend.same_series_author_weight": Range(0.0, 1.0),
    "blend.trending_weight": Range(0.0, 0.5),
    "blend.cold_start_content_weight": Range(0.0, 1.0),
    "blend.few_books_trending_weight": Range(0.0, 5.0, step=0.1),
    "blend.recent_books": Range(1, 50, log=True),
    "blend.recency_decay": Range(0.5, 1.0),
    "blend.item_transitions_recent_books": Range(1, 100, log=True),
    "blend.item_transitions_decay": Range(0.5, 1.0),
    "blend.same_series_author_recent_books": Range(1, 60, log=True),
}
FACTOR_SETTINGS = ("collaborative.", "item_transitions.")
"""Prefixes of the settings whose changes need new factors or item transitions."""
_OF_TIME = ("item_transitions.half_life", "blend.trending_weight", "blend.few_books_trending_weight")
_OF_SEQUENCE = (
    "collaborative.history_decay", "item_transitions.distance_exponent", "blend.recency_decay",
    "blend.item_transitions_decay",
)  # fmt: skip
_WITHOUT_EFFECT: dict[Order, tuple[str, ...]] = {"time": (), "sequence": _OF_TIME, "none": (*_OF_TIME, *_OF_SEQUENCE)}


def with_effect(space: Mapping[str, Range], order: Order) -> dict[str, Range]:
    """The settings of a space that change anything if the interactions know this much of order."""
    return {name: one for name, one in space.items() if name not in _WITHOUT_EFFECT[order]}
