"""The map: every book a dot where its description puts it, coloured by tribe, the largest tribes named."""

from __future__ import annotations

from services.batch.evaluate.report.document import TribeFacts
from services.batch.evaluate.report.markup import Markup, joined, tag

N_COLOURS = 12
_FULL = 1000  # points are in tenths of a percent
_MOST_NAMES = 9
_FEW = 2000  # books whose dots may be larger
_NAME_HEIGHT, _CHARACTER = 0.055, 0.0125  # of the map, at the width it has on a telephone with names half as long


def tribe_map(tribes: list[TribeFacts]) -> Markup:
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
    names = [
        tag("text", _short(tribe), x=f"{tribe.x:.1%}", y=f"{tribe.y:.1%}", cls="tribe", text_anchor=_anchor(tribe.x))
        for tribe in _named(tribes)
    ]
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


def _named(tribes: list[TribeFacts]) -> list[TribeFacts]:
    """The largest tribes whose names do not lie over each other."""
    named: list[TribeFacts] = []
    for tribe in sorted(tribes, key=lambda one: -one.n_books):
        wide = _CHARACTER * len(_short(tribe))
        if len(named) < _MOST_NAMES and all(
            abs(tribe.y - other.y) > _NAME_HEIGHT
            or abs(tribe.x - other.x) > (wide + _CHARACTER * len(_short(other))) / 2 + 0.02
            for other in named
        ):
            named.append(tribe)
    return named


def _anchor(x: float) -> str:
    return "start" if x < 0.2 else "end" if x > 0.8 else "middle"  # noqa: PLR2004  # fifths of the map


def _short(tribe: TribeFacts) -> str:
    """The first two of its telling words."""
    return " · ".join(tribe.name.split(" · ")[:2])
