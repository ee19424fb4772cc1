"""Neighbors of each book, as two arrays that the night writes, and the candidates made from them.

Content, item transitions and same series or author are such tables. Files of a table in its artifact:
`<name>.numbers.npy`, int32, (n_books, n), item indexes, best first, padded with -1, and `<name>.scores.npy`, float32,
the same shape, padded with 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.cache import Cache
from shared.deprecated import existing_file
from shared.errors import ArtifactError

Candidates: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float32]]
Rows: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float32]]

NO_CANDIDATES: Candidates = (np.empty(0, np.int32), np.empty(0, np.float32))


def table_files(name: str) -> tuple[str, str]:
    """The two files of a table."""
    return f"{name}.numbers.npy", f"{name}.scores.npy"


def pad_rows(lists: Sequence[Candidates]) -> Rows:
    """Lists of different lengths as the two arrays of a table."""
    width = max((len(items) for items, _ in lists), default=0)
    items = np.full((len(lists), width), -1, np.int32)
    scores = np.zeros((len(lists), width), np.float32)
    for row, (of_row, its_scores) in enumerate(lists):
        items[row, : len(of_row)], scores[row, : len(of_row)] = of_row, its_scores
    return items, scores


def save_rows(folder: Path, name: str, rows: Rows) -> None:
    """Write the two files of a table."""
    for file, array in zip(table_files(name), rows, strict=True):
        np.save(folder / file, array)


def open_rows(folder: Path, name: str) -> Rows | None:
    """The two arrays of a table, memory-mapped; `None` if an older version wrote the artifact without them.

    Raises:
        ArtifactError: the files do not belong together.
    """
    paths = [existing_file(folder, file) for file in table_files(name)]
    if not paths[0].exists():
        return None
    items, scores = (np.asarray(np.load(path, mmap_mode="r")) for path in paths)
    if items.shape != scores.shape:
        raise ArtifactError(f"{paths[0].name} and {paths[1].name} do not belong together.", where=str(folder))
    return items, scores


class NeighborTable:
    """The neighbors of each book. Safe to share between threads.

    Args:
        rows: item indexes, int32, (n_books, n), best first, ties by item index, padded with -1; and scores, float32,
            the same shape. A book is not in its own row.
        name: name of the candidate cache.
        max_cached: maximum number of cached candidate lists.
    """

    def __init__(self, rows: Rows, *, name: str, max_cached: int = 10_000) -> None:
        self._items, self._scores = rows
        self._lengths: list[int] = (self._items >= 0).sum(axis=1).tolist()
        self._cache: Cache[tuple[bytes, int, float], tuple[Candidates, dict[int, int]]] = Cache(
            f"{name}_candidates", max_cached
        )

    @property
    def n_books(self) -> int:
        """Number of books, inactive ones included."""
        return len(self._lengths)

    def neighbors(self, item_index: int) -> Candidates:
        """Neighbors of one book: item indexes (int32) and scores (float32), best first; empty for an unknown book."""
        if not 0 <= item_index < len(self._lengths):
            return NO_CANDIDATES
        n = self._lengths[item_index]
        return self._items[item_index, :n], self._scores[item_index, :n]

    def candidates(
        self,
        recent: NDArray[np.int32],
        *,
        limit: int,
        decay: float,
        viewed: NDArray[np.int32] = NO_CANDIDATES[0],
        viewed_weight: float = 0.0,
    ) -> Candidates:
        """Candidates of a user: the neighbors of the recent books, the newest weighted most.

        The score of a candidate is the sum over recent books r = 0, 1, … (newest first) of `decay`^r times its score
        among their neighbors, and `viewed_weight` times the same sum over viewed books.

        Args:
            recent: int32, item indexes, newest first; unknown ones are ignored but count in r.
            limit: maximum number of candidates.
            decay: weight of each recent book relative to the one newer, in (0, 1].
            viewed: like `recent`, without its books.
            viewed_weight: weight of a viewed book relative to a recent one.

        Returns:
            Item indexes and scores, best first, ties by item index.
        """
        if len(viewed) and viewed_weight > 0:
            weights = [*_falling(decay, len(recent)), *(viewed_weight * each for each in _falling(decay, len(viewed)))]
            return self._candidates(np.concatenate((recent, viewed)), limit, weights)[0]
        return self._cached(recent, limit, decay)[0]

    def explanations(self, recent: NDArray[np.int32], *, limit: int, decay: float) -> dict[int, int]:
        """By candidate, the recent book that adds most to its score."""
        return self._cached(recent, limit, decay)[1]

    def _cached(self, recent: NDArray[np.int32], limit: int, decay: float) -> tuple[Candidates, dict[int, int]]:
        key = (recent.tobytes(), limit, decay)
        known = self._cache.get(key)
        if known is None:
            known = self._candidates(recent, limit, _falling(decay, len(recent)))
            self._cache.put(key, known)
        return known

    def _candidates(
        self, recent: NDArray[np.int32], limit: int, weights: list[float]
    ) -> tuple[Candidates, dict[int, int]]:
        lists = [
            (book, *self.neighbors(book), weight)
            for book, weight in zip(recent.tolist(), weights, strict=True)
            if 0 <= book < self.n_books
        ]
        items = np.concatenate([NO_CANDIDATES[0], *(found for _, found, _, _ in lists)])
        scores = np.concatenate([NO_CANDIDATES[1], *(found * np.float32(weight) for _, _, found, weight in lists)])
        if not len(items):
            return NO_CANDIDATES, {}
        books = np.repeat([book for book, _, _, _ in lists], [len(found) for _, found, _, _ in lists])
        order = np.lexsort((-scores, items))  # each candidate's largest contribution first
        items, scores, books = items[order], scores[order], books[order]
        first = np.concatenate(([True], items[1:] != items[:-1])).nonzero()[0]
        items, scores, books = items[first], np.add.reduceat(scores, first), books[first]
        best = (-scores).argsort(kind="stable")[:limit]
        chosen = items[best]
        return (chosen, scores[best]), dict(zip(chosen.tolist(), books[best].tolist(), strict=True))


def _falling(decay: float, n: int) -> list[float]:
    return [decay**place for place in range(n)]
