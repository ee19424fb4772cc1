"""The content artifact, opened for serving: neighbors by description, and clusters.

Files: `vectors.npy` (float32, (n_books, dim), unit rows; zero rows for inactive books), `index.faiss` (inner product,
labels are item indexes, active books only), `content.numbers.npy` and `content.scores.npy` (a table of
`shared.recommend.neighbor_table`; scores are cosine similarities), `cluster_of.npy` (int32, -1 for inactive books),
`map.npy` (float32, (n_books, 2)), `clusters.json` (`[{"cluster", "name", "words", "n_books"}]`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict, cast

import faiss
import numpy as np
import orjson
from numpy.typing import NDArray

from shared.deprecated import FIELDS, existing_file, renamed
from shared.errors import ArtifactError
from shared.recommend.neighbor_table import NeighborTable, Rows, open_rows

NAME = "content"
N_NEIGHBORS = 100
_MARGIN = 12  # extra results, because editions of a work count once and the book's own work not at all
_GROWTH = 4  # how many times as many results the next search asks for
_MAX_FOUND_AT_ONCE = 1 << 17  # results in memory at once


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


def nearest_rows(
    index: faiss.Index, vectors: NDArray[np.float32], work_id: NDArray[np.int32], n: int = N_NEIGHBORS
) -> Rows:
    """The rows of the table: the nearest edition of each of the nearest other works, ties by item index.

    A book without a vector has no row. The search goes on until it has `n` works, or the index has no more books.

    Args:
        index: a FAISS index whose labels are item indexes, inner product over unit vectors.
        vectors: float32, (n_books, dim), unit rows, zero where a book has none.
        work_id: int32, (n_books,); editions of one work share it.
        n: maximum number of neighbors of a book.
    """
    items = np.full((len(vectors), n), -1, np.int32)
    scores = np.zeros((len(vectors), n), np.float32)
    short = np.flatnonzero(vectors.any(axis=1))
    n_searched = min(n + _MARGIN, index.ntotal)
    while len(short) and n_searched:
        n_block = max(1, _MAX_FOUND_AT_ONCE // n_searched)
        has_more = np.ones(len(short), np.bool_)  # an index of cells may have less than it is asked for
        for start in range(0, len(short), n_block):
            books = short[start : start + n_block]
            found, labels = index.search(np.asarray(vectors[books], np.float32), n_searched)
            items[books], scores[books] = _nearest_works(found, labels, work_id[books], work_id, n)
            has_more[start : start + n_block] = labels[:, -1] >= 0
        if n_searched == index.ntotal:
            break
        short = short[has_more & (items[short, -1] < 0)]  # editions of few works filled the results: search further
        n_searched = min(n_searched * _GROWTH, index.ntotal)
    width = int((items >= 0).sum(axis=1).max(initial=0))
    return items[:, :width].copy(), scores[:, :width].copy()


def _nearest_works(
    found: NDArray[np.float32], labels: NDArray[np.int64], own: NDArray[np.int32], work_id: NDArray[np.int32], n: int
) -> Rows:
    """The best book of each work but the own, best first, ties by item index, at most `n`, padded."""
    scores = np.where((labels >= 0) & (work_id[labels] != own[:, None]), found, -np.inf)
    order = np.lexsort((labels, -scores))
    scores, books = np.take_along_axis(scores, order, axis=1), np.take_along_axis(labels, order, axis=1)
    by_work = np.argsort(work_id[books], axis=1, kind="stable")
    works = np.take_along_axis(work_id[books], by_work, axis=1)
    is_first = np.ones(works.shape, np.bool_)
    is_first[:, 1:] = works[:, 1:] != works[:, :-1]
    is_best = np.zeros(works.shape, np.bool_)
    np.put_along_axis(is_best, by_work, is_first, axis=1)
    is_best &= np.isfinite(scores)
    best = np.argsort(~is_best, axis=1, kind="stable")[:, :n]
    kept = np.take_along_axis(is_best, best, axis=1)
    items, similarities = np.full((len(labels), n), -1, np.int32), np.zeros((len(labels), n), np.float32)
    items[:, : best.shape[1]] = np.where(kept, np.take_along_axis(books, best, axis=1), -1)
    similarities[:, : best.shape[1]] = np.where(kept, np.take_along_axis(scores, best, axis=1), 0)
    return items, similarities


class ContentNeighbors(NeighborTable):
    """The content table with the clusters. Safe to share between threads.

    Args:
        rows: see `shared.recommend.neighbor_table`.
        cluster_of: int32, (n_books,), -1 if a book is in no cluster.
        clusters: by cluster number.
    """

    def __init__(self, rows: Rows, cluster_of: NDArray[np.int32], clusters: list[Cluster]) -> None:
        super().__init__(rows, name=NAME)
        self.cluster_of = cluster_of
        self.clusters = clusters

    @classmethod
    def open(cls, path: Path, work_id: NDArray[np.int32]) -> ContentNeighbors:
        """Open a content artifact's folder; the rows stay on disk.

        Raises:
            ArtifactError: its files do not belong together.
        """
        cluster_of: NDArray[np.int32] = np.load(existing_file(path, "cluster_of.npy"))
        rows = open_rows(path, NAME) or _rows_of_an_older_artifact(path, work_id)
        if len(rows[0]) != len(cluster_of):
            raise ArtifactError(f"{len(cluster_of)} books have {len(rows[0])} rows of neighbors.", where=str(path))
        return cls(rows, cluster_of, read_clusters(path))


def _rows_of_an_older_artifact(path: Path, work_id: NDArray[np.int32]) -> Rows:
    """The rows, computed from the vectors and the index of an older artifact.

    Raises:
        ArtifactError: vectors and index do not belong together.
    """
    vectors: NDArray[np.float32] = np.asarray(np.load(path / "vectors.npy", mmap_mode="r"))
    index = faiss.read_index(str(path / "index.faiss"))
    if index.d != vectors.shape[1]:
        raise ArtifactError(f"The index has {index.d} dimensions, the vectors {vectors.shape[1]}.", where=str(path))
    return nearest_rows(index, vectors, work_id)
