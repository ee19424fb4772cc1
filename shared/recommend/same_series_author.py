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
from shared.recommend.series import NO_SERIES, series_groups
from shared.title_keys import author_keys

NAME = "same_series_author"
_EARLIER_VOLUME = 0.2
_SAME_AUTHOR = 0.1
_MAX_NEIGHBORS = 100


def same_series_author_rows(
    series: Sequence[str | None],
    positions: Sequence[float | None],
    authors: Sequence[Sequence[str]],
    active: NDArray[np.bool_],
    work_id: NDArray[np.int32],
) -> Rows:
    """The rows of the table, best first, ties by item index; one edition of each other work.

    "Unknown", "Various" and the like are no author. Series are told apart as in `series_groups`.

    Args:
        series: the name of each book's series, `None` for none.
        positions: each book's place in its series; NaN or `None` if it has none.
        authors: of each book.
        active: bool, (n_books,): books that may be listed.
        work_id: int32, (n_books,); editions of one work share it.
    """
    places = np.array([np.nan if place is None else place for place in positions], np.float64)
    group_of = series_groups(series, places, authors).tolist()
    keys = [author_keys(names) for names in authors]
    works = work_id.tolist()
    volumes: dict[int, list[int]] = defaultdict(list)
    books_of: dict[str, dict[int, int]] = defaultdict(dict)  # by author, the first edition of each work
    for book in np.flatnonzero(active).tolist():
        if group_of[book] != NO_SERIES:
            volumes[group_of[book]].append(book)
        for author in keys[book]:
            books_of[author].setdefault(works[book], book)
    lists = []
    for book in range(len(places)):
        scores = {other: _SAME_AUTHOR for author in keys[book] for other in books_of[author].values()}
        of_series = volumes.get(group_of[book], [])
        for volume, gap in zip(of_series, (places[of_series] - places[book]).tolist(), strict=True):
            scores[volume] = 1 / max(gap, 1.0) if gap > 0 else _EARLIER_VOLUME
        lists.append(_best(scores, works, works[book]))
    return pad_rows(lists)


def _best(scores: dict[int, float], works: list[int], own: int) -> Candidates:
    """The best book of each work but the own, best first."""
    of_work: dict[int, tuple[int, float]] = {}
    for book, score in sorted(scores.items(), key=lambda item: (-item[1], item[0])):
        of_work.setdefault(works[book], (book, score))
    of_work.pop(own, None)
    if not of_work:
        return NO_CANDIDATES
    items, values = zip(*list(of_work.values())[:_MAX_NEIGHBORS], strict=True)
    return np.array(items, np.int32), np.array(values, np.float32)
