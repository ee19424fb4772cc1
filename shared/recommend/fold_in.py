"""Fold-in: a collaborative list for any history, computed from the night's factors.

A user factor is the sum of the fold-in factors of the newest liked books, the r-th newest weighted decay^r. A book's
score is its item factor times the user factor. The night uses the same rule (`services.batch.models.factors`).
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
    """The factors of a night.

    Attributes:
        item_factors: float32, (n_books, rank), memory-mapped; zero rows for books that nobody liked.
        fold_in_factors: float32, (n_books, rank), likewise.
        has_factors: bool, (n_books,); books without factors are not listed.
        list_length: books in a list.
        history_books: number of newest liked books that count.
        history_decay: weight of each book relative to the next newer one.
        newest_time: time of the night's newest interaction, seconds since 1970; `None` if unknown.
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
        """Open a collaborative artifact's folder. Missing metadata gets the older version's values.

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
        """Number of books."""
        return len(self.item_factors)

    def share_of_new(self, n_new: int, n_liked: int) -> float:
        """The share of the newest `n_new` of `n_liked` books in a user's weight."""
        weights = self.history_decay ** np.arange(min(n_liked, self.history_books))
        return float(weights[:n_new].sum() / weights.sum()) if len(weights) else 0.0

    def candidates(
        self,
        histories: Sequence[NDArray[np.int32]],
        seen: Sequence[NDArray[np.int32]],
        active: NDArray[np.bool_],
    ) -> list[Candidates]:
        """The collaborative list of each of several histories.

        Args:
            histories: int32 item indexes, newest first; unknown ones are ignored but keep their place.
            seen: int32 item indexes to leave out, for each history.
            active: bool, at least (n_books,): books that may be listed.

        Returns:
            Item indexes and scores, best first, ties by item index; empty for a history without factors.
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
