"""Quality by group: one line per recommender, the served pipeline and the best baseline in front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from markupsafe import Markup

from services.batch.evaluate.evaluation import GroupFacts
from services.batch.metrics.bootstrap import Interval
from services.batch.report.legend import Keyed, value_of
from services.batch.report.plots.axis import Axis, axis_over, written
from services.batch.report.plots.svg import joined, tag

_TOP, _BOTTOM, _HEIGHT = 16.0, 236.0, 282
_SHORT = {"less popular": "the rest", "never liked before": "new"}
_BEHIND = {"other": 0, "half": 1, "rival": 2, "served": 3}


def group_plot(
    systems: list[Keyed],
    groups: Sequence[GroupFacts],
    of_system: Callable[[Keyed], Sequence[Interval | None]],
    title: str,
) -> Markup:
    """The plot, without empty groups."""
    shown = [place for place, group in enumerate(groups) if group.n]
    lines = {system.name: [of_system(system)[place] for place in shown] for system in systems if of_system(system)}
    heights = [bound for line in lines.values() for figure in line if figure for bound in (figure.value,)]
    heights += [figure.high for system in systems if system.name == "served" for figure in lines[system.name] if figure]
    up = axis_over(heights or [1.0], start=_BOTTOM, end=_TOP, from_zero=True)
    across = Axis(-0.5, len(shown) - 0.5, 4.0, 100.0)
    grid = [
        joined(
            tag("line", x1="0", x2="100%", y1=up.at(tick), y2=up.at(tick), cls="grid"),
            tag("text", written(tick), x="0", y=up.at(tick) - 4, cls="tick"),
        )
        for tick in up.ticks()
    ]
    names = [
        joined(
            tag(
                "text",
                _short(groups[place].title),
                x=across.percent(n),
                y=_BOTTOM + 20,
                cls="tick",
                text_anchor="middle",
            ),
            tag(
                "text",
                f"n = {groups[place].n:,}",
                x=across.percent(n),
                y=_BOTTOM + 37,
                cls="tick faint",
                text_anchor="middle",
            ),
        )
        for n, place in enumerate(shown)
    ]
    drawn = [
        _line(system, lines[system.name], across, up)
        for system in sorted(systems, key=lambda system: _BEHIND[system.cls])
        if system.name in lines
    ]
    return tag("svg", tag("title", title), *grid, *names, *drawn, cls="plot", width="100%", height=_HEIGHT, role="img")


def _line(system: Keyed, figures: Sequence[Interval | None], across: Axis, up: Axis) -> Markup:
    points = [(n, figure) for n, figure in enumerate(figures) if figure is not None]
    segments = [
        tag(
            "line",
            x1=across.percent(left), x2=across.percent(right), y1=up.at(from_.value), y2=up.at(to.value), cls="line",
        )
        for (left, from_), (right, to) in pairwise(points)
    ]  # fmt: skip
    whiskers = [
        tag(
            "line",
            x1=across.percent(n),
            x2=across.percent(n),
            y1=up.at(figure.low),
            y2=up.at(min(figure.high, up.high)),
            cls="whisker",
        )
        for n, figure in points
        if system.cls == "served"
    ]
    dots = [
        tag(
            "circle",
            tag("title", f"{system.title}: {value_of(figure):.4f}"),
            cx=across.percent(n), cy=up.at(figure.value), r=5 if system.cls != "other" else 3, cls="dot",
        )
        for n, figure in points
    ]  # fmt: skip
    return tag("g", *segments, *whiskers, *dots, cls=system.cls)


def _short(title: str) -> str:
    """A short group name."""
    return _SHORT.get(title, title.replace(" to ", "\N{EN DASH}").removesuffix(" liked"))
