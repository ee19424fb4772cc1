"""The map of the books: one dot per book, colored by cluster, with the names of the largest clusters."""

from __future__ import annotations

from markupsafe import Markup

from services.batch.report.document import ClusterOnMap
from services.batch.report.plots.svg import joined, tag

N_COLOURS = 12
_FULL = 1000  # points are in tenths of a percent
_MAX_NAMES, _MAX_NAMES_ON_A_PHONE = 14, 8
_FEW = 2000  # up to this many books, dots are larger
_NAME_HEIGHT = 0.05  # share of the map, like the character widths
_CHARACTER, _CHARACTER_ON_A_PHONE = 0.0085, 0.02


def cluster_map(clusters: list[ClusterOnMap]) -> Markup:
    """The map and its legend."""
    n_books = sum(cluster.n_books for cluster in clusters)
    dots = [
        tag(
            "path",
            tag("title", f"{cluster.name}: {cluster.n_books:,} books"),
            d="".join(f"M{x} {y}h0" for x, y in cluster.points),
            cls=f"books t{place % N_COLOURS}{' few' if n_books <= _FEW else ''}",
        )
        for place, cluster in enumerate(clusters)
    ]
    always = _named(clusters, _CHARACTER_ON_A_PHONE, _MAX_NAMES_ON_A_PHONE, [])
    names = [
        tag(
            "text", tag("tspan", "● ", cls="spot"), _short(clusters[place]),
            x=f"{clusters[place].x:.1%}", y=f"{clusters[place].y:.1%}", text_anchor=_anchor(clusters[place].x),
            cls=f"tribe t{place % N_COLOURS}{'' if place in always else ' roomy'}",
        )
        for place in _named(clusters, _CHARACTER, _MAX_NAMES, always)
    ]  # fmt: skip
    inner = tag("svg", *dots, viewBox=f"0 0 {_FULL} {_FULL}", preserveAspectRatio="none", width="100%", height="100%")
    legend = [
        tag(
            "li",
            tag("span", cls=f"swatch t{place % N_COLOURS}"),
            f"{cluster.name} ",
            tag("small", f"{cluster.n_books:,}"),
        )
        for place, cluster in enumerate(clusters)
    ]
    return joined(
        tag(
            "svg",
            tag("title", f"Map of {n_books:,} books in {len(clusters)} tribes"),
            inner,
            *names,
            cls="map",
            role="img",
        ),
        tag("details", tag("summary", f"All {len(clusters)} tribes"), tag("ul", *legend, cls="tribes")),
    )


def _named(clusters: list[ClusterOnMap], character: float, max_names: int, already: list[int]) -> list[int]:
    """Indexes of the largest clusters whose names overlap neither each other nor those in `already`."""
    named = list(already)
    for place, cluster in enumerate(clusters):
        if len(named) < max_names and not any(_touch(cluster, clusters[other], character) for other in named):
            named.append(place)
    return named


def _touch(one: ClusterOnMap, other: ClusterOnMap, character: float) -> bool:
    (left, right), (start, end) = _span(one, character), _span(other, character)
    return abs(one.y - other.y) < _NAME_HEIGHT and left < end + character and start < right + character


def _span(cluster: ClusterOnMap, character: float) -> tuple[float, float]:
    """Left and right end of the name, as shares of the width."""
    wide = character * (len(_short(cluster)) + 2)
    left = {"start": cluster.x, "middle": cluster.x - wide / 2, "end": cluster.x - wide}[_anchor(cluster.x)]
    return left, left + wide


def _anchor(x: float) -> str:
    return "start" if x < 0.25 else "end" if x > 0.75 else "middle"  # noqa: PLR2004  # quarters of the map


def _short(cluster: ClusterOnMap) -> str:
    """The first two terms of its name."""
    return " · ".join(cluster.name.split(" · ")[:2])
