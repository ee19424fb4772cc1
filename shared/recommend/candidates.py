"""The candidate lists of a user by source, for serving and evaluation.

The night or fold-in makes the collaborative list. The tables make lists from the recent books.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.recommend.neighbor_table import NO_CANDIDATES, Candidates, NeighborTable
from shared.settings import BlendSettings


class _Source(NamedTuple):
    """A table and the parameters of its candidates."""

    table: NeighborTable | None
    n_recent: int
    max_candidates: int
    decay: float

    def candidates(
        self, recent: NDArray[np.int32], viewed: NDArray[np.int32] = NO_CANDIDATES[0], viewed_weight: float = 0.0
    ) -> Candidates:
        if self.table is None:
            return NO_CANDIDATES
        return self.table.candidates(
            recent[: self.n_recent],
            limit=self.max_candidates,
            decay=self.decay,
            viewed=viewed[: self.n_recent],
            viewed_weight=viewed_weight,
        )

    def explanations(self, recent: NDArray[np.int32]) -> dict[int, int]:
        if self.table is None:
            return {}
        return self.table.explanations(recent[: self.n_recent], limit=self.max_candidates, decay=self.decay)


@dataclass(frozen=True, slots=True)
class CandidateGenerator:
    """The sources of candidates besides the collaborative list; `None` leaves a source out.

    Attributes:
        content, item_transitions, same_series_author: neighbors of each book.
        trending: item indexes and scores of trending books, the same for every user.
        settings: how many recent books count, how much each, and how many candidates are kept.
    """

    content: NeighborTable | None
    item_transitions: NeighborTable | None
    same_series_author: NeighborTable | None
    trending: Candidates
    settings: BlendSettings

    def lists(
        self,
        collaborative: Sequence[Candidates],
        recents: Sequence[NDArray[np.int32]],
        viewed: Sequence[NDArray[np.int32]] | None = None,
    ) -> tuple[Sequence[Candidates], ...]:
        """The lists of several users, in the order of `shared.recommend.blend.CANDIDATE_SOURCES`.

        Users without any other candidate get no trending books.

        Args:
            collaborative: one list per user.
            recents: int32, the latest positive books of each user, newest first.
            viewed: int32, the latest viewed books of each user, newest first; they count in the content list only.
        """
        content = [
            self._content.candidates(recent, looked_at, self.settings.viewed_weight)
            for recent, looked_at in zip(recents, viewed or [NO_CANDIDATES[0]] * len(recents), strict=True)
        ]
        of_recents = [content] + [
            [source.candidates(recent) for recent in recents]
            for source in (self._item_transitions, self._same_series_author)
        ]
        known = [any(len(kind[row][0]) for kind in (collaborative, *of_recents)) for row in range(len(recents))]
        return (collaborative, *of_recents, [self.trending if is_known else NO_CANDIDATES for is_known in known])

    def explanations(self, source: str, recent: NDArray[np.int32]) -> dict[int, int]:
        """By candidate of a source, the recent book that adds most to its score; empty if no book leads to them.

        Args:
            source: one of `shared.recommend.blend.CANDIDATE_SOURCES`.
            recent: int32, item indexes, newest first.
        """
        by_name = {
            "content": self._content,
            "item_transitions": self._item_transitions,
            "same_series_author": self._same_series_author,
        }
        return by_name[source].explanations(recent) if source in by_name else {}

    @property
    def _content(self) -> _Source:
        how = self.settings
        return _Source(self.content, how.recent_books, how.content_candidates, how.recency_decay)

    @property
    def _item_transitions(self) -> _Source:
        how = self.settings
        return _Source(
            self.item_transitions,
            how.item_transitions_recent_books,
            how.item_transitions_candidates,
            how.item_transitions_decay,
        )

    @property
    def _same_series_author(self) -> _Source:
        how = self.settings
        return _Source(
            self.same_series_author,
            how.same_series_author_recent_books,
            how.same_series_author_candidates,
            how.same_series_author_decay,
        )
