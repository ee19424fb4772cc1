"""The content artifact: vectors, their index, clusters and the 2-D map, as `shared.artifacts.content` describes the files.

Up to `exact_up_to` books the index is exact. Beyond, exact, HNSW and IVF are built from the same vectors; the fastest
for a single query on one thread that reaches `min_recall` is kept. Recall is that of the 100 nearest against the exact
ones. The same input gives the same files, unless two kinds of index are so close that the clock decides between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import faiss
import numpy as np
import orjson
from numpy.typing import NDArray

from services.batch.content.cluster_names import name_clusters
from services.batch.content.clusters import find_clusters
from services.batch.content.neighbors import save_content_neighbors
from services.batch.content.projection import project
from services.batch.runtime.artifact_builder import Metadata
from services.batch.runtime.progress import Progress
from services.batch.runtime.threads import bound_threads
from shared.errors import ArtifactError
from shared.settings import ContentSettings

if TYPE_CHECKING:
    import pandas as pd


N_NEAREST = 100  # recall is measured over this many
N_QUERIES = 500  # books drawn to measure recall and latency with
HNSW_LINKS = 32
HNSW_BUILD_BREADTH = 80
HNSW_BREADTHS = (128, 192, 256, 384, 512, 768, 1024)


@dataclass(frozen=True, slots=True)
class ChosenIndex:
    """An index and what was measured of it: recall in [0, 1] and the median time of one query, in microseconds."""

    index: faiss.Index
    kind: str
    recall: float
    query_us: float | None


def build_content(
    folder: Path,
    vectors: NDArray[np.float32],
    books: pd.DataFrame,
    settings: ContentSettings,
    *,
    threads: int | None,
    progress: Progress,
) -> Metadata:
    """Write the content artifact's files into `folder`.

    Args:
        folder: an empty folder.
        vectors: float32, (n_books, dim), unit rows; zero where a book is inactive or has no text at all.
        books: the snapshot's books, row i is book number i.
        settings: of the index and the clusters.
        threads: of the processor; `None` for all.
        progress: told which stage is under way.

    Returns:
        The kind of index, its recall and query time, and counts.

    Raises:
        ArtifactError: the vectors do not belong to these books or are not usable.
    """
    if vectors.shape[:-1] != (len(books),) or not np.isfinite(vectors).all():
        raise ArtifactError(f"{len(books)} books came with vectors of shape {vectors.shape}, or with NaN or infinity.")
    vectors = np.ascontiguousarray(vectors, np.float32)
    numbers = np.flatnonzero(books["active"].to_numpy(bool) & vectors.any(axis=1))
    with bound_threads(threads), progress.task("Index, clusters and map", 3) as advance:
        chosen = choose_index(vectors, numbers, settings)
        advance(1)
        cluster_of = find_clusters(vectors, numbers, settings)
        clusters = name_clusters(cluster_of, books)
        advance(1)
        positions = np.zeros((len(vectors), 2), np.float32)
        positions[numbers] = project(vectors, numbers, 2)
        advance(1)
        save_content_neighbors(folder, chosen.index, vectors, books)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "cluster_of.npy", cluster_of)
    np.save(folder / "map.npy", positions)
    (folder / "clusters.json").write_bytes(orjson.dumps(clusters))
    faiss.write_index(chosen.index, str(folder / "index.faiss"))
    return {
        "n_books": len(books),
        "n_indexed": len(numbers),
        "n_clusters": len(clusters),
        "dimensions": vectors.shape[1],
        "index": chosen.kind,
        "recall_at_100": round(chosen.recall, 4),
        "query_us": None if chosen.query_us is None else round(chosen.query_us, 1),
    }


def choose_index(vectors: NDArray[np.float32], numbers: NDArray[np.int64], settings: ContentSettings) -> ChosenIndex:
    """The index over these books: exact up to `exact_up_to`, beyond that the fastest that reaches `min_recall`.

    Args:
        vectors: float32, (n_books, dim), unit rows.
        numbers: int64, (n,), the book numbers to index, ascending; they become the labels.
        settings: of the index.
    """
    wanted = vectors[numbers]
    exact = faiss.IndexIDMap2(faiss.IndexFlatIP(vectors.shape[1]))
    exact.add_with_ids(wanted, numbers)
    if len(numbers) <= settings.exact_up_to:
        return ChosenIndex(exact, "exact", 1.0, None)

    rows = np.random.default_rng(settings.seed).choice(len(numbers), min(N_QUERIES, len(numbers)), replace=False)
    queries = wanted[np.sort(rows)]
    truth = exact.search(queries, min(N_NEAREST, len(numbers)))[0]
    candidates = [ChosenIndex(exact, "exact", 1.0, _query_us(exact, queries))]
    for kind, build in (("hnsw", _build_hnsw), ("ivf", _build_ivf)):
        index, recall = build(wanted, numbers, queries, truth, settings)
        if recall >= settings.min_recall:
            candidates.append(ChosenIndex(index, kind, recall, _query_us(index, queries)))
    return min(candidates, key=lambda candidate: candidate.query_us or 0.0)


def recall_at_100(found: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Share of the true nearest that were found, books as near as the hundredth counting as true ones.

    Args:
        found: similarities found, float32, (n_queries, k), distinct books; -inf or lower where fewer were found.
        truth: similarities of the exact k nearest, same shape, best first.
    """
    farthest = truth[:, -1:] - 1e-6  # similarities are summed in another order by each kind of index
    return float((found >= farthest).mean())


