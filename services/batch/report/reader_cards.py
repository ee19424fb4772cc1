"""Sample readers: what each liked last, what they are recommended, and why."""

from __future__ import annotations

from markupsafe import Markup

from services.batch.report.document import BookLine, Recommendation, SampleReader
from services.batch.report.plots.svg import tag

_WHY = {
    "collaborative": "similar readers",
    "content": "descriptions",
    "item_transitions": "what readers went on to read",
    "same_series_author": "series and authors",
    "trending": "trending books",
}


def reader_cards(readers: list[SampleReader]) -> Markup:
    """A card for each."""
    return tag("div", *(_card(number, reader) for number, reader in enumerate(readers, start=1)), cls="cards")


def _card(number: int, reader: SampleReader) -> Markup:
    more = reader.n_liked - len(reader.liked)
    return tag(
        "article",
        tag("h3", f"Reader {number}"),
        tag("h4", "Liked last" if more else "Liked"),
        tag(
            "ul",
            *(tag("li", _book(book)) for book in reader.liked),
            tag("li", f"and {more:,} before", cls="more") if more else None,
            cls="liked",
        ),
        tag("h4", "Recommended"),
        tag("ol", *(tag("li", _book(one.book), tag("small", _why(one), cls="why")) for one in reader.recommended)),
    )


def _why(one: Recommendation) -> str:
    lists = ", ".join(_WHY[name] for name in one.lists) or "popular books"
    return f"Because of {one.because} · {lists}" if one.because else f"From {lists}"


def _book(book: BookLine) -> Markup:
    by = f" {', '.join(book.authors[:2])}{' and others' if len(book.authors) > 2 else ''}" if book.authors else None  # noqa: PLR2004
    return tag("span", tag("cite", book.title), by and tag("span", by, cls="by"))
