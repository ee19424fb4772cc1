"""Splits of a snapshot's interactions into a training part and held-out books to predict.

A *test book* of a user is one the user likes in the test part and has not seen in the training part; a *test user* has
a test book and a positive interaction in the training part (any seen book, with `any_history`). Test books are active
books only, because inactive ones cannot be recommended. Time is the row order of the snapshot.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.batch.ingest.feedback import UserItemFeedback, user_item_feedback
from services.batch.ingest.interactions import Interactions
from services.batch.ingest.training_data import Training
from services.batch.sources.order import Order
from shared.settings import UserStateSettings

RANDOM_SHARE = 0.2
SPLIT_OF_ORDER: dict[Order, Literal["time", "last", "random"]] = {"time": "time", "sequence": "last", "none": "random"}


@dataclass(frozen=True, slots=True)
class Split:
    """A training part, and the held-out books to predict for each test user.

    Attributes:
        name: a description for display.
        training: the training part.
        rows: int64, (n,), the test users as rows of the training part, ascending.
        relevant: int8, (n, n_books), sparse, 1 for each user's test books; at least one in each row.
        n_test_interactions: rows of the test part, including those without a test book.
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
        """The split with at most `n` of its test users.

        The sample depends on user ids and seed only, so samples of two nights share most users.
        """
        if len(self.rows) <= n:
            return self
        draws = [hashlib.blake2b(f"{seed} {user}".encode(), digest_size=8).digest() for user in self.users]
        return _subset(self, np.sort(np.argsort(np.array(draws, "V8").view(">u8"), kind="stable")[:n]))

    def without(self, rows: NDArray[np.int64]) -> Split:
        """The split without these test users."""
        return _subset(self, np.flatnonzero(~np.isin(self.rows, rows)))


def split_by_order(
    books: pd.DataFrame,
    interactions: Interactions,
    user_state: UserStateSettings,
    *,
    test_share: float,
    seed: int,
    any_history: bool = False,
) -> Split:
    """The split that the order of the interactions allows.

    `time`: the last interactions; `sequence`: the last one of each user; `none`: a random fifth of each user's books.

    Args:
        books: the snapshot's books.
        interactions: the snapshot's interactions, oldest first.
        user_state: which interactions count as seen and as positive.
        test_share: share of the test part of a split by time.
        seed: of a random split.
        any_history: whether users without an earlier positive interaction are also test users.
    """
    if interactions.order == "time":
        return split_by_time(books, interactions, user_state, test_share=test_share, any_history=any_history)
    if interactions.order == "sequence":
        return split_last_of_each_user(books, interactions, user_state, n_last=1, any_history=any_history)
    return split_random_of_each_user(
        books, interactions, user_state, share=RANDOM_SHARE, seed=seed, any_history=any_history
    )


def split_by_time(
    books: pd.DataFrame,
    interactions: Interactions,
    user_state: UserStateSettings,
    *,
    test_share: float,
    any_history: bool = False,
) -> Split:
    """Train on the interactions before a point in time, test on those after it.

    Args:
        books: the snapshot's books.
        interactions: the snapshot's interactions, oldest first.
        user_state: which interactions count as seen and as positive.
        test_share: share of the last interactions, the test part.
        any_history: whether users without an earlier positive interaction are also test users.
    """
    n_training = int(len(interactions) * (1 - test_share))
    training = Training(books, interactions.take(slice(n_training)), user_state)
    name = f"last {test_share:.0%} by time"
    return held_out(name, training, interactions.take(slice(n_training, None)), any_history=any_history)


def split_last_of_each_user(
    books: pd.DataFrame,
    interactions: Interactions,
    user_state: UserStateSettings,
    *,
    n_last: int,
    any_history: bool = False,
) -> Split:
    """Hold out the last `n_last` interactions of each user who has more.

    Training includes later interactions of other users, so figures are higher than for a split by time.
    """
    codes = interactions.user_codes
    n_of_user = np.bincount(codes, minlength=len(interactions.user_ids))
    by_user = np.argsort(codes, kind="stable")
    from_the_end = np.empty(len(codes), np.int64)
    from_the_end[by_user] = np.cumsum(n_of_user)[codes[by_user]] - 1 - np.arange(len(codes))
    is_test = (from_the_end < n_last) & (n_of_user[codes] > n_last)
    training = Training(books, interactions.take(~is_test), user_state)
    name = f"last {n_last} of each user"
    return held_out(name, training, interactions.take(is_test), any_history=any_history)


def split_random_of_each_user(
    books: pd.DataFrame,
    interactions: Interactions,
    user_state: UserStateSettings,
    *,
    share: float,
    seed: int,
    any_history: bool = False,
) -> Split:
    """Hold out a random share of the books of each user who has at least two, but at least one.

    What is held out depends on the seed, the user's id and the books only, so two nights share most of it.
    """
    pairs = interactions.user_codes.astype(np.int64) * len(books) + interactions.item_index
    distinct, place = np.unique(pairs, return_inverse=True)
    users, item_index = np.divmod(distinct, max(len(books), 1))
    by_user = np.lexsort((draws_of(interactions.user_ids[users], item_index, seed), users))
    n_books = np.bincount(users, minlength=len(interactions.user_ids))
    n_test = np.where(n_books > 1, np.maximum(np.rint(n_books * share), 1), 0)
    rank = np.arange(len(distinct)) - np.searchsorted(users, users)  # by_user keeps the order of the users
    is_test = np.zeros(len(distinct), np.bool_)
    is_test[by_user] = rank < n_test[users]
    training = Training(books, interactions.take(~is_test[place]), user_state)
    name = f"random {share:.0%} of each user"
    return held_out(name, training, interactions.take(is_test[place]), any_history=any_history)


