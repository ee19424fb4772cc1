"""Books next to a book, and what follows from that for someone who has read several: one rule for every such list.

What is next to a book is for a subclass to say: by description (`shared.artifacts.content`) or by who read on to what
(`shared.artifacts.item_transitions`). Evaluation and serving look candidates up here, so that what is measured is what is served.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Candidates: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float32]]

NO_CANDIDATES: Candidates = (np.empty(0, np.int32), np.empty(0, np.float32))


class NeighbourLists(ABC):
    """A list of books for each book. Safe to share between threads.

    Args:
        n_remembered: lists of candidates kept, the oldest given up first.
    """

    def __init__(self, *, n_remembered: int) -> None:
        self._most_remembered = n_remembered
        self._remembered_candidates: OrderedDict[tuple[bytes, int, float], tuple[Candidates, dict[int, int]]] = (
            OrderedDict()
        )

    @property
    @abstractmethod
    def n_books(self) -> int:
        """Number of books known here, inactive ones included."""

    @abstractmethod
    def of(self, number: int) -> Candidates:
        """What is next to one book: book numbers (int32) and scores (float32), best first; never the book itself."""

    def candidates(self, recent: NDArray[np.int32], *, limit: int, decay: float) -> Candidates:
        """Candidates of a user: what is next to the recent books, the newest weighted most.

        The score of a candidate is the sum over recent books r = 0, 1, … (newest first) of `decay`^r times its score
        in their lists, over those recent books that have it in theirs.

        Args:
            recent: book numbers, newest first; numbers that are not known here are passed over.
            limit: candidates wanted.
            decay: weight of each recent book relative to the one newer, in (0, 1].

        Returns:
            Book numbers and scores, best first, ties by book number.
        """
        return self._remembered_for(recent, limit, decay)[0]

    def reasons(self, recent: NDArray[np.int32], *, limit: int, decay: float) -> dict[int, int]:
        """For each candidate of `candidates` the recent book that adds most to its score."""
        return self._remembered_for(recent, limit, decay)[1]

    def _remembered_for(self, recent: NDArray[np.int32], limit: int, decay: float) -> tuple[Candidates, dict[int, int]]:
        key = (recent.tobytes(), limit, decay)
        remembered = self._remembered_candidates.get(key)
        if remembered is None:
            remembered = self._remembered_candidates[key] = self._candidates(recent, limit, decay)
            if len(self._remembered_candidates) > self._most_remembered:
                self._remembered_candidates.popitem(last=False)
        return remembered

    def _candidates(self, recent: NDArray[np.int32], limit: int, decay: float) -> tuple[Candidates, dict[int, int]]:
        lists = [
            (number, *self.of(number), decay**place)
            for place, number in enumerate(recent.tolist())
            if 0 <= number < self.n_books
        ]
        numbers = np.concatenate([NO_CANDIDATES[0], *(found for _, found, _, _ in lists)])
        scores = np.concatenate([NO_CANDIDATES[1], *(found * np.float32(weight) for _, _, found, weight in lists)])
        if not len(numbers):
            return NO_CANDIDATES, {}
        sources = np.repeat([number for number, _, _, _ in lists], [len(found) for _, found, _, _ in lists])
        order = np.lexsort((-scores, numbers))  # each candidate's largest contribution first
        numbers, scores, sources = numbers[order], scores[order], sources[order]
        first = np.concatenate(([True], numbers[1:] != numbers[:-1])).nonzero()[0]
        numbers, scores, sources = numbers[first], np.add.reduceat(scores, first), sources[first]
        best = (-scores).argsort(kind="stable")[:limit]
        chosen = numbers[best]
        return (chosen, scores[best]), dict(zip(chosen.tolist(), sources[best].tolist(), strict=True))
