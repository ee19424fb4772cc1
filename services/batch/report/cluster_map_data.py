"""The clusters of a content artifact, with their books' positions on the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.batch.report.document import ClusterOnMap
from shared.artifacts.content import read_clusters
from shared.deprecated import existing_file

MAX_POINTS = 12_000
_FULL = 1000
_SEED = 7
_PERCENTILES = (0.5, 99.5)  # books beyond these are moved to the edge, so that outliers do not compress the map


def clusters_on_map(content_artifact: Path) -> list[ClusterOnMap]:
    """All non-empty clusters, largest first."""
    cluster_of: NDArray[np.int32] = np.load(existing_file(content_artifact, "cluster_of.npy"))
    item_index = np.flatnonzero(cluster_of >= 0)
    if not len(item_index):
        return []
    places = _on_the_page(np.load(content_artifact / "map.npy")[item_index])
    drawn = np.sort(np.random.default_rng(_SEED).permutation(len(item_index))[:MAX_POINTS])
    clusters = []
    for record in read_clusters(content_artifact):
        own = cluster_of[item_index] == record["cluster"]
        if not own.any():
            continue
        middle = np.median(places[own], axis=0) / _FULL
        clusters.append(
            ClusterOnMap(
                name=record["name"],
                n_books=int(own.sum()),
                x=round(float(middle[0]), 4),
                y=round(float(middle[1]), 4),
                points=[(int(x), int(y)) for x, y in places[drawn][own[drawn]]],
            )
        )
    return sorted(clusters, key=lambda cluster: -cluster.n_books)


def _on_the_page(positions: NDArray[np.float32]) -> NDArray[np.int64]:
    """Positions in tenths of a percent, y downwards."""
    low, high = np.percentile(positions, _PERCENTILES, axis=0)
    shares = (positions - low) / np.maximum(high - low, 1e-9)
    shares[:, 1] = 1 - shares[:, 1]
    places: NDArray[np.int64] = np.round((0.03 + 0.94 * np.clip(shares, 0, 1)) * _FULL).astype(np.int64)
    return places
