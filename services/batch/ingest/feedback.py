"""Reduces interactions to feedback: seen and positive books, by each user's latest interaction with each book.

Factors, popularity, top-N lists and user state use it, so they agree. `shared.feedback` holds the same rule for one
interaction.
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
from shared.settings import UserStateSettings


def seen_rows(interactions: Interactions, settings: UserStateSettings) -> NDArray[np.bool_]:
    """bool, (n,): `shared.feedback.is_seen` of each interaction."""
    return interactions.has_kind(*settings.seen_kinds)


def positive_rows(interactions: Interactions, settings: UserStateSettings) -> NDArray[np.bool_]:
    """bool, (n,): `shared.feedback.is_positive` of each interaction."""
    positive = interactions.has_kind(*(settings.positive_kinds & settings.seen_kinds))
    return positive & (~interactions.has_kind("rating") | (interactions.value >= settings.positive_rating))


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
    """Reduce interactions, in any order, to one entry for each user and book.

    The latest interaction of a seen kind decides; at equal times a rating decides, else the last one.
    """
    seen = interactions.take(seen_rows(interactions, settings))
    pair = seen.user_codes.astype(np.int64) * (seen.item_index.max(initial=0) + 1) + seen.item_index
    order = np.lexsort((seen.has_kind("rating"), seen.times, pair))  # stable: the last one of equals stays last
    is_last = np.ones(len(order), np.bool_)
    is_last[:-1] = pair[order[1:]] != pair[order[:-1]]
    decisive = seen.take(np.sort(order[is_last]))
    rows, codes = pd.factorize(decisive.user_codes)
    return UserItemFeedback(
        users=decisive.user_ids[codes],
        rows=rows.astype(np.int64),
        item_index=decisive.item_index,
        positive=positive_rows(decisive, settings),
        times=decisive.times,
        order=interactions.order,
    )


def _matrix(known: UserItemFeedback, dtype: type[np.int8 | np.float32], n_books: int) -> csr_matrix:
    item_index = known.item_index
    if len(item_index) and not 0 <= item_index.min() <= item_index.max() < n_books:
        raise ArtifactError(
            f"Interactions have item indexes from {item_index.min()} to {item_index.max()}; there are {n_books} books.",
            hint="The tables of the snapshot are inconsistent. Ingest again.",
        )
    return csr_matrix((np.ones(len(known), dtype), (known.rows, item_index)), shape=(len(known.users), n_books))
