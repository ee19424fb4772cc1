"""What a system may know when it is evaluated: the books, and the interactions of the training part. Nothing else."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.batch.ingest.feedback import user_item_feedback
from services.batch.ingest.histories import Histories
from shared.settings import UserStateSettings
from shared.work_id import edition_groups


class Training:
    """The training part of a split. Its *users* are those with an opinion in it; a row stands for one of them.

    Args:
        books: the snapshot's books, row i is book number i.
        interactions: training interactions, oldest first, with the columns of a snapshot.
        user_state: which interactions count as seen and as positive.
        masked: columns `user_id` and `book_number`: what must not be recommended although nothing is known of it.
        works: int32, (n_books,), which books are editions of one work; by default as in the catalog part.

    Attributes:
        books, interactions, user_state: as given.
        opinions: one row for each user and book, see `services.batch.ingest.feedback`.
        users: ids of the users, in the order of the rows.
        seen: int8, (n_users, n_books), sparse: what each must not be recommended again.
        positives: float32, (n_users, n_books), sparse, 1 where the user liked the book.
        active: bool, (n_books,): books that may be recommended.
    """

    def __init__(
        self,
        books: pd.DataFrame,
        interactions: pd.DataFrame,
        user_state: UserStateSettings,
        *,
        masked: pd.DataFrame | None = None,
        works: NDArray[np.int32] | None = None,
    ) -> None:
        self.books = books
        self.interactions = interactions
        self.user_state = user_state
        self.user_item_feedback = user_item_feedback(interactions, user_state)
        self.users = np.asarray(pd.factorize(self.user_item_feedback["user_id"])[1], object)
        self.active: NDArray[np.bool_] = books["active"].to_numpy(bool)
        liked = self.user_item_feedback[self.user_item_feedback["positive"]]
        self.positives = self._matrix(liked, np.ones(len(liked), np.float32))
        hidden = (
            self.user_item_feedback
            if masked is None
            else pd.concat([self.user_item_feedback, masked])[["user_id", "book_number"]]
        )
        hidden = hidden.drop_duplicates(["user_id", "book_number"])
        self.seen = self._matrix(hidden, np.ones(len(hidden), np.int8))
        self._works = works

    @property
    def n_books(self) -> int:
        """Books ever numbered, inactive ones included."""
        return len(self.books)

    @cached_property
    def works(self) -> NDArray[np.int32]:
        """int32, (n_books,): the work each book is an edition of."""
        if self._works is not None:
            return self._works
        return edition_groups(self.books["title"].tolist(), self.books["authors"].tolist())

    @cached_property
    def popularity(self) -> NDArray[np.int64]:
        """int64, (n_books,): positive opinions of each book."""
        return np.bincount(self.positives.indices, minlength=self.n_books).astype(np.int64)

    @cached_property
    def stars(self) -> csr_matrix:
        """float32, (n_users, n_books), sparse: each opinion as stars, 1 to 5.

        The rating where there is one; else `positive_rating` for what counts as positive and 1 for what does not.
        """
        rated = self.interactions[(self.interactions["kind"] == "rating") & self.interactions["value"].notna()]
        known = self.user_item_feedback.merge(
            rated[["user_id", "book_number", "value"]], on=["user_id", "book_number"], how="left"
        )
        unrated = np.where(known["positive"], self.user_state.positive_rating, 1.0)
        return self._matrix(known, known["value"].fillna(pd.Series(unrated)).to_numpy(np.float32))

    def _matrix(self, of: pd.DataFrame, values: NDArray[np.float32] | NDArray[np.int8]) -> csr_matrix:
        """Values at the users and books of these rows; rows of users who are none are left out."""
        rows, numbers = self.rows_of(of["user_id"]), of["book_number"].to_numpy(np.int64)
        known = rows >= 0
        shape = (len(self.users), self.n_books)
        return csr_matrix((values[known], (rows[known], numbers[known])), shape=shape)

    def rows_of(self, user_ids: pd.Series) -> NDArray[np.int64]:
        """The row of each user id, -1 for one without an opinion."""
        rows: NDArray[np.int64] = pd.Index(self.users).get_indexer(pd.Index(user_ids.astype(object))).astype(np.int64)
        return rows

    def seen_of(self, row: int) -> NDArray[np.int32]:
        """Book numbers a user has seen."""
        return _row(self.seen, row)

    def recent_of(self, row: int, n: int) -> NDArray[np.int32]:
        """The latest `n` positive books of a user, newest first, as the store returns them."""
        return self.histories.newest(row, n)

    @cached_property
    def histories(self) -> Histories:
        """Positive books of all users, each user's newest first."""
        liked = self.user_item_feedback[self.user_item_feedback["positive"]]
        return Histories.of(
            self.rows_of(liked["user_id"]),
            liked["book_number"].to_numpy(np.int32),
            liked["time"].to_numpy(np.float64),
            n_users=len(self.users),
            n_books=self.n_books,
        )


def _row(matrix: csr_matrix, row: int) -> NDArray[np.int32]:
    return np.asarray(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]], np.int32)
