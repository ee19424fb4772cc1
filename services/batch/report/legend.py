"""Markers of recommenders in plots: a number by list order, and a CSS class for the color."""

from __future__ import annotations

from dataclasses import dataclass

from services.batch.evaluate.evaluation import RecommenderResult, SplitResult
from services.batch.metrics.bootstrap import Interval

SERVED = "served"
_ABLATIONS = {
    "served-blend",
    "served-collaborative",
    "served-item_transitions",
    "served-same_series_author",
    "served-content",
}


@dataclass(frozen=True, slots=True)
class Keyed:
    """A recommender of a split with its number and CSS class."""

    number: int
    name: str
    result: RecommenderResult
    cls: str

    @property
    def title(self) -> str:
        """The title for display."""
        return self.result.title


def keyed(split: SplitResult) -> list[Keyed]:
    """The scored recommenders, the served pipeline first."""
    scored = [(name, result) for name, result in split.systems.items() if result.skipped is None]
    best = best_baseline(split)
    return [Keyed(number, name, result, _class(name, best)) for number, (name, result) in enumerate(scored, start=1)]


def best_baseline(split: SplitResult) -> str | None:
    """The baseline with the highest NDCG@10; `None` without one."""
    values = {
        name: result.figures["ndcg_at_10"]
        for name, result in split.systems.items()
        if name != SERVED and name not in _ABLATIONS and "ndcg_at_10" in result.figures
    }
    return max(values, key=lambda name: value_of(values[name]), default=None)


def value_of(figure: Interval | float) -> float:
    """The value of a figure, with or without an interval."""
    return figure.value if isinstance(figure, Interval) else figure


def _class(name: str, best: str | None) -> str:
    if name == SERVED:
        return "served"
    if name in _ABLATIONS:
        return "half"
    return "rival" if name == best else "other"