def _build_hnsw(
    vectors: NDArray[np.float32],
    numbers: NDArray[np.int64],
    queries: NDArray[np.float32],
    truth: NDArray[np.float32],
    settings: ContentSettings,
) -> tuple[faiss.Index, float]:
    """A graph index with the narrowest search that reaches `min_recall`, and the recall measured."""
    graph = faiss.IndexHNSWFlat(vectors.shape[1], HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = HNSW_BUILD_BREADTH
    index = faiss.IndexIDMap2(graph)
    n_threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # several threads link the graph in an order that differs from run to run
    try:
        index.add_with_ids(vectors, numbers)
    finally:
        faiss.omp_set_num_threads(n_threads)

    def measure(place: int) -> float:
        graph.hnsw.efSearch = HNSW_BREADTHS[place]
        return recall_at_100(index.search(queries, truth.shape[1])[0], truth)

    return index, _least(measure, len(HNSW_BREADTHS) - 1, settings.min_recall)


def _build_ivf(
    vectors: NDArray[np.float32],
    numbers: NDArray[np.int64],
    queries: NDArray[np.float32],
    truth: NDArray[np.float32],
    settings: ContentSettings,
) -> tuple[faiss.Index, float]:
    """An index of 2·sqrt(n) cells that searches the fewest cells that reach `min_recall`, and the recall measured."""
    n_cells = max(1, int(2 * len(vectors) ** 0.5))
    centroids = faiss.IndexFlatIP(vectors.shape[1])
    index = faiss.IndexIVFFlat(centroids, vectors.shape[1], n_cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = settings.seed
    index.cp.spherical = True
    index.cp.min_points_per_centroid = 1
    index.train(vectors)
    index.add_with_ids(vectors, numbers)

    def measure(place: int) -> float:
        index.nprobe = place + 1
        return recall_at_100(index.search(queries, truth.shape[1])[0], truth)

    return index, _least(measure, n_cells - 1, settings.min_recall)


def _least(measure: Callable[[int], float], highest: int, min_recall: float) -> float:
    """Leave `measure` at the least place in 0..highest that reaches `min_recall`; return the recall there.

    Recall grows with the place, so halving finds it; if no place reaches it, the highest is kept.
    """
    low, high = 0, highest
    while low < high:
        middle = (low + high) // 2
        if measure(middle) >= min_recall:
            high = middle
        else:
            low = middle + 1
    return measure(low)


def _query_us(index: faiss.Index, queries: NDArray[np.float32]) -> float:
    """The median time of one query on one thread, as the API asks, in microseconds."""
    n_threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        seconds = []
        for query in queries[:, None]:
            started = time.perf_counter()
            index.search(query, N_NEAREST)
            seconds.append(time.perf_counter() - started)
    finally:
        faiss.omp_set_num_threads(n_threads)
    return median(seconds) * 1e6
