"""Writes the content artifact: vectors, index, neighbors, clusters and map. See `shared.artifacts.content`.

Only the size of the catalogue decides the kind of index, so the same input gives the same files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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


N_NEAREST = 100  # the k of the measured recall
N_QUERIES = 500  # books sampled to measure recall
CELLS_PER_ROOT = 4  # cells per unit of sqrt(books)
PROBED_SHARE = 4  # one of this many cells is searched


def build_content(
    folder: Path,
    vectors: NDArray[np.float32],
    books: pd.DataFrame,
    settings: ContentSettings,
    *,
    threads: int | None,
    progress: Progress,
) -> Metadata:
    """Write the content artifact's files.

    Args:
        folder: an empty folder.
        vectors: float32, (n_books, dim), unit rows; zero for books that are inactive or have no text.
        books: the snapshot's books; row i is item index i.
        settings: of the index and the clusters.
        threads: number of threads; `None` for all cores.
        progress: reports the stages.

    Raises:
        ArtifactError: the number of vectors differs from the number of books, or a value is not finite.
    """
    if vectors.shape[:-1] != (len(books),) or not np.isfinite(vectors).all():
        raise ArtifactError(f"{len(books)} books have vectors of shape {vectors.shape}, or with NaN or infinity.")
    vectors = np.ascontiguousarray(vectors, np.float32)
    item_index = np.flatnonzero(books["active"].to_numpy(bool) & vectors.any(axis=1))
    is_exact = len(item_index) <= settings.exact_up_to
    with bound_threads(threads), progress.task("Index, clusters and map", 3) as advance:
        index = build_index(vectors, item_index, settings)
        recall = 1.0 if is_exact else measure_recall(index, vectors, item_index, settings.seed)
        advance(1)
        cluster_of = find_clusters(vectors, item_index, settings)
        clusters = name_clusters(cluster_of, books)
        advance(1)
        positions = np.zeros((len(vectors), 2), np.float32)
        positions[item_index] = project(vectors, item_index, 2)
        advance(1)
        save_content_neighbors(folder, index, vectors, books)
    for name, array in (("vectors", vectors), ("cluster_of", cluster_of), ("map", positions)):
        np.save(folder / f"{name}.npy", array)
    (folder / "clusters.json").write_bytes(orjson.dumps(clusters))
    faiss.write_index(index, str(folder / "index.faiss"))
    return {
        "n_books": len(books),
        "n_indexed": len(item_index),
        "n_clusters": len(clusters),
        "dimensions": vectors.shape[1],
        "index": "exact" if is_exact else index_factory(len(item_index), settings.exact_up_to),
        "recall_at_100": round(recall, 4),
    }


def index_factory(n_books: int, exact_up_to: int) -> str:
    """The FAISS factory string for this many books: exact, or 4·sqrt(n) cells beyond `exact_up_to`.

    `benchmarks/index_choice.py` compares the second with an exact index and a graph index.
    """
    return "IDMap2,Flat" if n_books <= exact_up_to else f"IVF{int(CELLS_PER_ROOT * n_books**0.5)},Flat"


def build_index(vectors: NDArray[np.float32], item_index: NDArray[np.int64], settings: ContentSettings) -> Any:
    """An inner-product index of these books; labels are item indexes.

    Args:
        vectors: float32, (n_books, dim), unit rows.
        item_index: int64, (n,), the books to index, ascending.
        settings: the size up to which the index is exact, and the seed of the cells.
    """
    wanted = vectors[item_index]
    factory = index_factory(len(item_index), settings.exact_up_to)
    index: Any = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    if factory.startswith("IVF"):
        index.cp.seed = settings.seed
        index.cp.spherical = True
        index.cp.min_points_per_centroid = 1
        index.nprobe = max(1, index.nlist // PROBED_SHARE)
        index.train(wanted)
    index.add_with_ids(wanted, item_index)
    return index


def measure_recall(index: faiss.Index, vectors: NDArray[np.float32], item_index: NDArray[np.int64], seed: int) -> float:
    """`recall_at_100` of an index over `N_QUERIES` random books; 1.0 for an empty index."""
    if not len(item_index):
        return 1.0
    rows = np.random.default_rng(seed).choice(len(item_index), min(N_QUERIES, len(item_index)), replace=False)
    queries, k = vectors[item_index[np.sort(rows)]], min(N_NEAREST, len(item_index))
    exact = faiss.IndexFlatIP(vectors.shape[1])
    exact.add(vectors[item_index])
    return recall_at_100(index.search(queries, k)[0], exact.search(queries, k)[0])


def recall_at_100(found: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Share of the true nearest neighbors that the index finds; ties with the hundredth count as true.

    Args:
        found: similarities of the results, float32, (n_queries, k), distinct books; -inf or lower as padding.
        truth: similarities of the exact k nearest, same shape, best first.
    """
    farthest = truth[:, -1:] - 1e-6  # kinds of index sum similarities in different order
    return float((found >= farthest).mean())
