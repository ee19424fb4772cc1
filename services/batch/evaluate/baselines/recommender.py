"""The interface of an evaluated recommender: it trains on the training part, then ranks books for its users.

To add one, write a frozen dataclass with `name`, `title` and `fit` in a file of its own, and list it in `registry`. It
trains on `Training` only; its constructor takes other inputs, such as the content artifact.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.batch.ingest.training_data import Training
from services.batch.models.top_n import top_n
from services.batch.runtime.progress import Progress

_SCORES_AT_ONCE = 4_000_000


class FittedRecommender(Protocol):
    """A trained recommender."""

    def rank(self, rows: NDArray[np.int64], k: int) -> NDArray[np.int32]:
        """The best `k` books of these users of the training part, int32, (n, k), best first, padded with -1.

        Seen and inactive books are excluded.
        """
        ...


class Recommender(Protocol):
    """A recommender to compare."""

    @property
    def name(self) -> str:
        """A short identifier, unique among the recommenders of one evaluation."""
        ...

    @property
    def title(self) -> str:
        """The name in tables and reports."""
        ...

    def fit(self, training: Training, *, threads: int, progress: Progress) -> FittedRecommender:
        """Train on this training part.

        Raises:
            NightshelfError: the data is too large, or a library is missing.
        """
        ...


class Scores(Protocol):
    """Scores of all books for some users."""

    def __call__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32, (n, n_books), larger is better; the caller may overwrite it."""
        ...


class ScoreRanker:
    """Ranks by the scores of all books, in blocks of users; ties by item index."""

    def __init__(self, training: Training, scores: Scores) -> None:
        self._training = training
        self._scores = scores

    def rank(self, rows: NDArray[np.int64], k: int) -> NDArray[np.int32]:
        """See `FittedRecommender.rank`."""
        ranked = np.full((len(rows), k), -1, np.int32)
        at_once = max(1, _SCORES_AT_ONCE // self._training.n_books)
        for first in range(0, len(rows), at_once):
            some = rows[first : first + at_once]
            scores = self._scores(some)
            scores[:, ~self._training.active] = -np.inf
            scores[self._training.seen[some].nonzero()] = -np.inf
            found = best(scores, k)
            ranked[first : first + len(some), : found.shape[1]] = found
        return ranked


class FactorRanker:
    """Ranks by dot products of factors; a user without factors gets an empty list.

    Args:
        training: the training part.
        user_factors: float32, (n_users, rank).
        item_factors: float32, (n_books, rank).
        threads: threads to rank with.
    """

    def __init__(
        self,
        training: Training,
        user_factors: NDArray[np.float32],
        item_factors: NDArray[np.float32],
        *,
        threads: int,
    ) -> None:
        self._training = training
        self._user_factors = user_factors
        self._item_factors = item_factors
        self._threads = threads

    def rank(self, rows: NDArray[np.int64], k: int) -> NDArray[np.int32]:
        """See `FittedRecommender.rank`."""
        user_factors = self._user_factors[rows]
        blocks = top_n(
            user_factors,
            self._item_factors,
            self._training.seen[rows],
            n=k,
            allowed=self._training.active,
            threads=self._threads,
        )
        ranked = np.concatenate([np.empty((0, k), np.int32), *(block.item_index for block in blocks)])
        ranked[~user_factors.any(axis=1)] = -1
        return ranked


def best(scores: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """The `k` best columns of each row (fewer if there are fewer columns), best first, -1 where a score is -inf.

    Ties are broken by column.
    """
    n_rows, n_columns = scores.shape
    k = min(k, n_columns)
    last = -np.partition(-scores, k - 1, axis=1)[:, k - 1 : k]
    above, tied = scores > last, scores == last
    n_left = k - above.sum(axis=1, keepdims=True)
    chosen = (above | (tied & (np.cumsum(tied, axis=1, dtype=np.int32) <= n_left))).nonzero()[1].reshape(n_rows, k)
    of_chosen = np.take_along_axis(scores, chosen, axis=1)
    order = np.argsort(-of_chosen, axis=1, kind="stable")
    ranked: NDArray[np.int32] = np.take_along_axis(chosen, order, axis=1).astype(np.int32)
    ranked[np.isneginf(np.take_along_axis(of_chosen, order, axis=1))] = -1
    return ranked
