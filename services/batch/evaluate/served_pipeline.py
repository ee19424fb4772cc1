"""The served pipeline, answering many users at once without Redis: what is measured is what is served.

Nightly lists come from the factors by `services.batch.top_n`, content candidates from `shared.neighbours`,
`shared.blend` makes one list of the two and `shared.popular_fill` fills it up, as for a request.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from services.batch.evaluate.training import Training
from services.batch.factorize import Factors
from services.batch.popularity import N_OVERALL, rank_by_popularity
from services.batch.top_n import top_n
from shared.blend import Blended, blend
from shared.neighbours import NO_CANDIDATES, Candidates, Neighbours
from shared.popular_fill import first_of_each_work, spread_over_tribes, top_up
from shared.settings import BlendSettings

_USERS_AT_ONCE = 256


class ServedPipeline:
    """Recommends from factors of the training part and the neighbours of its recent books.

    Args:
        training: what is known of users.
        factors: of its users and books, rows as there; `None` to do without nightly lists.
        neighbours: the content part, opened with the training part's `works`; `None` to do without it.
        spread: int32, what fills a list that is too short, see `popular_spread`; `None` leaves it short.
        settings: how the two are blended.
        list_length: books in a nightly list.
        threads: threads that lists are made with.
    """

    def __init__(
        self,
        training: Training,
        factors: Factors | None,
        neighbours: Neighbours | None,
        spread: NDArray[np.int32] | None,
        settings: BlendSettings,
        *,
        list_length: int,
        threads: int,
    ) -> None:
        self._training = training
        self._factors = factors
        self._neighbours = neighbours
        self._spread = spread
        self._settings = settings
        self._list_length = list_length
        self._threads = threads

    def rank(self, rows: NDArray[np.int64], k: int) -> NDArray[np.int32]:
        """The best `k` unseen books of these users of the training part, (n, k), best first, padded with -1."""
        ranked = np.full((len(rows), k), -1, np.int32)
        for place, books in enumerate(self.answers(rows, k)):
            ranked[place, : len(books.numbers)] = books.numbers
        return ranked

    def answers(self, rows: NDArray[np.int64], k: int) -> Iterator[Blended]:
        """The same for one user after the other, with scores and what each list says."""
        for first in range(0, len(rows), _USERS_AT_ONCE):
            some = rows[first : first + _USERS_AT_ONCE]
            seen = [self._training.seen_of(row) for row in some.tolist()]
            blended = blend(
                self._nightly_lists(some),
                self._content_candidates(some),
                collaborative_weight=self._settings.collaborative_weight,
                content_weight=self._settings.content_weight,
                seen=seen,
                works=self._training.works,
                limit=k,
            )
            for books, own in zip(blended, seen, strict=True):
                yield self._filled(books, own, k)

    def _filled(self, books: Blended, seen: NDArray[np.int32], k: int) -> Blended:
        if self._spread is None or len(books.numbers) == k:
            return books
        return top_up(books, self._spread, self._training.works, seen, k)

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


def popular_spread(training: Training, tribe_of: NDArray[np.int32]) -> NDArray[np.int32]:
    """int32: the books popular in the training part, spread over tribes, as the API makes them of the popularity part.

    Averages that a source publishes of a book count here as there, where two books are liked equally often.

    Args:
        training: says what is popular.
        tribe_of: int32, (n_books,), of the content part.
    """
    overall = rank_by_popularity(training.books, training.interactions, training.user_state).numbers[:N_OVERALL]
    return spread_over_tribes(first_of_each_work(overall, training.works), tribe_of)
