"""Which lists are blended for someone, by source: what a request gathers, and what an evaluation does.

Everything but the collaborative list, which is made at night or folded in, follows from the recent books.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.recommend.neighbor_table import NO_CANDIDATES, Candidates, NeighbourLists
from shared.settings import BlendSettings


@dataclass(frozen=True, slots=True)
class CandidateGenerator:
    """Where candidates come from besides the collaborative list; `None` for a source to do without.

    Attributes:
        content, item transitions, same series or author: what is next to a book.
        trend: what is liked most just now.
        settings: how many recent books count, how much each, and how many candidates are kept.
    """

    content: NeighbourLists | None
    item_transitions: NeighbourLists | None
    same_series_author: NeighbourLists | None
    trending: Candidates
    settings: BlendSettings

    def lists(
        self, collaborative: Sequence[Candidates], recents: Sequence[NDArray[np.int32]]
    ) -> tuple[Sequence[Candidates], ...]:
        """The lists of several users, in the order of `shared.recommend.blend.CANDIDATE_SOURCES`.

        Trending books is for those of whom something is known; nobody is shown trending books and nothing else.

        Args:
            collaborative: of each user.
            recents: int32, of each user the latest positive books, newest first.
        """
        of_recents = [
            [NO_CANDIDATES if source is None else self._of(source, recent, *how) for recent in recents]
            for source, how in self._sources
        ]
        known = [any(len(kind[row][0]) for kind in (collaborative, *of_recents)) for row in range(len(recents))]
        return (collaborative, *of_recents, [self.trending if is_known else NO_CANDIDATES for is_known in known])

    def reasons(self, recent: NDArray[np.int32]) -> dict[int, int]:
        """For each candidate of these recent books the one that speaks most for it: as a item transition, same series or author, or content."""
        found: dict[int, int] = {}
        for source, (n, limit, decay) in (self._sources[0], self._sources[2], self._sources[1]):
            if source is not None:
                found |= source.reasons(recent[:n], limit=limit, decay=decay)
        return found

    @property
    def _sources(self) -> tuple[tuple[NeighbourLists | None, tuple[int, int, float]], ...]:
        how = self.settings
        return (
            (self.content, (how.recent_books, how.content_candidates, how.recency_decay)),
            (
                self.item_transitions,
                (how.item_transitions_recent_books, how.item_transitions_candidates, how.item_transitions_decay),
            ),
            (
                self.same_series_author,
                (how.same_series_author_recent_books, how.same_series_author_candidates, how.same_series_author_decay),
            ),
        )

    @staticmethod
    def _of(source: NeighbourLists, recent: NDArray[np.int32], n: int, limit: int, decay: float) -> Candidates:
        return source.candidates(recent[:n], limit=limit, decay=decay)