def draws_of(users: NDArray[np.object_], item_index: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """uint64, (n,): a random number of each pair of a user id and a book, the same every night."""
    of_users = pd.util.hash_array(users, categorize=False)
    mixed: NDArray[np.uint64] = pd.util.hash_array(of_users ^ pd.util.hash_array(item_index + np.int64(seed)))
    return mixed


def with_the_held_out_last(interactions: Interactions, *, seed: int) -> Interactions:
    """The interactions in an order whose last part may be held out.

    `time`: as they are; `sequence`: by their place in the user's history; `none`: at random.
    """
    if interactions.order == "time":
        return interactions
    codes = interactions.user_codes
    draws = draws_of(interactions.user_ids[codes], interactions.item_index.astype(np.int64), seed)
    if interactions.order == "none":
        return interactions.take(np.argsort(draws, kind="stable"))
    by_user = np.argsort(codes, kind="stable")
    place = np.empty(len(codes), np.float64)
    n_of_user = np.bincount(codes, minlength=len(interactions.user_ids))
    place[by_user] = np.arange(len(codes)) - np.searchsorted(codes[by_user], codes[by_user])
    return interactions.take(np.lexsort((draws, (place + 0.5) / n_of_user[codes])))


def split_cold_books(
    books: pd.DataFrame, interactions: Interactions, user_state: UserStateSettings, *, book_share: float, seed: int
) -> Split:
    """Hold out all interactions with a share of the books, as if these books were new."""
    active = np.flatnonzero(books["active"].to_numpy(bool))
    cold = np.random.default_rng(seed).permutation(active)[: round(len(active) * book_share)]
    is_test = np.isin(interactions.item_index, cold)
    training = Training(books, interactions.take(~is_test), user_state)
    return held_out(f"{book_share:.0%} of the books without history", training, interactions.take(is_test))


def split_cold_users(
    split: Split, *, n_known: int | None, latest: bool = False, user_share: float, seed: int, min_positive: int = 5
) -> Split:
    """Keep only the start or the end of the history of a share of the test users, and test on these users.

    Dropped books stay masked: they are neither recommended nor test books. Test users and test books are the same for
    each `n_known`.

    Args:
        split: a split by time.
        n_known: number of first positive books kept per user, with all feedback up to the last of them; `None` keeps
            everything, for comparison.
        latest: keep the last positive books instead, with all feedback from the first of them on: new users name
            books they read now.
        user_share: share of the test users that become cold.
        seed: selects the users, together with the user ids.
        min_positive: minimum positive books of a cold user.
    """
    whole = split.training
    n_positive = np.diff(whole.positive_interactions.indptr)[split.rows]
    long_enough = np.flatnonzero(n_positive >= min_positive)
    chosen = _subset(split, long_enough).sample(max(1, round(len(long_enough) * user_share)), seed=seed)
    if n_known is None:
        return replace(chosen, name="cold users, full history known")
    gone = _forgotten(whole.feedback, chosen.rows, n_known, latest=latest)
    interactions = whole.interactions
    rows = whole.rows_of(interactions.user_ids)[interactions.user_codes]
    is_gone = np.isin(
        rows * whole.n_books + interactions.item_index, gone.rows * whole.n_books + gone.item_index.astype(np.int64)
    )
    training = Training(whole.books, interactions.take(~is_gone), whole.user_state, masked=gone, work_id=whole.work_id)
    now = training.rows_of(chosen.users)
    order = np.argsort(now)
    name = f"cold users, {'latest' if latest else 'first'} {n_known} liked books known"
    return Split(name, training, now[order], chosen.relevant[order], chosen.n_test_interactions)


def _forgotten(known: UserItemFeedback, rows: NDArray[np.int64], n_known: int, *, latest: bool) -> UserItemFeedback:
    """The feedback of these users after their first `n_known` positive books, or before their last ones."""
    order = np.lexsort((-known.times if latest else known.times, known.rows))
    positive = known.positive[order]
    liked_before: NDArray[np.int64] = np.cumsum(positive) - positive
    firsts = np.searchsorted(known.rows[order], known.rows[order])
    forgotten = np.zeros(len(known), np.bool_)
    forgotten[order] = liked_before - liked_before[firsts] >= n_known
    return known.take(forgotten & np.isin(known.rows, rows))


def held_out(name: str, training: Training, test: Interactions, *, any_history: bool = False) -> Split:
    """The split with this training part and these test interactions."""
    later = user_item_feedback(test, training.user_state)
    item_index = later.item_index.astype(np.int64)
    rows = training.rows_of(later.users)[later.rows]
    wanted = later.positive & (rows >= 0) & training.active[item_index]
    if not any_history:
        wanted &= np.append(np.diff(training.positive_interactions.indptr) > 0, False)[rows]
    rows, item_index = rows[wanted], item_index[wanted]
    unseen = ~_among(training.seen, rows, item_index)
    rows, item_index = rows[unseen], item_index[unseen]
    test_rows, place = np.unique(rows, return_inverse=True)
    relevant = csr_matrix(
        (np.ones(len(item_index), np.int8), (place, item_index)), shape=(len(test_rows), training.n_books)
    )
    return Split(name, training, test_rows, relevant, len(test))


def _subset(split: Split, kept: NDArray[np.int64]) -> Split:
    """The split with only these test users."""
    return replace(split, rows=split.rows[kept], relevant=split.relevant[kept])


def _among(matrix: csr_matrix, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the matrix has a stored entry at each of these positions."""
    n_columns = matrix.shape[1]
    stored = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * n_columns + matrix.indices
    among: NDArray[np.bool_] = np.isin(rows * n_columns + columns, stored)
    return among
