"""Plot axes: horizontal positions in percent of the page width, vertical positions in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEFT, RIGHT = 3.0, 97.0  # percent


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear map of numbers from `low` to `high` to positions from `start` to `end`."""

    low: float
    high: float
    start: float = LEFT
    end: float = RIGHT

    def at(self, value: float) -> float:
        """The position of a number."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def percent(self, value: float) -> str:
        """The position of a number, in percent."""
        return f"{self.at(value):.2f}%"

    def ticks(self, n: int = 6) -> list[float]:
        """About `n` round numbers within the axis."""
        step = _round_step((self.high - self.low) / n)
        first = math.ceil(self.low / step - 1e-9)
        return [count * step for count in range(first, math.floor(self.high / step + 1e-9) + 1)]


def axis_over(values: Sequence[float], *, start: float = LEFT, end: float = RIGHT, from_zero: bool = False) -> Axis:
    """An axis that covers these numbers with a margin, or starts at 0."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return Axis(0.0 if from_zero else low - room, high + room, start, end)


def written(value: float) -> str:
    """A number with its significant digits."""
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1000:  # noqa: PLR2004
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(size)))
    text = f"{value:.{min(digits, 4)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _round_step(min_step: float) -> float:
    size = 10.0 ** math.floor(math.log10(min_step))
    return next(size * step for step in (1, 2, 5, 10) if size * step >= min_step * 0.999)
