"""The books each user liked, newest first, in the same order as the recent books in Redis.

Books with the same time are in descending order of the item index as text, as in a Redis sorted set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.batch.sources.order import Order


@dataclass(frozen=True, slots=True)
class Histories:
    """Liked books of all users.

    Attributes:
        books: int32, (n,), item indexes, grouped by user, newest first.
        ages: float64, (n,): the share of all likes that are newer; 0 for all if the order is not `time`.
        starts: int64, (n_users + 1,): start of each user's books.
        n_books: number of item indexes.
        order: what the histories know of order. For `none`, the order of a user's books means nothing.
    """

    books: NDArray[np.int32]
    ages: NDArray[np.float64]
    starts: NDArray[np.int64]
    n_books: int
    order: Order = "time"

    @classmethod
    def of(
        cls,
        rows: NDArray[np.int64],
        item_index: NDArray[np.int32],
        times: NDArray[np.float64],
        *,
        n_users: int,
        n_books: int,
        order: Order = "time",
    ) -> Histories:
        """Sort positive feedback, given as user rows, item indexes and times."""
        place = np.empty(n_books, np.int64)
        place[np.argsort(np.arange(n_books).astype("S10"))] = np.arange(n_books)
        by_user = np.lexsort((-place[item_index], -times, rows))
        ages = np.zeros(len(times))
        if order == "time":
            ages = 1 - np.searchsorted(np.sort(times), times[by_user], side="right") / max(len(times), 1)
        starts = np.searchsorted(rows[by_user], np.arange(n_users + 1))
        return cls(item_index[by_user], ages, starts, n_books, order)

    def newest(self, row: int, n: int) -> NDArray[np.int32]:
        """The latest `n` books of a user, newest first."""
        return self.books[self.starts[row] : min(self.starts[row] + n, self.starts[row + 1])]

    def recency(self, half_life: float | None) -> NDArray[np.float64]:
        """float64, (n,): the weight of each like: 0.5 at the age `half_life`; 1 for all if `None`."""
        return np.ones(len(self.books)) if half_life is None else 0.5 ** (self.ages / half_life)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64, (n_users,): number of books each user liked."""
        return np.diff(self.starts)

    def weighted(self, *, decay: float, n: int) -> csr_matrix:
        """float32, (n_users, n_books), sparse: `decay`^r for the r-th newest of each user's `n` newest books.

        Without any order, all `n` weigh 1.
        """
        decay = 1.0 if self.order == "none" else decay
        rank = np.arange(len(self.books)) - np.repeat(self.starts[:-1], self.lengths)
        kept = rank < n
        rows = np.repeat(np.arange(len(self.lengths)), self.lengths)[kept]
        weights = (decay ** rank[kept]).astype(np.float32)
        return csr_matrix((weights, (rows, self.books[kept])), shape=(len(self.lengths), self.n_books))
