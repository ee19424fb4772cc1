"""The content artifact, opened for serving: who is next to whom by description, and in which cluster.

Files: `vectors.npy` (float32, (n_books, dim), unit rows; zero rows for inactive books), `index.faiss` (inner product,
labels are book numbers, active books only), `cluster_of.npy` (int32, -1 for inactive books), `map.npy` (float32,
(n_books, 2)), `clusters.json` (`[{"cluster", "name", "words", "n_books"}]`).

Evaluation and serving look candidates up here, so that what is measured is what is served.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict, cast

import faiss
import numpy as np
import orjson
from numpy.typing import NDArray

from shared.deprecated import FIELDS, existing_file, renamed
from shared.errors import ArtifactError
from shared.recommend.neighbor_table import NO_CANDIDATES, Candidates, NeighbourLists

_MARGIN = 12  # fetched beyond what is asked for, so that the book itself and its other editions can be left out


class Cluster(TypedDict):
    """A cluster of books by description."""

    cluster: int
    name: str
    words: list[str]
    n_books: int


def read_clusters(path: Path) -> list[Cluster]:
    """The clusters of a content artifact's folder."""
    clusters = orjson.loads(existing_file(path, "clusters.json").read_bytes())
    return [cast("Cluster", renamed(cluster, FIELDS)) for cluster in clusters]


class Neighbours(NeighbourLists):
    """Nearest books by description, remembered once looked up. Safe to share between threads.

    Args:
        index: a FAISS index whose labels are book numbers, inner product over unit vectors.
        vectors: float32, (n_books, dim), unit rows.
        editions: int32, (n_books,); books with the same value are editions of one work.
        tribe_of: int32, (n_books,), -1 where a book is in no cluster.
        clusters: what is known of each cluster.
        n_neighbours: neighbours looked up for each book.
        n_remembered: neighbour lists kept, the oldest given up first; and a tenth as many lists of candidates.
    """

    def __init__(
        self,
        index: faiss.Index,
        vectors: NDArray[np.float32],
        editions: NDArray[np.int32],
        cluster_of: NDArray[np.int32],
        clusters: list[Cluster],
        *,
        n_neighbours: int = 100,
        n_remembered: int = 100_000,
    ) -> None:
        super().__init__(n_remembered=n_remembered // 10)
        self.vectors = vectors
        self.cluster_of = cluster_of
        self.clusters = clusters
        self.on_search: Callable[[float], None] = lambda _seconds: None
        self._index = index
        self._editions = editions
        self._n_neighbours = n_neighbours
        self._n_remembered = n_remembered
        self._remembered: OrderedDict[int, Candidates] = OrderedDict()

    @classmethod
    def open(cls, path: Path, editions: NDArray[np.int32], *, n_remembered: int = 100_000) -> Neighbours:
        """Open a content artifact's folder; vectors and index stay on disk as far as FAISS and numpy allow.

        Raises:
            ArtifactError: vectors and index do not belong together.
        """
        vectors: NDArray[np.float32] = np.asarray(np.load(path / "vectors.npy", mmap_mode="r"))
        index = faiss.read_index(str(path / "index.faiss"))
        if index.d != vectors.shape[1]:
            raise ArtifactError(f"The index has {index.d} dimensions, the vectors {vectors.shape[1]}.", where=str(path))
        cluster_of = np.load(existing_file(path, "cluster_of.npy"))
        return cls(index, vectors, editions, cluster_of, read_clusters(path), n_remembered=n_remembered)

    @property
    def n_books(self) -> int:
        """Number of rows, inactive books included."""
        return len(self.vectors)

    def of(self, number: int) -> Candidates:
        """Nearest other works of one book: book numbers (int32) and cosine similarities (float32), best first.

        Never holds the book itself nor another edition of it. Empty for a book without a vector.
        """
        remembered = self._remembered.get(number)
        if remembered is not None:
            return remembered
        vector = np.asarray(self.vectors[number], np.float32)[None]
        if not vector.any():
            return NO_CANDIDATES
        return self._search([number], vector)[0]

    def warm(self, numbers: NDArray[np.int32]) -> None:
        """Look many books up in one search and remember their neighbours; those remembered already cost nothing."""
        numbers = np.array([number for number in numbers.tolist() if number not in self._remembered], np.int32)
        vectors = np.asarray(self.vectors[numbers], np.float32)
        described = vectors.any(axis=1)
        if described.any():
            self._search(numbers[described].tolist(), vectors[described])

    def _search(self, numbers: list[int], vectors: NDArray[np.float32]) -> list[Candidates]:
        started = time.perf_counter()
        all_scores, all_labels = self._index.search(vectors, self._n_neighbours + _MARGIN)
        self.on_search(time.perf_counter() - started)
        answers = []
        for number, scores, labels in zip(numbers, all_scores, all_labels.astype(np.int32), strict=True):
            keep = (labels >= 0) & (self._editions[labels] != self._editions[number])
            answers.append((labels[keep][: self._n_neighbours], scores[keep][: self._n_neighbours]))
            self._remembered[number] = answers[-1]
        while len(self._remembered) > self._n_remembered:
            self._remembered.popitem(last=False)
        return answers
