"""The map of all books as bytes, compact enough for a hundred thousand points.

Little-endian: the letters `NSM1`; uint32 n; float32 x_min, x_max, y_min, y_max; then, for the active books, the most
rated last, so that they are drawn on top: uint32 numbers[n] (item indexes); uint16 x[n], y[n] (0 to 65,535 within the
bounds); uint16 tribes[n] (65,535 for none); uint8 ratings[n] (4 times log2(1 + ratings)).
"""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.artifacts.generation import Generation, artifact_folder
from shared.layout import DataFolder

MAGIC = b"NSM1"
NO_TRIBE = 65_535
_MAX_COORDINATE = 65_535
_MAX_RATINGS = 255


@dataclass(frozen=True, slots=True)
class BookMap:
    """The bytes, plain and compressed, and a tag that changes with them."""

    content: bytes
    compressed: bytes
    tag: str


def tag_of(generation: Generation) -> str:
    """The ETag of a map: the artifacts it is made from. The same tag means the same bytes."""
    artifacts = generation.manifest.artifacts
    return f"{artifacts['catalog']}-{artifacts['content']}-{artifacts['popularity']}"


def make_map(folder: DataFolder, generation: Generation) -> BookMap:
    """Read the coordinates and pack them. Slow with many books; call it off the event loop."""
    path = artifact_folder(folder, "content", generation.manifest.artifacts["content"])
    places: NDArray[np.float32] = np.load(path / "map.npy")
    n_ratings = generation.popularity.n_ratings
    active = generation.catalog.active.nonzero()[0]
    item_index = active[np.argsort(n_ratings[active], kind="stable")]
    places = places[item_index]
    low, high = (places.min(axis=0), places.max(axis=0)) if len(item_index) else (np.zeros(2), np.ones(2))
    scaled = np.rint((places - low) / np.maximum(high - low, 1e-9) * _MAX_COORDINATE).astype("<u2")
    tribes = generation.content.cluster_of[item_index]
    ratings = np.minimum(np.rint(4 * np.log2(1 + n_ratings[item_index])), _MAX_RATINGS).astype("u1")
    content = b"".join(
        (
            MAGIC,
            np.uint32(len(item_index)).astype("<u4").tobytes(),
            np.array([low[0], high[0], low[1], high[1]], "<f4").tobytes(),
            item_index.astype("<u4").tobytes(),
            scaled[:, 0].tobytes(),
            scaled[:, 1].tobytes(),
            np.where(tribes < 0, NO_TRIBE, tribes).astype("<u2").tobytes(),
            ratings.tobytes(),
        )
    )
    return BookMap(content, gzip.compress(content, 6, mtime=0), tag_of(generation))


class MapKeeper:
    """Caches the map of the last generation asked for.

    Args:
        folder: the data folder.
    """

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._map: BookMap | None = None
        self._making = asyncio.Lock()

    async def of(self, generation: Generation) -> BookMap:
        """The map of this generation, built once."""
        async with self._making:
            if self._map is None or self._map.tag != tag_of(generation):
                self._map = await asyncio.to_thread(make_map, self._folder, generation)
            return self._map
