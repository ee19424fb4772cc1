"""Splits of a snapshot's interactions into what a system may learn from and what it is asked to foresee.

A *test book* of a user is one the user comes to like in the test part and has not seen in the training part; a *test
user* has a test book and a positive opinion in the training part (or any opinion, where `any_history`). Only active
books are asked for: no other can be recommended. Time is the order of the snapshot's rows: sources without a clock have
their own order there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.batch.ingest.feedback import user_item_feedback
from services.batch.ingest.training_data import Training
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
        return _subset(self, np.sort(np.argsort(np.array(draws, "V8").view(">u8"), kind="stable")[:n]))

    def without(self, rows: NDArray[np.int64]) -> Split:
        """The split without these of its test users."""
        return _subset(self, np.flatnonzero(~np.isin(self.rows, rows)))


def split_by_time(
    books: pd.DataFrame,
    interactions: pd.DataFrame,
    user_state: UserStateSettings,
    *,
    test_share: float,
    any_history: bool = False,
) -> Split:
    """Train on what came before a moment, test on what came after: nothing from the future is known.

    Args:
        books: the snapshot's books.
        interactions: the snapshot's interactions, oldest first.
        user_state: which interactions count as seen and as positive.
        test_share: share of the interactions in the test part, the last ones.
        any_history: whether users who liked nothing before are asked about as well.
    """
    n_training = int(len(interactions) * (1 - test_share))
    is_test = np.arange(len(interactions)) >= n_training
    training = Training(books, interactions[~is_test].reset_index(drop=True), user_state)
    name = f"last {test_share:.0%} by time"
    return held_out(name, training, interactions[is_test], any_history=any_history)


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
    training = Training(books, interactions[~is_test].reset_index(drop=True), user_state)
    return held_out(f"last {n_last} of each user", training, interactions[is_test])


def split_cold_books(
    books: pd.DataFrame, interactions: pd.DataFrame, user_state: UserStateSettings, *, book_share: float, seed: int
) -> Split:
    """Hold out everything about a share of the books: they are as if they had come in today, and are all asked for."""
    active = np.flatnonzero(books["active"].to_numpy(bool))
    cold = np.random.default_rng(seed).permutation(active)[: round(len(active) * book_share)]
    is_test = np.isin(interactions["book_number"].to_numpy(), cold)
    training = Training(books, interactions[~is_test].reset_index(drop=True), user_state)
    return held_out(f"{book_share:.0%} of the books without any past", training, interactions[is_test])


def split_cold_users(
    split: Split, *, n_known: int | None, latest: bool = False, user_share: float, seed: int, at_least: int = 5
) -> Split:
    """Forget all but the beginning, or the end, of the history of a share of the test users; ask about them alone.

    What was forgotten is not known to any system, but stays masked: it was read, and is not what is asked for. For
    each `n_known` the same users are asked the same.

    Args:
        split: a split by time.
        n_known: positive opinions kept of each, the first ones, with whatever came before the last of them; `None`
            keeps everything, for comparison.
        latest: keep the last ones instead, with whatever came after the first of them: what someone new has told of is
            what they read now.
        user_share: share of the test users that are made cold.
        seed: who they are depends on user id and this alone.
        at_least: positive opinions a user must have to be among them.
    """
    whole = split.training
    n_positive = np.diff(whole.positives.indptr)[split.rows]
    long_enough = np.flatnonzero(n_positive >= at_least)
    chosen = _subset(split, long_enough).sample(max(1, round(len(long_enough) * user_share)), seed=seed)
    if n_known is None:
        return replace(chosen, name="cold users, all of their past known")
    known = whole.user_item_feedback
    rows = whole.rows_of(known["user_id"])
    time = known["time"].to_numpy(np.float64)
    order = np.lexsort((-time if latest else time, rows))
    positive = known["positive"].to_numpy(bool)[order]
    liked_before = np.cumsum(positive) - positive
    firsts = np.searchsorted(rows[order], rows[order])
    forgotten = np.zeros(len(known), np.bool_)
    forgotten[order] = liked_before - liked_before[firsts] >= n_known
    forgotten &= np.isin(rows, chosen.rows)
    gone = known.loc[forgotten, ["user_id", "book_number"]]
    pairs = pd.MultiIndex.from_frame(whole.interactions[["user_id", "book_number"]].astype({"user_id": str}))
    is_gone = pairs.isin(pd.MultiIndex.from_frame(gone.astype({"user_id": str})))
    training = Training(
        whole.books,
        whole.interactions[~is_gone].reset_index(drop=True),
        whole.user_state,
        masked=gone,
        works=whole.works,
    )
    now = training.rows_of(pd.Series(chosen.users))
    order = np.argsort(now)
    name = f"cold users, {'latest' if latest else 'first'} {n_known} of their past known"
    return Split(name, training, now[order], chosen.relevant[order], chosen.n_test_interactions)


def held_out(name: str, training: Training, test: pd.DataFrame, *, any_history: bool = False) -> Split:
    """The split of this training part and these test interactions."""
    later = user_item_feedback(test, training.user_state)
    numbers = later["book_number"].to_numpy(np.int64)
    rows = training.rows_of(later["user_id"])
    wanted = later["positive"].to_numpy(bool) & (rows >= 0) & training.active[numbers]
    if not any_history:
        wanted &= np.append(np.diff(training.positives.indptr) > 0, False)[rows]
    rows, numbers = rows[wanted], numbers[wanted]
    unseen = ~_among(training.seen, rows, numbers)
    rows, numbers = rows[unseen], numbers[unseen]
    test_rows, place = np.unique(rows, return_inverse=True)
    relevant = csr_matrix((np.ones(len(numbers), np.int8), (place, numbers)), shape=(len(test_rows), training.n_books))
    return Split(name, training, test_rows, relevant, len(test))


def _subset(split: Split, kept: NDArray[np.int64]) -> Split:
    """The split with these of its test users."""
    return replace(split, rows=split.rows[kept], relevant=split.relevant[kept])


def _among(matrix: csr_matrix, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the matrix stores something at each of these places."""
    n_columns = matrix.shape[1]
    stored = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * n_columns + matrix.indices
    among: NDArray[np.bool_] = np.isin(rows * n_columns + columns, stored)
    return among
