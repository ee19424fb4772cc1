"""Principal components of the books' vectors, for the 2-D map and for clustering."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

ROUNDING = 1e-6  # a smaller spread of unit float32 vectors along an axis is rounding error


def project(vectors: NDArray[np.float32], item_index: NDArray[np.int64], n_axes: int) -> NDArray[np.float32]:
    """Project these books' vectors on their principal axes, largest variance first.

    The largest component of each axis is positive, so the map does not flip between nights.

    Args:
        vectors: float32, (n_books, dim).
        item_index: int64, (n,), the books to project.
        n_axes: number of axes; axes without variance are zero.

    Returns:
        float32, (n, n_axes), centered.
    """
    projected = np.zeros((len(item_index), n_axes), np.float32)
    known = min(n_axes, len(item_index), vectors.shape[1])
    if len(item_index) > 1:
        projected[:, :known] = PCA(known, svd_solver="covariance_eigh").fit_transform(vectors[item_index])
        projected[:, projected.std(axis=0) < ROUNDING] = 0
    return projected
