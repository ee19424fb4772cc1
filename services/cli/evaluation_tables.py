"""An evaluation as tables on a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.batch.evaluate.evaluation import Evaluation, RecommenderResult, SplitResult
from services.batch.metrics.bootstrap import Interval

_ACCURACY = {
    "time": ("ndcg_at_10", "recall_at_20", "reciprocal_rank_at_10", "hit_rate_at_10"),
    "given": ("ndcg_at_20", "recall_at_20", "reciprocal_rank_at_10", "hit_rate_at_10"),
    "cold-books": ("ndcg_at_10", "recall_at_50", "reciprocal_rank_at_10", "hit_rate_at_10"),
}
_LISTS = (
    "coverage_at_10",
    "gini_at_10",
    "top_share_at_10",
    "novelty_at_10",
    "similarity_at_10",
    "miscalibration_at_10",
)


def evaluation_table(evaluation: Evaluation) -> RenderableType:
    """Accuracy, properties of the lists, and notes of each split."""
    pieces: list[RenderableType] = []
    if evaluation.simulated_readers:
        pieces.append(Text("The readers are simulated. The figures do not apply to real readers."))
    for split in evaluation.splits:
        title = f"{evaluation.source}: {split.title} ({split.n_users:,} users, {split.n_test_books:,} books to predict)"
        pieces += [Text(f"\n{title}", style="bold"), _accuracy(evaluation, split), _lists(evaluation, split)]
        pieces += _notes(split)
    return Group(*pieces)


def _accuracy(evaluation: Evaluation, split: SplitResult) -> Table:
    names = _ACCURACY.get(split.kind, _ACCURACY["time"])
    first = evaluation.metrics[names[0]].title
    table = _table(evaluation, "Accuracy", names)
    table.add_column(f"served, {first}: better by", justify="right", no_wrap=True)
    for system in split.systems.values():
        if system.skipped is None:
            table.add_row(system.title, *_values(system, names), _difference(system, names[0]))
    return table


def _lists(evaluation: Evaluation, split: SplitResult) -> Table:
    table = _table(evaluation, "Lists of ten", _LISTS)
    table.add_column("seconds", justify="right")
    for system in split.systems.values():
        if system.skipped is None:
            seconds = f"{system.fit_seconds + system.rank_seconds:.1f}"
            table.add_row(system.title, *_values(system, _LISTS), seconds)
    return table


def _table(evaluation: Evaluation, heading: str, names: tuple[str, ...]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column(heading, no_wrap=True)
    for name in names:
        title = evaluation.metrics[name].title
        table.add_column(title.removesuffix("@10") if names is _LISTS else title, justify="right")
    return table


def _notes(split: SplitResult) -> list[Text]:
    notes = [
        Text(f"{system.title} is left out: {system.skipped}") for system in split.systems.values() if system.skipped
    ]
    if split.kind == "cold-books":
        notes.append(Text(f"Recall@50 of lists drawn at random: {split.chance_recall_at_50:.4f}."))
    return notes


def _values(system: RecommenderResult, names: tuple[str, ...]) -> list[str]:
    figures = [system.figures.get(name) for name in names]
    values = [figure.value if isinstance(figure, Interval) else figure for figure in figures]
    return ["-" if value is None else f"{value:.3f}" if names is _LISTS else f"{value:.4f}" for value in values]


def _difference(system: RecommenderResult, metric: str) -> str:
    """The difference and its interval, with a star if that excludes 0."""
    if metric not in system.served_minus:
        return ""
    found = system.served_minus[metric]
    star = "*" if found.low > 0 or found.high < 0 else " "
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f}){star}"
