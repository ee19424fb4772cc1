"""A store of the vectors of one model, keyed by the SHA-256 of the text.

A store is an append-only folder of segments: `<name>.vectors.npy` (float32, (n, dimensions)) and
`<name>.hashes.npy` (32-byte digests, (n,)), the hashes written last. An incomplete or inconsistent segment is the
result of a crash and is ignored; its texts are embedded again. Only one process may write at a time.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import ArtifactError
from shared.layout import fsync_folder

DIGEST = np.dtype("S32")  # compared as fixed 32 bytes: numpy pads a digest that ends in zero bytes with zero bytes


def digest_of(text: str) -> bytes:
    """SHA-256 of a text, 32 bytes: the key of its vector."""
    return hashlib.sha256(text.encode()).digest()


class VectorStore:
    """Vectors of one model, keyed by the digest of their text.

    Args:
        folder: the store of one model; created if absent.
        dimensions: dimensions of each vector. Segments with other dimensions are ignored.
    """

    def __init__(self, folder: Path, dimensions: int) -> None:
        self._folder = folder
        self._dimensions = dimensions
        self._vectors: list[NDArray[np.float32]] = []
        self._hashes: list[NDArray[np.bytes_]] = []
        self._sorted: tuple[NDArray[np.bytes_], NDArray[np.int64]] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob("*.tmp"):
            leftover.unlink()
        for path in sorted(folder.glob("*.hashes.npy")):
            segment = _open_segment(path, dimensions)
            if segment is not None:
                self._add(*segment)

    def __len__(self) -> int:
        """Number of stored vectors; a text embedded twice counts twice."""
        return sum(len(hashes) for hashes in self._hashes)

    def find(self, hashes: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Rows of these digests.

        Args:
            hashes: (n,) of dtype `DIGEST`.

        Returns:
            int64, (n,): rows for `read`, -1 where the store has no vector.
        """
        if not len(self):
            return np.full(len(hashes), -1, np.int64)
        if self._sorted is None:
            known = np.concatenate(self._hashes)
            order = known.argsort(kind="stable")
            self._sorted = known[order], order
        known, order = self._sorted
        place = known.searchsorted(hashes)
        place[place == len(known)] = 0
        return np.where(known[place] == hashes, order[place], -1)

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Vectors of rows that `find` returned, float32, (n, dimensions)."""
        vectors = np.empty((len(rows), self._dimensions), np.float32)
        ends = np.cumsum([len(hashes) for hashes in self._hashes])
        segment_of = ends.searchsorted(rows, side="right")
        order = segment_of.argsort(kind="stable")
        bounds = segment_of[order].searchsorted(np.arange(len(self._hashes) + 1))
        for segment, stored in enumerate(self._vectors):
            wanted = order[bounds[segment] : bounds[segment + 1]]
            if len(wanted):
                vectors[wanted] = stored[rows[wanted] - (ends[segment] - len(stored))]
        return vectors

    def append(self, hashes: NDArray[np.bytes_], vectors: NDArray[np.float32]) -> None:
        """Add a segment durably.

        Args:
            hashes: (n,) of dtype `DIGEST`.
            vectors: float32, (n, dimensions), in the same order.

        Raises:
            ArtifactError: the shapes do not match, or a vector contains NaN or infinity.
        """
        if vectors.shape != (len(hashes), self._dimensions):
            raise ArtifactError(
                f"{len(hashes)} texts have vectors of shape {vectors.shape}, not {self._dimensions} dimensions.",
                where=str(self._folder),
            )
        if not np.isfinite(vectors).all():
            raise ArtifactError(
                "The embedding model returned NaN or infinity.",
                where=str(self._folder),
                hint="Check NIGHTSHELF_EMBEDDER.",
            )
        if not len(hashes):
            return
        hashes = np.ascontiguousarray(hashes, DIGEST)
        vectors = np.ascontiguousarray(vectors, np.float32)
        name = hashlib.sha256(hashes.tobytes()).hexdigest()[:16]
        _write(self._folder / f"{name}.vectors.npy", vectors)
        _write(self._folder / f"{name}.hashes.npy", hashes)
        self._add(hashes, np.load(self._folder / f"{name}.vectors.npy", mmap_mode="r"))

    def _add(self, hashes: NDArray[np.bytes_], vectors: NDArray[np.float32]) -> None:
        self._hashes.append(hashes)
        self._vectors.append(vectors)
        self._sorted = None


def _open_segment(path: Path, dimensions: int) -> tuple[NDArray[np.bytes_], NDArray[np.float32]] | None:
    """The digests and memory-mapped vectors of one segment; `None` if it is incomplete."""
    try:
        hashes = np.load(path)
        vectors = np.load(path.with_name(path.name.replace(".hashes.", ".vectors.")), mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    whole = hashes.dtype == DIGEST and vectors.dtype == np.float32 and vectors.shape == (len(hashes), dimensions)
    return (hashes, vectors) if whole else None


def _write(path: Path, array: NDArray[np.generic]) -> None:
    """Write an array atomically."""
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("wb") as file:
        np.save(file, array)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    fsync_folder(path.parent)
