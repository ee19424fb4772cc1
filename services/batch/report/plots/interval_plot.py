"""Interval plot: one row per recommender, a dot for the value, a line for its 95 % interval."""

from __future__ import annotations

from markupsafe import Markup

from services.batch.metrics.bootstrap import Interval
from services.batch.report.legend import Keyed, value_of
from services.batch.report.plots.axis import axis_over, written
from services.batch.report.plots.svg import joined, tag

_ROW, _LINE = 44, 30
_DOT = 6


def interval_plot(systems: list[Keyed], metric: str, title: str) -> Markup:
    """The plot of one metric, best first."""
    some = [system for system in systems if metric in system.result.figures]
    some.sort(key=lambda system: -value_of(system.result.figures[metric]))
    figures = [system.result.figures[metric] for system in some]
    bounds = [bound for figure in figures for bound in _bounds(figure)]
    axis = axis_over(bounds, from_zero=True)
    height = _ROW * len(some) + 24
    lines = [
        joined(
            tag("line", x1=axis.percent(tick), x2=axis.percent(tick), y1=0, y2=height - 20, cls="grid"),
            tag("text", written(tick), x=axis.percent(tick), y=height - 4, cls="tick", text_anchor="middle"),
        )
        for tick in axis.ticks()
    ]
    rows = []
    for place, (system, figure) in enumerate(zip(some, figures, strict=True)):
        top = place * _ROW
        low, high = _bounds(figure)
        value = value_of(figure)
        rows.append(
            tag(
                "g",
                tag("title", f"{system.title}: {value:.4f}, 95 % interval {low:.4f} to {high:.4f}"),
                tag("text", f"{system.number}  {system.title}", x="0", y=top + 16, cls="label"),
                tag("text", f"{value:.4f}", x="100%", y=top + 16, cls="label value", text_anchor="end"),
                tag("line", x1=axis.percent(low), x2=axis.percent(high), y1=top + _LINE, y2=top + _LINE, cls="whisker"),
                tag("circle", cx=axis.percent(value), cy=top + _LINE, r=_DOT, cls="dot"),
                cls=system.cls,
            )
        )
    return tag(
        "svg",
        tag("title", title),
        tag("desc", "; ".join(f"{system.title} {value_of(system.result.figures[metric]):.4f}" for system in some)),
        *lines,
        *rows,
        cls="plot",
        width="100%",
        height=height,
        role="img",
    )


def _bounds(figure: Interval | float) -> tuple[float, float]:
    return (figure.low, figure.high) if isinstance(figure, Interval) else (figure, figure)
