"""Plots of a search for better settings: one dot per trial, a line for the best so far."""

from __future__ import annotations

from itertools import accumulate, pairwise

from markupsafe import Markup

from services.batch.report.plots.axis import Axis, axis_over, written
from services.batch.report.plots.svg import joined, tag
from services.batch.tune.record import Trial

_TOP, _BOTTOM, _HEIGHT = 14.0, 196.0, 238


def search_plot(trials: list[Trial]) -> Markup:
    """Values in trial order; pruned trials are hollow."""
    whole = [trial.value for trial in trials if not trial.pruned]
    # Very bad trials would compress the others into one line.
    floor = min((value for value in whole if value > max(whole) / 2), default=0.0)
    up = axis_over([floor, max(whole, default=1.0)], start=_BOTTOM, end=_TOP)
    across = Axis(1, max(2, len(trials)), 8.0, 97.0)
    best = list(accumulate((trial.value if not trial.pruned else 0.0 for trial in trials), max))
    steps = [
        joined(
            tag("line", x1=across.percent(n), x2=across.percent(n + 1), y1=up.at(low), y2=up.at(low), cls="line"),
            tag("line", x1=across.percent(n + 1), x2=across.percent(n + 1), y1=up.at(low), y2=up.at(high), cls="line"),
        )
        for n, (low, high) in enumerate(pairwise(best), start=1)
    ]
    dots = [
        tag(
            "circle",
            tag("title", f"Trial {n}: {trial.value:.4f}{' on some users, pruned' if trial.pruned else ''}"),
            cx=across.percent(n), cy=up.at(max(trial.value, up.low)), r=4, cls="pruned" if trial.pruned else "dot",
        )
        for n, trial in enumerate(trials, start=1)
    ]  # fmt: skip
    ticks = [tick for tick in across.ticks() if tick == round(tick)]
    return tag(
        "svg",
        tag("title", "NDCG@10 of each trial of the search"),
        *_grid(up),
        *(
            tag("text", f"{tick:.0f}", x=across.percent(tick), y=_BOTTOM + 18, cls="tick", text_anchor="middle")
            for tick in ticks
        ),
        tag("text", "trial", x="50%", y=_BOTTOM + 36, cls="tick", text_anchor="middle"),
        tag("g", *steps, cls="served"),
        tag("g", *dots, cls="half"),
        cls="plot",
        width="100%",
        height=_HEIGHT,
        role="img",
    )


def setting_plot(trials: list[Trial], name: str) -> Markup | None:
    """Values against one setting; `None` if it is not a number or does not vary."""
    whole = [trial for trial in trials if not trial.pruned and isinstance(trial.settings.get(name), int | float)]
    places = [float(trial.settings[name]) for trial in whole]
    if len(set(places)) < 2:  # noqa: PLR2004  # at least two points
        return None
    values = [trial.value for trial in whole]
    up = axis_over([value for value in values if value > max(values) / 2], start=110.0, end=10.0)
    across = axis_over(places, start=6, end=94)
    best = max(whole, key=lambda trial: trial.value)
    dots = [
        tag(
            "circle",
            tag("title", f"{name} = {written(place)}: {trial.value:.4f}"),
            cx=across.percent(place), cy=up.at(max(trial.value, up.low)), r=6 if trial is best else 3, cls="dot",
        )
        for trial, place in zip(whole, places, strict=True)
    ]  # fmt: skip
    ticks = [
        tag("text", written(tick), x=across.percent(tick), y=130, cls="tick", text_anchor="middle")
        for tick in across.ticks()
    ]
    return tag(
        "svg",
        tag("title", f"NDCG@10 by {name}"),
        tag("line", x1="0", x2="100%", y1=112, y2=112, cls="grid"),
        *ticks,
        tag("g", *dots, cls="half"),
        cls="plot",
        width="100%",
        height=138,
        role="img",
    )


def _grid(up: Axis) -> list[Markup]:
    return [
        joined(
            tag("line", x1="0", x2="100%", y1=up.at(tick), y2=up.at(tick), cls="grid"),
            tag("text", written(tick), x="0", y=up.at(tick) - 4, cls="tick"),
        )
        for tick in up.ticks()
    ]
