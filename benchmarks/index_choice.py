"""Compares the index for many descriptions with an exact index and a graph: recall, and time of one search.

    python benchmarks/index_choice.py [BOOKS …]

Clustered unit vectors of 384 dimensions, like descriptions; 500 queries, one at a time on one thread. Recall is over
the 100 nearest. Times are medians relative to the exact index of the same run.
"""

from __future__ import annotations

import os
import statistics
import sys
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import faiss
import numpy as np
from numpy.typing import NDArray

from services.batch.content.index import build_index, index_factory, measure_recall
from shared.settings import ContentSettings

SIZES = (20_000, 100_000)
DIMENSIONS, N_CLOUDS, N_QUERIES = 384, 400, 500


def main() -> None:
    """Measure and print."""
    for n_books in [int(size) for size in sys.argv[1:]] or SIZES:
        vectors, item_index = clouds(n_books), np.arange(n_books)
        exact, _ = timed(vectors, ContentSettings(exact_up_to=n_books))
        exact_us = search_us(exact, vectors)
        cells, built = timed(vectors, ContentSettings(exact_up_to=1))
        report(index_factory(n_books, 1), cells, built, exact_us, vectors, item_index)
        started = time.perf_counter()
        graph = faiss.index_factory(DIMENSIONS, "HNSW32,Flat", faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction, graph.hnsw.efSearch = 80, 256
        graph.add(vectors)
        report("HNSW32,Flat", graph, time.perf_counter() - started, exact_us, vectors, item_index)


def report(
    name: str,
    index: faiss.Index,
    built: float,
    exact_us: float,
    vectors: NDArray[np.float32],
    item_index: NDArray[np.int64],
) -> None:
    """Print one line about an index."""
    recall, us = measure_recall(index, vectors, item_index, 7), search_us(index, vectors)
    print(f"{len(vectors):,} books, {name}: recall {recall:.4f}, {us / exact_us:.2f} x exact, built in {built:.1f} s")


def clouds(n_books: int) -> NDArray[np.float32]:
    """Unit vectors around random centres, float32, (n_books, 384)."""
    chance = np.random.default_rng(7)
    centres = chance.standard_normal((N_CLOUDS, DIMENSIONS), np.float32)
    vectors = centres[chance.integers(0, N_CLOUDS, n_books)] + chance.standard_normal((n_books, DIMENSIONS), np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def timed(vectors: NDArray[np.float32], settings: ContentSettings) -> tuple[faiss.Index, float]:
    """The index of these settings, and the seconds it took to build."""
    started = time.perf_counter()
    index = build_index(vectors, np.arange(len(vectors)), settings)
    return index, time.perf_counter() - started


def search_us(index: faiss.Index, vectors: NDArray[np.float32]) -> float:
    """Median time of one search in microseconds."""
    took = []
    for query in vectors[:N_QUERIES, None]:
        started = time.perf_counter()
        index.search(query, 100)
        took.append(time.perf_counter() - started)
    return statistics.median(took) * 1e6


if __name__ == "__main__":
    main()
