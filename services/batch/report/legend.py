"""How systems are told apart in every plot: a number in the order of the list, and a class that colours it."""

from __future__ import annotations

from dataclasses import dataclass

from services.batch.evaluate.evaluation import RecommenderResult, SplitResult
from services.batch.metrics.bootstrap import Interval

SERVED = "served"
_HALVES = {
    "served-blend",
    "served-collaborative",
    "served-item_transitions",
    "served-same_series_author",
    "served-content",
}


@dataclass(frozen=True, slots=True)
class Keyed:
    """A system of a split with its number and class."""

    number: int
    name: str
    metadata: RecommenderResult
    cls: str

    @property
    def title(self) -> str:
        """As a person reads it."""
        return self.metadata.title


def keyed(split: SplitResult) -> list[Keyed]:
    """The systems that were scored, the served pipeline first."""
    scored = [(name, metadata) for name, metadata in split.systems.items() if metadata.skipped is None]
    best = best_usual(split)
    return [
        Keyed(number, name, metadata, _class(name, best)) for number, (name, metadata) in enumerate(scored, start=1)
    ]


def best_usual(split: SplitResult) -> str | None:
    """The usual method, neither served nor a half of it, that finds most by NDCG@10; `None` without one."""
    values = {
        name: metadata.figures["ndcg_at_10"]
        for name, metadata in split.systems.items()
        if name != SERVED and name not in _HALVES and "ndcg_at_10" in metadata.figures
    }
    return max(values, key=lambda name: value_of(values[name]), default=None)


def value_of(figure: Interval | float) -> float:
    """The value of a figure, with or without an interval."""
    return figure.value if isinstance(figure, Interval) else figure


def _class(name: str, best: str | None) -> str:
    if name == SERVED:
        return "served"
    if name in _HALVES:
        return "half"
    return "rival" if name == best else "other"
