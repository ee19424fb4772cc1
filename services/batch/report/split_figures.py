"""The plots of one split, each with its title and caption."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from services.batch.evaluate.evaluation import Evaluation, SplitResult
from services.batch.report.legend import keyed
from services.batch.report.plots.group_plot import group_plot
from services.batch.report.plots.interval_plot import interval_plot
from services.batch.report.plots.tradeoff_plot import tradeoff_plot

_TRADED = ("coverage_at_10", "top_share_at_10", "novelty_at_10")
_RANKED = {"given": ("ndcg_at_20", "recall_at_20"), "cold-books": ("recall_at_50", "ndcg_at_10")}
_RANKED_ELSEWHERE = ("ndcg_at_10", "recall_at_20")


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot with its title and caption."""

    title: str
    caption: str
    plot: Markup


def ranking_figures(split: SplitResult, evaluation: Evaluation) -> list[Figure]:
    """The recommenders by the two main metrics of this kind of split."""
    systems = keyed(split)
    names = [name for name in _RANKED.get(split.kind, _RANKED_ELSEWHERE) if name in evaluation.metrics]
    return [
        Figure(metric.title, metric.meaning, interval_plot(systems, name, metric.title))
        for name, metric in ((name, evaluation.metrics[name]) for name in names)
    ]


def group_figures(split: SplitResult) -> list[Figure]:
    """Quality by activity of the readers and by popularity of the books."""
    systems = keyed(split)
    activity = group_plot(systems, split.activity_groups, lambda one: one.result.by_activity, "NDCG@10 by activity")
    popularity = group_plot(
        systems, split.popularity_groups, lambda one: one.result.by_popularity, "Recall@20 by popularity"
    )
    return [
        Figure("By length of history", "NDCG@10; groups by number of liked books in the training part", activity),
        Figure("By popularity of the books", "Recall@20 of the test books", popularity),
    ]


def tradeoff_figures(split: SplitResult, evaluation: Evaluation) -> list[Figure]:
    """Accuracy against coverage, popularity and novelty of the lists."""
    systems = keyed(split)
    traded = [name for name in _TRADED if name in evaluation.metrics and name in systems[0].result.figures]
    return [
        Figure(
            evaluation.metrics[name].title,
            evaluation.metrics[name].meaning,
            tradeoff_plot(systems, name, "ndcg_at_10", evaluation.metrics),
        )
        for name in traded
    ]
