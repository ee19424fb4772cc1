"""Principal components of the books' vectors: the plane of the 2-D map, and the few dimensions clusters are found in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 65_536  # rows turned into float64 at a time


def project(vectors: NDArray[np.float32], numbers: NDArray[np.int64], n_axes: int) -> NDArray[np.float32]:
    """These books' vectors on their principal axes, largest variance first.

    An axis points to where its largest component is positive, so that nothing flips from night to night.

    Args:
        vectors: float32, (n_books, dim).
        numbers: int64, (n,), the books to look at.
        n_axes: axes wanted; those beyond `dim` are zero.

    Returns:
        float32, (n, n_axes), centred.
    """
    n_dimensions = vectors.shape[1]
    projected = np.zeros((len(numbers), n_axes), np.float32)
    if not len(numbers):
        return projected
    blocks = [slice(start, start + BLOCK) for start in range(0, len(numbers), BLOCK)]
    total = sum((vectors[numbers[block]].sum(axis=0, dtype=np.float64) for block in blocks), np.zeros(n_dimensions))
    mean = total / len(numbers)
    scatter = np.zeros((n_dimensions, n_dimensions))
    for block in blocks:
        centred = vectors[numbers[block]] - mean
        scatter += centred.T @ centred
    axes = np.linalg.eigh(scatter)[1][:, ::-1][:, :n_axes]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    for block in blocks:
        projected[block, : axes.shape[1]] = (vectors[numbers[block]] - mean) @ axes
    return projected
