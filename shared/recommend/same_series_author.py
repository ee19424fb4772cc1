"""Same series or author: the other volumes of a book's series and the other books of its authors, from the catalogue alone.

The one list that reaches a book on the day it comes in, described or not. A volume further on in the series scores one
over how much further, one further back `_BACK`, another book of an author `_SAME_AUTHOR`.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.recommend.neighbor_table import NO_CANDIDATES, Candidates, NeighbourLists

_BACK = 0.2
_SAME_AUTHOR = 0.1
_MOST = 100


class SameSeriesAuthor(NeighbourLists):
    """The same series or author of each book, put together when first asked for.

    Args:
        series: of each book the name of its series, `None` for none.
        positions: of each book its place in the series; NaN or `None` where it has none.
        authors: of each book its authors.
        active: bool, (n_books,): books that may be listed.
        n_remembered: lists kept, the oldest given up first.
    """

    def __init__(
        self,
        series: Sequence[str | None],
        positions: Sequence[float | None],
        authors: Sequence[Sequence[str]],
        active: NDArray[np.bool_],
        *,
        n_remembered: int = 100_000,
    ) -> None:
        super().__init__(n_remembered=n_remembered // 10)
        self._series = list(series)
        self._positions = np.array([np.nan if place is None else place for place in positions], np.float64)
        self._authors = [list(names) for names in authors]
        self._volumes: dict[str, list[int]] = defaultdict(list)
        self._books_of: dict[str, list[int]] = defaultdict(list)
        for number in np.flatnonzero(active).tolist():
            name = self._series[number]
            if name:
                self._volumes[name].append(number)
            for author in self._authors[number]:
                self._books_of[author].append(number)
        self._n_remembered = n_remembered
        self._remembered: OrderedDict[int, Candidates] = OrderedDict()

    @property
    def n_books(self) -> int:
        """Books known here."""
        return len(self._series)

    def of(self, number: int) -> Candidates:
        """Same series or author of one book, best first, ties by book number."""
        remembered = self._remembered.get(number)
        if remembered is None:
            remembered = self._remembered[number] = self._same_series_author_of(number)
            if len(self._remembered) > self._n_remembered:
                self._remembered.popitem(last=False)
        return remembered

    def _same_series_author_of(self, number: int) -> Candidates:
        by_author = {other for name in self._authors[number] for other in self._books_of.get(name, ())}
        scores = dict.fromkeys(by_author, _SAME_AUTHOR)
        name = self._series[number]
        volumes = self._volumes.get(name, []) if name else []
        for volume, gap in zip(volumes, (self._positions[volumes] - self._positions[number]).tolist(), strict=True):
            scores[volume] = 1 / max(gap, 1.0) if gap > 0 else _BACK
        scores.pop(number, None)
        if not scores:
            return NO_CANDIDATES
        ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:_MOST]
        numbers, values = zip(*ranked, strict=True)
        return np.array(numbers, np.int32), np.array(values, np.float32)
