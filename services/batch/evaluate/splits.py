"""Splits of a snapshot's interactions into what a system may learn from and what it is asked to foresee.

A *test book* of a user is one the user comes to like in the test part and has not seen in the training part; a *test
user* has a test book and something positive in the training part. Only active books are asked for: no other can be
recommended. Time is the order of the snapshot's rows: sources without a clock have their own order there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.batch.evaluate.training import Training
from services.batch.opinions import opinions
from shared.settings import UserStateSettings


@dataclass(frozen=True, slots=True)
class Split:
    """A training part, and for each test user the books to foresee.

    Attributes:
        name: how it was made, in words.
        training: what systems may know.
        rows: int64, (n,), the test users as rows of the training part, ascending.
        relevant: int8, (n, n_books), sparse, 1 for each user's test books; at least one in each row.
        n_test_interactions: rows of the test part, those that ask for nothing included.
    """

    name: str
    training: Training
    rows: NDArray[np.int64]
    relevant: csr_matrix
    n_test_interactions: int

    @property
    def users(self) -> NDArray[np.object_]:
        """Ids of the test users."""
        return self.training.users[self.rows]

    def sample(self, n: int, *, seed: int) -> Split:
        """At most `n` of the test users.

        Who is drawn depends on user id and seed alone: samples of two nights hold mostly the same users.
        """
        if len(self.rows) <= n:
            return self
        draws = [hashlib.blake2b(f"{seed} {user}".encode(), digest_size=8).digest() for user in self.users]
        kept = np.sort(np.argsort(np.array(draws, "V8").view(">u8"), kind="stable")[:n])
        return Split(self.name, self.training, self.rows[kept], self.relevant[kept], self.n_test_interactions)


def split_by_time(
    books: pd.DataFrame, interactions: pd.DataFrame, user_state: UserStateSettings, *, test_share: float
) -> Split:
    """Train on what came before a moment, test on what came after: nothing from the future is known.

    Args:
        books: the snapshot's books.
        interactions: the snapshot's interactions, oldest first.
        user_state: which interactions count as seen and as positive.
        test_share: share of the interactions in the test part, the last ones.
    """
    n_training = int(len(interactions) * (1 - test_share))
    is_test = np.arange(len(interactions)) >= n_training
    return split_at(f"last {test_share:.0%} by time", books, interactions, is_test, user_state)


def split_last_of_each_user(
    books: pd.DataFrame, interactions: pd.DataFrame, user_state: UserStateSettings, *, n_last: int
) -> Split:
    """Hold out the last `n_last` interactions of each user who has more than that.

    Every user is asked about, but what others did later is known: figures come out higher than of a split by time.
    """
    of_user = interactions.groupby("user_id", observed=True)["book_number"]
    from_the_end = of_user.cumcount(ascending=False).to_numpy(np.int64)
    n_of_user = of_user.transform("size").to_numpy(np.int64)
    is_test = (from_the_end < n_last) & (n_of_user > n_last)
    return split_at(f"last {n_last} of each user", books, interactions, is_test, user_state)


def split_at(
    name: str,
    books: pd.DataFrame,
    interactions: pd.DataFrame,
    is_test: NDArray[np.bool_],
    user_state: UserStateSettings,
) -> Split:
    """Split where `is_test`, bool, (n_interactions,), says."""
    training = Training(books, interactions[~is_test].reset_index(drop=True), user_state)
    return held_out(name, training, interactions[is_test])


def held_out(name: str, training: Training, test: pd.DataFrame) -> Split:
    """The split of this training part and these test interactions."""
    later = opinions(test, training.user_state)
    numbers = later["book_number"].to_numpy(np.int64)
    rows = training.rows_of(later["user_id"])
    wanted = later["positive"].to_numpy(bool) & (rows >= 0) & training.active[numbers]
    rows, numbers = rows[wanted], numbers[wanted]
    unseen = ~_among(training.seen, rows, numbers)
    rows, numbers = rows[unseen], numbers[unseen]
    test_rows, place = np.unique(rows, return_inverse=True)
    relevant = csr_matrix((np.ones(len(numbers), np.int8), (place, numbers)), shape=(len(test_rows), training.n_books))
    return Split(name, training, test_rows, relevant, len(test))


def _among(matrix: csr_matrix, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the matrix stores something at each of these places."""
    n_columns = matrix.shape[1]
    stored = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * n_columns + matrix.indices
    among: NDArray[np.bool_] = np.isin(rows * n_columns + columns, stored)
    return among
