"""Fold-in: the list the night would have made for a history, made at once from the factors of the night.

A user's factor is the sum of the fold-in factors of the newest liked books, the r-th newest weighted decay^r; a book's
score is its item factor times that. The night makes its lists by the same rule (`services.batch.models.factors`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import ArtifactError
from shared.recommend.neighbor_table import NO_CANDIDATES, Candidates

FILES = ("item_factors.npy", "fold_in_factors.npy")


@dataclass(frozen=True, slots=True)
class FoldIn:
    """The factors of a night, ready to take anyone in.

    Attributes:
        item_factors: float32, (n_books, rank), memory-mapped; rows of books that nobody liked are zeros.
        fold_in_factors: float32, (n_books, rank), the same.
        has_factors: bool, (n_books,): whether anyone liked the book; no other can be listed.
        list_length: books in a nightly list, and so in one made here.
        history_books: newest liked books that count.
        history_decay: weight of each of them relative to the one newer.
        newest_time: of the interactions the night knew, seconds since 1970; `None` where that is not known.
    """

    item_factors: NDArray[np.float32]
    fold_in_factors: NDArray[np.float32]
    has_factors: NDArray[np.bool_]
    list_length: int
    history_books: int
    history_decay: float
    newest_time: float | None

    @classmethod
    def open(cls, path: Path, metadata: Mapping[str, str | float | bool | None]) -> FoldIn:
        """Open a collaborative artifact's folder. Facts that an older artifact lacks are as they were then.

        Raises:
            ArtifactError: its files do not belong together.
        """
        items, fold_in = (np.asarray(np.load(path / name, mmap_mode="r")) for name in FILES)
        if items.shape != fold_in.shape:
            raise ArtifactError("Item factors and fold-in factors do not belong together.", where=str(path))
        newest = metadata.get("newest_time")
        return cls(
            item_factors=items,
            fold_in_factors=fold_in,
            has_factors=np.asarray(items.any(axis=1)),
            list_length=int(metadata.get("list_length") or 100),
            history_books=int(metadata.get("history_books") or 100),
            history_decay=float(metadata.get("history_decay") or 1.0),
            newest_time=None if newest is None else float(newest),
        )

    @property
    def n_books(self) -> int:
        """Books known here."""
        return len(self.item_factors)

    def share_of_new(self, n_new: int, n_liked: int) -> float:
        """What share of a user's weight the newest `n_new` of `n_liked` books have."""
        weights = self.history_decay ** np.arange(min(n_liked, self.history_books))
        return float(weights[:n_new].sum() / weights.sum()) if len(weights) else 0.0

    def candidates(
        self,
        histories: Sequence[NDArray[np.int32]],
        seen: Sequence[NDArray[np.int32]],
        active: NDArray[np.bool_],
    ) -> list[Candidates]:
        """The list that a night would make for each of several histories.

        Args:
            histories: int32 book numbers, newest first; numbers that are not known here are passed over but keep
                their place.
            seen: int32 book numbers never to list, for each history.
            active: bool, at least (n_books,): books that may be listed.

        Returns:
            Book numbers and scores, best first, ties by book number; nothing for a history without factors.
        """
        users = np.stack([self._user_factor(history) for history in histories])
        scores = users @ self.item_factors.T
        scores[:, ~(self.has_factors & active[: self.n_books])] = -np.inf
        for row, own in enumerate(seen):
            scores[row, own[(own >= 0) & (own < self.n_books)]] = -np.inf
        return [
            _best(of_user, self.list_length) if factor.any() else NO_CANDIDATES
            for factor, of_user in zip(users, scores, strict=True)
        ]

    def _user_factor(self, history: NDArray[np.int32]) -> NDArray[np.float32]:
        newest = history[: self.history_books]
        known = (newest >= 0) & (newest < self.n_books)
        weights = (self.history_decay ** np.arange(len(newest))).astype(np.float32)
        factor: NDArray[np.float32] = weights[known] @ self.fold_in_factors[newest[known]]
        return factor


def _best(scores: NDArray[np.float32], limit: int) -> Candidates:
    n = min(limit, len(scores))
    bound = -np.partition(-scores, n - 1)[n - 1]
    found = np.flatnonzero((scores >= bound) & (scores > -np.inf)).astype(np.int32)
    ranked = found[np.argsort(-scores[found], kind="stable")[:n]]
    return ranked, scores[ranked]
