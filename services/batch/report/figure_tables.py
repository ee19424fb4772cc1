"""Every figure behind the plots, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from services.batch.evaluate.evaluation import Evaluation, GroupFacts, RecommenderResult, SplitResult
from services.batch.metrics.bootstrap import Interval
from services.batch.report.plots.svg import joined, tag


def figure_tables(evaluation: Evaluation, split: SplitResult) -> Markup:
    """Figures by metric, by group, differences, and what each system was run with."""
    scored = [metadata for metadata in split.systems.values() if metadata.skipped is None]
    names = [name for name in evaluation.metrics if any(name in metadata.figures for metadata in scored)]
    accuracy = [name for name in names if evaluation.metrics[name].about == "accuracy"]
    titles = [metadata.title for metadata in scored]
    return joined(
        _table("Figures", titles, [
            (evaluation.metrics[name].title, [metadata.figures.get(name) for metadata in scored]) for name in names
        ]),
        _table("What is served, less each: user by user", titles, [
            (evaluation.metrics[name].title, [metadata.served_minus.get(name) for metadata in scored]) for name in accuracy
        ]),
        _table("NDCG@10 by how much readers had read", titles, _by_group(
            split.activity_groups, [metadata.by_activity for metadata in scored]
        )),
        _table("Recall@20 by how popular the books were", titles, _by_group(
            split.popularity_groups, [metadata.by_popularity for metadata in scored]
        )),
        _table("Seconds", titles, [
            ("to learn", [metadata.fit_seconds for metadata in scored]),
            ("to rank", [metadata.rank_seconds for metadata in scored]),
        ]) if any(metadata.fit_seconds for metadata in scored) else None,
        tag("h4", "Run with"),
        tag("dl", *(
            joined(tag("dt", metadata.title), tag("dd", _settings(metadata)))
            for metadata in scored if metadata.settings
        )),
        *(tag("p", f"{metadata.title} is left out: {metadata.skipped}") for metadata in split.systems.values() if metadata.skipped),
        tag(
            "p",
            f"{split.n_training_interactions:,} interactions to learn from, {split.n_test_interactions:,} to foresee; "
            f"{split.n_users:,} of {split.n_test_users:,} readers scored. "
            f"Recall@50 of lists drawn at random: {split.chance_recall_at_50:.4f}.",
        ),
    )  # fmt: skip


def metric_notes(evaluation: Evaluation) -> Markup:
    """What each metric is, and where it comes from."""
    return tag(
        "dl",
        *(
            joined(tag("dt", metric.title), tag("dd", f"{metric.meaning} ", tag("small", metric.source)))
            for metric in evaluation.metrics.values()
        ),
    )


def figure_text(figure: Interval | float | None) -> str:
    """A figure as it stands in a table."""
    if figure is None:
        return "\N{EN DASH}"
    if isinstance(figure, Interval):
        return f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"
    return f"{figure:.4f}"


def _settings(metadata: RecommenderResult) -> str:
    return ", ".join(f"{key} {value}" for key, value in metadata.settings.items())


def _by_group(
    groups: Sequence[GroupFacts], of_systems: Sequence[Sequence[Interval | None]]
) -> list[tuple[str, list[Interval | float | None]]]:
    return [
        (f"{group.title} (n = {group.n:,})", [figures[place] if figures else None for figures in of_systems])
        for place, group in enumerate(groups)
    ]


def _table(title: str, columns: list[str], rows: Sequence[tuple[str, Sequence[Interval | float | None]]]) -> Markup:
    return tag(
        "div",
        tag(
            "table",
            tag("caption", title),
            tag("thead", tag("tr", tag("td"), *(tag("th", column, scope="col") for column in columns))),
            tag("tbody", *(
                tag("tr", tag("th", name, scope="row"), *(tag("td", figure_text(figure)) for figure in figures))
                for name, figures in rows
            )),
        ),
        cls="scroll", tabindex=0, role="region", aria_label=title,
    )  # fmt: skip
