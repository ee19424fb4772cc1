"""Reduces interactions to feedback: seen, positive and viewed books of each user.

Factors, popularity, top-N lists and user state use it, so they agree. `shared.feedback` holds the same rule for one
user and book.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.batch.ingest.histories import Histories
from services.batch.ingest.interactions import Interactions
from services.batch.sources.order import Order
from shared.errors import ArtifactError
from shared.feedback import VIEWED_KINDS
from shared.settings import UserStateSettings

_N_SLOTS = 3


def seen_rows(interactions: Interactions, settings: UserStateSettings) -> NDArray[np.bool_]:
    """bool, (n,): `shared.feedback.is_seen` of each interaction."""
    return interactions.has_kind(*settings.seen_kinds)


def positive_rows(interactions: Interactions, settings: UserStateSettings) -> NDArray[np.bool_]:
    """bool, (n,): `shared.feedback.is_positive` of each interaction."""
    positive = interactions.has_kind(*(settings.positive_kinds & settings.seen_kinds))
    return positive & (~interactions.has_kind("rating") | (interactions.value >= settings.positive_rating))


def viewed_rows(interactions: Interactions, settings: UserStateSettings) -> NDArray[np.bool_]:
    """bool, (n,): `shared.feedback.is_viewed` of each interaction."""
    return interactions.has_kind(*(set(VIEWED_KINDS) - settings.seen_kinds))


@dataclass(frozen=True, slots=True, eq=False)
class UserItemFeedback:
    """One entry per user and seen book, in the order of the deciding interactions.

    Attributes:
        users: object, (n_users,): ids of the users.
        rows: int64, (n,): index of each entry's user in `users`.
        item_index: int32, (n,).
        positive: bool, (n,): whether the user liked the book.
        times: float64, (n,): seconds since 1970.
        order: what the interactions know of order.
    """

    users: NDArray[np.object_]
    rows: NDArray[np.int64]
    item_index: NDArray[np.int32]
    positive: NDArray[np.bool_]
    times: NDArray[np.float64]
    order: Order = "time"

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, kept: NDArray[np.bool_]) -> UserItemFeedback:
        """Only these entries; `users` stays."""
        columns = ("rows", "item_index", "positive", "times")
        return replace(self, **{name: getattr(self, name)[kept] for name in columns})

    def of_users_with_positive_interactions(self) -> UserItemFeedback:
        """The feedback of users who liked at least one book; these are the users of the result."""
        likes_something = np.bincount(self.rows[self.positive], minlength=len(self.users)) > 0
        kept = self.take(likes_something[self.rows])
        row_of = np.cumsum(likes_something) - 1
        return replace(kept, users=self.users[likes_something], rows=row_of[kept.rows])

    def seen(self, n_books: int) -> csr_matrix:
        """int8, (n_users, n_books), sparse: 1 for each book a user has seen.

        Raises:
            ArtifactError: a book does not exist.
        """
        return _matrix(self, np.int8, n_books)

    def positive_interactions(self, n_books: int) -> csr_matrix:
        """float32, (n_users, n_books), sparse: 1 for each book a user liked.

        Raises:
            ArtifactError: a book does not exist.
        """
        return _matrix(self.take(self.positive), np.float32, n_books)

    def histories(self, n_books: int) -> Histories:
        """The books each user liked, newest first."""
        liked = self.take(self.positive)
        return Histories.of(
            liked.rows, liked.item_index, liked.times, n_users=len(self.users), n_books=n_books, order=self.order
        )


def user_item_feedback(interactions: Interactions, settings: UserStateSettings) -> UserItemFeedback:
    """Reduce interactions, in any order, to one entry for each user and book: `shared.feedback.decided`."""
    seen = interactions.take(seen_rows(interactions, settings))
    deciding, times = _decided(seen, settings)
    decisive = seen.take(deciding)
    rows, codes = pd.factorize(decisive.user_codes)
    return UserItemFeedback(
        users=decisive.user_ids[codes],
        rows=rows.astype(np.int64),
        item_index=decisive.item_index,
        positive=positive_rows(decisive, settings),
        times=times,
        order=interactions.order,
    )


def viewed_books(interactions: Interactions, settings: UserStateSettings) -> Interactions:
    """The latest view or click of each user and book, without books that the user has seen."""
    viewed = interactions.take(viewed_rows(interactions, settings))
    if not len(viewed):
        return viewed
    viewed = viewed.take(~np.isin(pairs_of(viewed), pairs_of(interactions.take(seen_rows(interactions, settings)))))
    pair = pairs_of(viewed)
    order = np.lexsort((viewed.times, pair))
    is_latest = np.ones(len(order), np.bool_)
    is_latest[:-1] = pair[order][1:] != pair[order][:-1]
    return viewed.take(np.sort(order[is_latest]))


def pairs_of(interactions: Interactions) -> NDArray[np.int64]:
    """int64, (n,): a number for each user and book."""
    return interactions.user_codes.astype(np.int64) * (1 << 32) + interactions.item_index


def _decided(seen: Interactions, settings: UserStateSettings) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The deciding interaction of each user and book, ascending, and its time; of a positive book, the newest one."""
    pair = pairs_of(seen)
    slot = seen.has_kind("dismiss") + 2 * seen.has_kind("rating").astype(np.int8)  # 0: any other kind
    order = np.lexsort((seen.times, slot, pair))  # stable: the last one of equals stays last
    pair, slot = pair[order], slot[order]
    is_newest = np.ones(len(order), np.bool_)
    is_newest[:-1] = (pair[1:] != pair[:-1]) | (slot[1:] != slot[:-1])
    order, pair, slot = order[is_newest], pair[is_newest], slot[is_newest]
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = pair[1:] != pair[:-1]
    if is_first.all():
        rows = np.sort(order)
        return rows, seen.times[rows]
    newest = np.full((int(is_first.sum()), _N_SLOTS), -1)
    newest[np.cumsum(is_first) - 1, slot] = order
    times = np.where(newest >= 0, seen.times[newest], -np.inf)
    other, dismissal, rating = times.T
    is_rated = np.isfinite(rating)
    chosen = np.where(is_rated, np.where(dismissal > rating, 1, 2), np.where(other > dismissal, 0, 1))
    rows, decided_at = (np.take_along_axis(table, chosen[:, None], axis=1)[:, 0] for table in (newest, times))
    positive = positive_rows(seen, settings)
    liked_at = np.where(positive[newest], times, -np.inf).max(axis=1)
    in_order = np.argsort(rows)
    return rows[in_order], np.where(positive[rows], liked_at, decided_at)[in_order]


def _matrix(known: UserItemFeedback, dtype: type[np.int8 | np.float32], n_books: int) -> csr_matrix:
    item_index = known.item_index
    if len(item_index) and not 0 <= item_index.min() <= item_index.max() < n_books:
        raise ArtifactError(
            f"Interactions have item indexes from {item_index.min()} to {item_index.max()}; there are {n_books} books.",
            hint="The tables of the snapshot are inconsistent. Ingest again.",
        )
    return csr_matrix((np.ones(len(known), dtype), (known.rows, item_index)), shape=(len(known.users), n_books))
