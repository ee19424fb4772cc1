"""The page: a report as one HTML file without a script, which needs nothing beside it and escapes whatever it shows."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from markupsafe import Markup

from services.batch.evaluate.evaluation import Evaluation, SplitResult
from services.batch.report.document import Report
from services.batch.report.figure_tables import figure_tables, metric_notes
from services.batch.report.headline import foundation, headline
from services.batch.report.legend import Keyed, keyed
from services.batch.report.plots.cluster_map import cluster_map
from services.batch.report.plots.group_plot import group_plot
from services.batch.report.plots.interval_plot import interval_plot
from services.batch.report.plots.svg import joined, tag
from services.batch.report.plots.tradeoff_plot import tradeoff_plot
from services.batch.report.reader_cards import reader_cards
from services.batch.report.tuning_section import tuning_section

_TRADED = ("coverage_at_10", "top_share_at_10", "novelty_at_10")
_FOUND = {
    "given": ("ndcg_at_20", "recall_at_20"),
    "cold-books": ("recall_at_50", "ndcg_at_10"),
}
_SIMULATED = "The readers are simulated: these figures say how the method does on them, not on people."


def page(report: Report) -> bytes:
    """The page, UTF-8."""
    evaluation = report.evaluation
    policy = f"default-src 'none'; style-src '{_style_hash()}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"How good are the recommendations? {evaluation.source}"),
        tag("style", Markup(_style())),
    )
    main = tag(
        "main",
        _opening(report),
        *(_first(split, evaluation) for split in evaluation.splits[:1]),
        *(_further(split, evaluation) for split in evaluation.splits[1:]),
        tuning_section(report.tuning) if report.tuning else None,
        _tribes(report) if report.tribes else None,
        _readers(report) if report.readers else None,
        _all_figures(evaluation),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', main), lang='en')}\n".encode()


def _opening(report: Report) -> Markup:
    evaluation = report.evaluation
    kind = "what a night measures of itself" if report.scope == "night" else "beside the usual methods"
    generation = f" · generation {evaluation.generation}" if evaluation.generation else ""
    return tag(
        "header",
        tag("p", f"Nightshelf · {kind} · {evaluation.created_at:%d %B %Y, %H:%M} UTC{generation}", cls="kind"),
        tag("h1", headline(evaluation)),
        tag("p", _SIMULATED, cls="notice") if evaluation.simulated_readers else None,
        tag("p", foundation(evaluation), cls="lead"),
    )


def _first(split: SplitResult, evaluation: Evaluation) -> Markup:
    systems = keyed(split)
    if not systems:
        return Markup("")
    activity = group_plot(systems, split.activity_groups, lambda one: one.metadata.by_activity, "NDCG@10 by activity")
    popularity = group_plot(
        systems, split.popularity_groups, lambda one: one.metadata.by_popularity, "Recall@20 by popularity"
    )
    traded = [name for name in _TRADED if name in evaluation.metrics and name in systems[0].metadata.figures]
    return joined(
        tag(
            "section",
            tag("h2", "What each method finds"),
            tag(
                "p",
                "A dot for the mean over readers, a line for its 95 % interval; further right is better.",
                cls="lead",
            ),
            _found(split, systems, evaluation),
        ),
        tag(
            "section",
            tag("h2", "For whom, and which books"),
            _key(systems),
            tag(
                "div",
                _figure("By how much readers had read", "NDCG@10; groups by number of books liked before", activity),
                _figure("By how popular the books were", "Recall@20 of the books to foresee", popularity),
                cls="panels two",
            ),
        ),
        tag(
            "section",
            tag("h2", "What it costs, what it gains"),
            tag(
                "p",
                "Accuracy is not all: the NDCG@10 of each method (upwards) beside what its lists are like.",
                cls="lead",
            ),
            _key(systems),
            tag(
                "div",
                *(
                    _figure(
                        evaluation.metrics[name].title,
                        evaluation.metrics[name].meaning,
                        tradeoff_plot(systems, name, "ndcg_at_10", evaluation.metrics),
                    )
                    for name in traded
                ),
                cls="panels",
            ),
        ),
    )


def _further(split: SplitResult, evaluation: Evaluation) -> Markup:
    systems = keyed(split)
    asked = f"{split.n_users:,} readers, {split.n_test_books:,} books to foresee."
    chance = (
        f" Lists drawn at random find {split.chance_recall_at_50:.2%} within 50." if split.kind == "cold-books" else ""
    )
    return tag(
        "section",
        tag("h2", f"{split.title[:1].upper()}{split.title[1:]}"),
        tag("p", f"{asked}{chance}", cls="lead"),
        _found(split, systems, evaluation),
    )


def _found(split: SplitResult, systems: list[Keyed], evaluation: Evaluation) -> Markup:
    names = [name for name in _FOUND.get(split.kind, ("ndcg_at_10", "recall_at_20")) if name in evaluation.metrics]
    return tag(
        "div",
        *(
            _figure(metric.title, metric.meaning, interval_plot(systems, name, metric.title))
            for name, metric in ((name, evaluation.metrics[name]) for name in names)
        ),
        cls="panels two",
    )


def _key(systems: list[Keyed]) -> Markup:
    return tag(
        "ul",
        *(tag("li", tag("span", system.number, cls="badge"), system.title, cls=system.cls) for system in systems),
        cls="key",
    )


def _tribes(report: Report) -> Markup:
    return tag(
        "section",
        tag("h2", "The map of the books"),
        tag("p", "Books that read alike lie near each other: two principal components of what their descriptions say, "
            "coloured by tribe.", cls="lead"),
        tag("figure", cluster_map(report.tribes), cls="wide"),
    )  # fmt: skip


def _readers(report: Report) -> Markup:
    return tag(
        "section",
        tag("h2", f"{len(report.readers)} readers, drawn by lot"),
        tag("p", "What they liked last, what they would be shown now, and why. Ids are left out.", cls="lead"),
        reader_cards(report.readers),
    )


def _all_figures(evaluation: Evaluation) -> Markup:
    return tag(
        "section",
        tag("h2", "All figures"),
        *(
            tag(
                "details",
                tag("summary", f"{split.title[:1].upper()}{split.title[1:]}"),
                figure_tables(evaluation, split),
            )
            for split in evaluation.splits
        ),
        tag("details", tag("summary", "What each figure means"), metric_notes(evaluation)),
        tag(
            "p",
            f"Snapshot {evaluation.snapshot or 'none'}, {evaluation.n_users:,} readers in all, seed {evaluation.seed}"
            f"{f', {evaluation.seconds:,} s' if evaluation.seconds else ''}.",
            cls="kind",
        ),
    )


def _figure(title: str, caption: str, plot: Markup) -> Markup:
    return tag("figure", tag("figcaption", tag("strong", title), tag("span", caption)), plot)


@cache
def _style() -> str:
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def _style_hash() -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()}"
