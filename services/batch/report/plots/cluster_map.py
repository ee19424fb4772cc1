"""The map: every book a dot where its description puts it, coloured by tribe, the largest tribes named."""

from __future__ import annotations

from markupsafe import Markup

from services.batch.report.document import TribeFacts
from services.batch.report.plots.svg import joined, tag

N_COLOURS = 12
_FULL = 1000  # points are in tenths of a percent
_MOST_NAMES, _MOST_NAMES_ON_A_TELEPHONE = 14, 8
_FEW = 2000  # books whose dots may be larger
_NAME_HEIGHT = 0.05  # of the map, as are the widths of a character
_CHARACTER, _CHARACTER_ON_A_TELEPHONE = 0.0085, 0.02


def cluster_map(tribes: list[TribeFacts]) -> Markup:
    """The map and, below, what the colours stand for."""
    n_books = sum(tribe.n_books for tribe in tribes)
    dots = [
        tag(
            "path",
            tag("title", f"{tribe.name}: {tribe.n_books:,} books"),
            d="".join(f"M{x} {y}h0" for x, y in tribe.points),
            cls=f"books t{place % N_COLOURS}{' few' if n_books <= _FEW else ''}",
        )
        for place, tribe in enumerate(tribes)
    ]
    always = _named(tribes, _CHARACTER_ON_A_TELEPHONE, _MOST_NAMES_ON_A_TELEPHONE, [])
    names = [
        tag(
            "text", tag("tspan", "● ", cls="spot"), _short(tribes[place]),
            x=f"{tribes[place].x:.1%}", y=f"{tribes[place].y:.1%}", text_anchor=_anchor(tribes[place].x),
            cls=f"tribe t{place % N_COLOURS}{'' if place in always else ' roomy'}",
        )
        for place in _named(tribes, _CHARACTER, _MOST_NAMES, always)
    ]  # fmt: skip
    inner = tag("svg", *dots, viewBox=f"0 0 {_FULL} {_FULL}", preserveAspectRatio="none", width="100%", height="100%")
    legend = [
        tag("li", tag("span", cls=f"swatch t{place % N_COLOURS}"), f"{tribe.name} ", tag("small", f"{tribe.n_books:,}"))
        for place, tribe in enumerate(tribes)
    ]
    return joined(
        tag(
            "svg",
            tag("title", f"Map of {n_books:,} books in {len(tribes)} tribes"),
            inner,
            *names,
            cls="map",
            role="img",
        ),
        tag("details", tag("summary", f"All {len(tribes)} tribes"), tag("ul", *legend, cls="tribes")),
    )


def _named(tribes: list[TribeFacts], character: float, most: int, already: list[int]) -> list[int]:
    """Places of the largest tribes whose names do not lie over each other, nor over those that are there already."""
    named = list(already)
    for place, tribe in enumerate(tribes):
        if len(named) < most and not any(_touch(tribe, tribes[other], character) for other in named):
            named.append(place)
    return named


def _touch(one: TribeFacts, other: TribeFacts, character: float) -> bool:
    (left, right), (start, end) = _span(one, character), _span(other, character)
    return abs(one.y - other.y) < _NAME_HEIGHT and left < end + character and start < right + character


def _span(tribe: TribeFacts, character: float) -> tuple[float, float]:
    """From where to where the name goes."""
    wide = character * (len(_short(tribe)) + 2)
    left = {"start": tribe.x, "middle": tribe.x - wide / 2, "end": tribe.x - wide}[_anchor(tribe.x)]
    return left, left + wide


def _anchor(x: float) -> str:
    return "start" if x < 0.25 else "end" if x > 0.75 else "middle"  # noqa: PLR2004  # quarters of the map


def _short(tribe: TribeFacts) -> str:
    """The first two of its telling words."""
    return " · ".join(tribe.name.split(" · ")[:2])
