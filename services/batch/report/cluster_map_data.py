"""The tribes of a content artifact, with the places of their books on the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.batch.report.document import TribeFacts
from shared.artifacts.content import read_clusters
from shared.deprecated import existing_file

MOST_POINTS = 12_000
_FULL = 1000
_SEED = 7
_OUTSIDE = (0.5, 99.5)  # percentiles: a few far books would leave no room for the rest


def cluster_metadata(content_artifact: Path) -> list[TribeFacts]:
    """All tribes with a book, largest first."""
    cluster_of: NDArray[np.int32] = np.load(existing_file(content_artifact, "cluster_of.npy"))
    numbers = np.flatnonzero(cluster_of >= 0)
    if not len(numbers):
        return []
    places = _on_the_page(np.load(content_artifact / "map.npy")[numbers])
    drawn = np.sort(np.random.default_rng(_SEED).permutation(len(numbers))[:MOST_POINTS])
    metadata = []
    for tribe in read_clusters(content_artifact):
        own = cluster_of[numbers] == tribe["cluster"]
        if not own.any():
            continue
        middle = np.median(places[own], axis=0) / _FULL
        metadata.append(
            TribeFacts(
                name=tribe["name"],
                n_books=int(own.sum()),
                x=round(float(middle[0]), 4),
                y=round(float(middle[1]), 4),
                points=[(int(x), int(y)) for x, y in places[drawn][own[drawn]]],
            )
        )
    return sorted(metadata, key=lambda tribe: -tribe.n_books)


def _on_the_page(positions: NDArray[np.float32]) -> NDArray[np.int64]:
    """Places in tenths of a percent, y downwards."""
    low, high = np.percentile(positions, _OUTSIDE, axis=0)
    shares = (positions - low) / np.maximum(high - low, 1e-9)
    shares[:, 1] = 1 - shares[:, 1]
    places: NDArray[np.int64] = np.round((0.03 + 0.94 * np.clip(shares, 0, 1)) * _FULL).astype(np.int64)
    return places
