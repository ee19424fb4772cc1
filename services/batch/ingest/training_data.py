"""The training data of an evaluated recommender: books and interactions of the training part."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.batch.ingest.feedback import UserItemFeedback, user_item_feedback, viewed_books
from services.batch.ingest.histories import Histories
from services.batch.ingest.interactions import Interactions
from shared.settings import UserStateSettings
from shared.work_id import edition_groups


class Training:
    """The training part of a split. Its users are those with feedback in it, one per row.

    Args:
        books: the snapshot's books, row i has item index i.
        interactions: training interactions, oldest first.
        user_state: which interactions count as seen and as positive.
        masked: feedback that is hidden from training; its books must not be recommended.
        work_id: int32, (n_books,), the work each book is an edition of; by default as in the catalog artifact.

    Attributes:
        books, interactions, user_state: as given.
        feedback: one entry for each user and book.
        users: object, (n_users,), ids of the users, in the order of the rows.
        active: bool, (n_books,): books that may be recommended.
    """

    def __init__(
        self,
        books: pd.DataFrame,
        interactions: Interactions,
        user_state: UserStateSettings,
        *,
        masked: UserItemFeedback | None = None,
        work_id: NDArray[np.int32] | None = None,
    ) -> None:
        self.books = books
        self.interactions = interactions
        self.user_state = user_state
        self.feedback = user_item_feedback(interactions, user_state)
        self.users = self.feedback.users
        self.active: NDArray[np.bool_] = books["active"].to_numpy(bool)
        self._masked = masked
        self._work_id = work_id

    @property
    def n_books(self) -> int:
        """Number of books, including inactive ones."""
        return len(self.books)

    @cached_property
    def seen(self) -> csr_matrix:
        """int8, (n_users, n_books), sparse: 1 for each book that must not be recommended to the user."""
        seen = self.feedback.seen(self.n_books)
        if self._masked is not None:
            rows = self.rows_of(self._masked.users)[self._masked.rows]
            known = rows >= 0
            shape = (len(self.users), self.n_books)
            masked = (np.ones(int(known.sum()), np.int8), (rows[known], self._masked.item_index[known]))
            seen = seen.maximum(csr_matrix(masked, shape=shape))
        return seen

    @cached_property
    def positive_interactions(self) -> csr_matrix:
        """float32, (n_users, n_books), sparse: 1 for each book a user liked."""
        return self.feedback.positive_interactions(self.n_books)

    @cached_property
    def histories(self) -> Histories:
        """The books each user liked, newest first."""
        return self.feedback.histories(self.n_books)

    @cached_property
    def viewed(self) -> Histories:
        """The books each user viewed but has not seen, newest first."""
        known = viewed_books(self.interactions, self.user_state)
        rows = self.rows_of(known.user_ids)[known.user_codes]
        own = rows >= 0
        return Histories.of(
            rows[own], known.item_index[own], known.times[own], n_users=len(self.users), n_books=self.n_books
        )

    @cached_property
    def work_id(self) -> NDArray[np.int32]:
        """int32, (n_books,): the work each book is an edition of."""
        if self._work_id is not None:
            return self._work_id
        return edition_groups(self.books["title"].tolist(), self.books["authors"].tolist())

    @cached_property
    def popularity(self) -> NDArray[np.int64]:
        """int64, (n_books,): number of users who like each book."""
        return np.bincount(self.positive_interactions.indices, minlength=self.n_books).astype(np.int64)

    @cached_property
    def stars(self) -> csr_matrix:
        """float32, (n_users, n_books), sparse: each entry of the feedback as stars, 1 to 5.

        Without a rating, a positive entry gets `positive_rating` and any other 1.
        """
        known, all_rows = self.feedback, self.interactions
        stars = np.where(known.positive, self.user_state.positive_rating, 1.0)
        rated = all_rows.take(all_rows.has_kind("rating") & ~np.isnan(all_rows.value))
        pairs = self.rows_of(rated.user_ids)[rated.user_codes] * self.n_books + rated.item_index
        if len(pairs):
            order = np.argsort(pairs, kind="stable")
            wanted = known.rows * self.n_books + known.item_index
            place = np.searchsorted(pairs[order], wanted, side="right") - 1
            found = (place >= 0) & (pairs[order][place] == wanted)
            stars[found] = rated.value[order][place[found]]
        shape = (len(self.users), self.n_books)
        return csr_matrix((stars.astype(np.float32), (known.rows, known.item_index)), shape=shape)

    def rows_of(self, user_ids: Sequence[str] | NDArray[np.object_]) -> NDArray[np.int64]:
        """The row of each user id, -1 for users without feedback."""
        ids = pd.Index(np.asarray(user_ids, object))
        return np.asarray(pd.Index(self.users).get_indexer(ids), np.int64)

    def seen_of(self, row: int) -> NDArray[np.int32]:
        """Item indexes of seen books."""
        return np.asarray(self.seen.indices[self.seen.indptr[row] : self.seen.indptr[row + 1]], np.int32)

    def recent_of(self, row: int, n: int) -> NDArray[np.int32]:
        """The latest `n` positive books of a user, newest first, in the order of the store."""
        return self.histories.newest(row, n)

    def viewed_of(self, row: int, n: int) -> NDArray[np.int32]:
        """The latest `n` viewed books of a user, newest first, in the order of the store."""
        return self.viewed.newest(row, n)
