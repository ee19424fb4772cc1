"""Which books the readers of one book also like, by the factor model."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from shared.neighbours import NO_CANDIDATES, Candidates

N_NEIGHBOURS = 100
_REMEMBERED = 10_000


class ReaderNeighbours:
    """What the factor model lists for a reader of one book alone, remembered once worked out.

    Args:
        item_factors: float32, (n_known, rank); books with a higher number are unknown to the model.
        fold_in_factors: float32, (n_known, rank).
        editions: int32, (n_books,), books with the same value are editions of one work.
        active: bool, (n_books,).
    """

    def __init__(
        self,
        item_factors: NDArray[np.float32],
        fold_in_factors: NDArray[np.float32],
        editions: NDArray[np.int32],
        active: NDArray[np.bool_],
    ) -> None:
        self._item_factors, self._fold_in_factors = item_factors, fold_in_factors
        self._editions = editions
        self._active = active[: len(item_factors)]
        self._remembered: OrderedDict[int, Candidates] = OrderedDict()

    def of(self, number: int) -> Candidates:
        """Other works: book numbers (int32) and scores as shares of the best (float32, in (0, 1]), best first.

        One pass over all item factors: call it off the event loop. Empty for a book nobody liked.
        """
        remembered = self._remembered.get(number)
        if remembered is None:
            remembered = self._remembered[number] = self._look_up(number)
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return remembered

    def _look_up(self, number: int) -> Candidates:
        if number >= len(self._item_factors):
            return NO_CANDIDATES
        scores = self._item_factors @ self._fold_in_factors[number]
        others = self._active & (self._editions[: len(scores)] != self._editions[number]) & (scores > 0)
        numbers = others.nonzero()[0]
        best = numbers[np.argsort(-scores[numbers], kind="stable")[:N_NEIGHBOURS]].astype(np.int32)
        if not len(best):
            return NO_CANDIDATES
        return best, scores[best] / scores[best[0]]
