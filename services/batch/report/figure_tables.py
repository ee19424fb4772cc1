"""All figures of the plots, as text tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.batch.evaluate.evaluation import Evaluation, GroupFacts, SplitResult
from services.batch.metrics.bootstrap import Interval
from services.batch.tune.record import TuningRecord

_Figures = Sequence[Interval | float | None]
_NONE = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of named rows; unnamed columns have an empty header."""

    title: str
    columns: list[str]
    rows: list[tuple[str, list[str]]]


def figure_tables(split: SplitResult, evaluation: Evaluation) -> list[Table]:
    """Figures by metric, differences, figures by group and seconds; one column per scored recommender."""
    scored = [result for result in split.systems.values() if result.skipped is None]
    metrics = [
        (name, metric) for name, metric in evaluation.metrics.items() if any(name in one.figures for one in scored)
    ]
    tables: dict[str, list[tuple[str, _Figures]]] = {
        "Figures": [(metric.title, [one.figures.get(name) for one in scored]) for name, metric in metrics],
        "Served pipeline minus each recommender, paired by user": [
            (metric.title, [one.served_minus.get(name) for one in scored])
            for name, metric in metrics
            if metric.about == "accuracy"
        ],
        "NDCG@10 by length of history": _by_group(split.activity_groups, [one.by_activity for one in scored]),
        "Recall@20 by popularity of the books": _by_group(
            split.popularity_groups, [one.by_popularity for one in scored]
        ),
    }
    if any(one.fit_seconds for one in scored):
        seconds = [("training", [one.fit_seconds for one in scored]), ("ranking", [one.rank_seconds for one in scored])]
        tables["Seconds"] = [*seconds]
    columns = ["", *(result.title for result in scored)]
    return [
        Table(title, columns, [(name, [figure_text(figure) for figure in figures]) for name, figures in rows])
        for title, rows in tables.items()
    ]


def tuning_tables(record: TuningRecord) -> list[Table]:
    """The settings before and after a search, and its trials."""
    settings = [
        (name, [str(values.get(name, _NONE)) for values in (record.present, record.found, record.chosen)])
        for name in record.found
    ]
    trials = [
        (
            str(number),
            [
                f"{trial.value:.4f}",
                f"{trial.n_users:,}",
                "pruned" if trial.pruned else "",
                f"{trial.seconds:.1f}",
                *map(str, trial.settings.values()),
            ],
        )
        for number, trial in enumerate(record.trials, start=1)
    ]
    return [
        Table("Settings", ["", "before", "found", "tuned now"], settings),
        Table("Trials", ["trial", "NDCG@10", "readers", "", "seconds", *record.found], trials),
    ]


def figure_text(figure: Interval | float | None) -> str:
    """A figure as table text."""
    if figure is None:
        return _NONE
    if isinstance(figure, Interval):
        return f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"
    return f"{figure:.4f}"


def _by_group(
    groups: Sequence[GroupFacts], of_systems: Sequence[Sequence[Interval | None]]
) -> list[tuple[str, _Figures]]:
    return [
        (f"{group.title} (n = {group.n:,})", [figures[place] if figures else None for figures in of_systems])
        for place, group in enumerate(groups)
    ]
