"""Item transitions, opened for serving: for each book what its readers went on to read (see `services.batch.models.item_transitions`).

Files, in the collaborative artifact: `item_transitions.numbers.npy`, int32, (n_books, n), best first, padded with -1, and
`item_transitions.scores.npy`, float32, the same shape, above 0, padded with 0. The artifact may be older than the catalogue and
then knows fewer books. Trending books beside them is for everyone the same (`services.batch.models.trending`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.deprecated import existing_file
from shared.errors import ArtifactError
from shared.recommend.neighbor_table import NO_CANDIDATES, Candidates, NeighbourLists

FILES = ("item_transitions.numbers.npy", "item_transitions.scores.npy")
TRENDING_FILES = ("trending.numbers.npy", "trending.scores.npy")


class ItemTransitions(NeighbourLists):
    """What readers of a book went on to read.

    Args:
        numbers: int32, (n_books, n), best first, padded with -1.
        scores: float32, (n_books, n).
        n_remembered: lists of candidates kept.
    """

    def __init__(self, numbers: NDArray[np.int32], scores: NDArray[np.float32], *, n_remembered: int = 10_000) -> None:
        super().__init__(n_remembered=n_remembered)
        self._numbers = numbers
        self._scores = scores
        self._lengths = (numbers >= 0).sum(axis=1).tolist()

    @classmethod
    def open(cls, path: Path) -> ItemTransitions:
        """Open those of a collaborative artifact's folder; the lists stay on disk.

        An artifact made by a Nightshelf that knew no item transitions has none, and is served without them.

        Raises:
            ArtifactError: the files do not belong together.
        """
        if not existing_file(path, FILES[0]).exists():
            return cls(np.empty((0, 0), np.int32), np.empty((0, 0), np.float32))
        numbers, scores = (np.asarray(np.load(existing_file(path, name), mmap_mode="r")) for name in FILES)
        if numbers.shape != scores.shape:
            raise ArtifactError("Item transitions and their scores do not belong together.", where=str(path))
        return cls(numbers, scores)

    @property
    def n_books(self) -> int:
        """Books known here."""
        return len(self._numbers)

    def of(self, number: int) -> Candidates:
        """Item transitions of one book, best first."""
        n = self._lengths[number]
        return self._numbers[number, :n], self._scores[number, :n]


def open_trending(path: Path) -> Candidates:
    """What is liked most just now, best first: `trending.numbers.npy`, `trending.scores.npy` of a collaborative artifact."""
    if not existing_file(path, TRENDING_FILES[0]).exists():
        return NO_CANDIDATES
    numbers, scores = (np.load(existing_file(path, name)) for name in TRENDING_FILES)
    return numbers, scores
