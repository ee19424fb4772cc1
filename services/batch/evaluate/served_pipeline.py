"""The served pipeline, answering many users at once without Redis: what is measured is what is served.

Nightly lists come from the factors by `services.batch.top_n`, content candidates from `shared.neighbours`, and
`shared.blend` makes one list of the two, as a request does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.batch.evaluate.training import Training
from services.batch.factorize import Factors
from services.batch.top_n import top_n
from shared.blend import blend
from shared.neighbours import NO_CANDIDATES, Candidates, Neighbours
from shared.settings import BlendSettings

_USERS_AT_ONCE = 256


class ServedPipeline:
    """Recommends from factors of the training part and the neighbours of its recent books.

    Args:
        training: what is known of users.
        factors: of its users and books, rows as there; `None` to do without nightly lists.
        neighbours: the content part, opened with the training part's `works`; `None` to do without it.
        settings: how the two are blended.
        list_length: books in a nightly list.
        threads: threads that lists are made with.
    """

    def __init__(
        self,
        training: Training,
        factors: Factors | None,
        neighbours: Neighbours | None,
        settings: BlendSettings,
        *,
        list_length: int,
        threads: int,
    ) -> None:
        self._training = training
        self._factors = factors
        self._neighbours = neighbours
        self._settings = settings
        self._list_length = list_length
        self._threads = threads

    def rank(self, rows: NDArray[np.int64], k: int) -> NDArray[np.int32]:
        """The best `k` unseen books of these users of the training part, (n, k), best first, padded with -1."""
        ranked = np.full((len(rows), k), -1, np.int32)
        for first in range(0, len(rows), _USERS_AT_ONCE):
            some = rows[first : first + _USERS_AT_ONCE]
            blended = blend(
                self._nightly_lists(some),
                self._content_candidates(some),
                collaborative_weight=self._settings.collaborative_weight,
                content_weight=self._settings.content_weight,
                seen=[self._training.seen_of(row) for row in some.tolist()],
                works=self._training.works,
                limit=k,
            )
            for place, books in enumerate(blended, start=first):
                ranked[place, : len(books.numbers)] = books.numbers
        return ranked

    def _nightly_lists(self, rows: NDArray[np.int64]) -> list[Candidates]:
        if self._factors is None:
            return [NO_CANDIDATES] * len(rows)
        user_factors, item_factors = self._factors.user_factors[rows], self._factors.item_factors
        blocks = top_n(
            user_factors,
            item_factors,
            self._training.seen[rows],
            n=self._list_length,
            allowed=self._training.active & item_factors.any(axis=1),
            threads=self._threads,
        )
        lists = [(block.numbers, block.scores) for block in blocks]
        numbers, scores = (np.concatenate(columns) for columns in zip(*lists, strict=True))
        n_listed = np.where(user_factors.any(axis=1), (numbers >= 0).sum(axis=1), 0).tolist()
        return [(numbers[place, :n], scores[place, :n]) for place, n in enumerate(n_listed)]

    def _content_candidates(self, rows: NDArray[np.int64]) -> list[Candidates]:
        if self._neighbours is None:
            return [NO_CANDIDATES] * len(rows)
        n_recent = min(self._settings.recent_books, self._training.user_state.max_recent)
        recents = [self._training.recent_of(row, n_recent) for row in rows.tolist()]
        self._neighbours.warm(np.unique(np.concatenate(recents)))
        return [
            self._neighbours.candidates(
                recent, limit=self._settings.content_candidates, decay=self._settings.recency_decay
            )
            for recent in recents
        ]
