"""Tribes: books whose vectors lie together, found by spherical k-means. Deterministic for the same vectors and seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from shared.settings import ContentSettings

FEWEST, MOST = 4, 60
SMALLEST = 3  # books; what is smaller is no tribe and is spread over the others
SAMPLE = 20_000  # books the centres are fitted to; beyond that they hardly move
BLOCK = 65_536


def n_tribes_for(n_books: int) -> int:
    """The number of tribes by default: sqrt(n_books) between 4 and 60, but never under five books a tribe."""
    return max(1, min(round(min(max(n_books**0.5, FEWEST), MOST)), n_books // 5))


def find_tribes(
    vectors: NDArray[np.float32], numbers: NDArray[np.int64], settings: ContentSettings
) -> NDArray[np.int32]:
    """Put each of these books into a tribe.

    Args:
        vectors: float32, (n_books, dim), unit rows.
        numbers: int64, (n,), the books that have a vector.
        settings: number of tribes and seed.

    Returns:
        int32, (n_books,): the tribe of each book, -1 for books not among `numbers`. Tribes are numbered 0, 1, … from
        the largest to the smallest.
    """
    tribe_of = np.full(len(vectors), -1, np.int32)
    if not len(numbers):
        return tribe_of
    n_tribes = min(settings.tribes or n_tribes_for(len(numbers)), len(numbers))
    generator = np.random.default_rng(settings.seed)
    sample = numbers if len(numbers) <= SAMPLE else np.sort(generator.choice(numbers, SAMPLE, replace=False))
    points = vectors[sample]
    n_distinct = len(np.unique(points, axis=0))
    fitted = KMeans(min(n_tribes, n_distinct), n_init=4, max_iter=100, random_state=settings.seed).fit(points)
    centres = _unit(fitted.cluster_centers_.astype(np.float32))

    nearest = _nearest(vectors, numbers, centres)
    sizes = np.bincount(nearest, minlength=len(centres))
    large = np.flatnonzero(sizes >= SMALLEST)
    if 0 < len(large) < len(centres):
        centres = centres[large]
        nearest = _nearest(vectors, numbers, centres)
        sizes = np.bincount(nearest, minlength=len(centres))
    rank = np.empty(len(centres), np.int32)
    rank[np.lexsort((np.arange(len(centres)), -sizes))] = np.arange(len(centres), dtype=np.int32)
    tribe_of[numbers] = rank[nearest]
    return tribe_of


def _nearest(
    vectors: NDArray[np.float32], numbers: NDArray[np.int64], centres: NDArray[np.float32]
) -> NDArray[np.int64]:
    """The centre of largest cosine for each book, int64, (n,)."""
    blocks = [numbers[start : start + BLOCK] for start in range(0, len(numbers), BLOCK)]
    return np.concatenate([(vectors[block] @ centres.T).argmax(axis=1) for block in blocks])


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows scaled to length one; a zero row stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = rows / np.where(lengths > 0, lengths, 1.0)
    return scaled
