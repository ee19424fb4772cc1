"""Accuracy against a property of the lists: one numbered disc per recommender."""

from __future__ import annotations

from markupsafe import Markup

from services.batch.evaluate.evaluation import MetricMetadata
from services.batch.report.legend import Keyed, value_of
from services.batch.report.plots.axis import axis_over, written
from services.batch.report.plots.svg import joined, tag

_TOP, _BOTTOM, _HEIGHT = 14.0, 226.0, 268
_FRONT = {"served": 2, "rival": 1}
_HINTS = {"higher": "further right is better", "lower": "further left is better", "neither": "neither side is better"}


def tradeoff_plot(systems: list[Keyed], across: str, upwards: str, metrics: dict[str, MetricMetadata]) -> Markup:
    """The plot of `upwards` against `across`, both metric names."""
    some = [system for system in systems if {across, upwards} <= set(system.result.figures)]
    points = [(value_of(one.result.figures[across]), value_of(one.result.figures[upwards])) for one in some]
    right = axis_over([x for x, _ in points], start=8, end=94)
    up = axis_over([y for _, y in points], start=_BOTTOM, end=_TOP)
    grid = [
        joined(
            tag("line", x1="0", x2="100%", y1=up.at(tick), y2=up.at(tick), cls="grid"),
            tag("text", written(tick), x="0", y=up.at(tick) - 4, cls="tick"),
        )
        for tick in up.ticks()
    ]
    grid += [
        joined(
            tag("line", x1=right.percent(tick), x2=right.percent(tick), y1=_TOP, y2=_BOTTOM, cls="grid"),
            tag("text", written(tick), x=right.percent(tick), y=_BOTTOM + 16, cls="tick", text_anchor="middle"),
        )
        for tick in right.ticks()
    ]
    discs = [
        tag(
            "g",
            tag("title", f"{system.title}: {metrics[across].title} {x:.4f}, {metrics[upwards].title} {y:.4f}"),
            tag("circle", cx=right.percent(x), cy=up.at(y), r=10, cls="disc"),
            tag("text", system.number, x=right.percent(x), y=up.at(y) + 4, cls="number", text_anchor="middle"),
            cls=system.cls,
        )
        for system, (x, y) in sorted(zip(some, points, strict=True), key=lambda item: _FRONT.get(item[0].cls, 0))
    ]
    name = f"{metrics[across].title}: {_HINTS[metrics[across].better]}"
    return tag(
        "svg",
        tag("title", f"{metrics[upwards].title} against {metrics[across].title}"),
        *grid,
        *discs,
        tag("text", name, x="50%", y=_BOTTOM + 36, cls="tick", text_anchor="middle"),
        cls="plot",
        width="100%",
        height=_HEIGHT,
        role="img",
    )
