"""Same series or author: the other volumes of a book's series and the other books of its authors.

It covers new books at once, even without a description. A later volume of the series scores 1 / distance, an earlier
one 0.2, another book of an author 0.1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.recommend.neighbor_table import NO_CANDIDATES, Candidates, Rows, pad_rows

NAME = "same_series_author"
_EARLIER_VOLUME = 0.2
_SAME_AUTHOR = 0.1
_MAX_NEIGHBORS = 100


def same_series_author_rows(
    series: Sequence[str | None],
    positions: Sequence[float | None],
    authors: Sequence[Sequence[str]],
    active: NDArray[np.bool_],
) -> Rows:
    """The rows of the table, best first, ties by item index.

    Args:
        series: the name of each book's series, `None` for none.
        positions: each book's place in its series; NaN or `None` if it has none.
        authors: of each book.
        active: bool, (n_books,): books that may be listed.
    """
    places = np.array([np.nan if place is None else place for place in positions], np.float64)
    volumes: dict[str, list[int]] = defaultdict(list)
    books_of: dict[str, list[int]] = defaultdict(list)
    for book in np.flatnonzero(active).tolist():
        name = series[book]
        if name:
            volumes[name].append(book)
        for author in authors[book]:
            books_of[author].append(book)
    lists = []
    for book in range(len(places)):
        scores = {other: _SAME_AUTHOR for author in authors[book] for other in books_of.get(author, ())}
        name = series[book]
        of_series = volumes.get(name, []) if name else []
        for volume, gap in zip(of_series, (places[of_series] - places[book]).tolist(), strict=True):
            scores[volume] = 1 / max(gap, 1.0) if gap > 0 else _EARLIER_VOLUME
        scores.pop(book, None)
        lists.append(_best(scores))
    return pad_rows(lists)


def _best(scores: dict[int, float]) -> Candidates:
    if not scores:
        return NO_CANDIDATES
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:_MAX_NEIGHBORS]
    items, values = zip(*ranked, strict=True)
    return np.array(items, np.int32), np.array(values, np.float32)
