"""The packed list: one user's candidates in Redis, item indexes and scores, best first.

Layout, little-endian: one byte version (1), one byte zero, two bytes count `n`, then `n` int32 item indexes, then
`n` float32 scores. 4 + 8n bytes. Decoding makes two views on the bytes.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from shared.errors import ArtifactError

VERSION = 1
MAX_LENGTH = 65_535
_HEADER = struct.Struct("<BBH")
_NUMBERS = np.dtype("<i4")
_SCORES = np.dtype("<f4")


def pack(item_index: NDArray[np.int32], scores: NDArray[np.float32]) -> bytes:
    """Pack one list.

    Args:
        item_index: shape (n,), int32, best first.
        scores: shape (n,), float32.

    Raises:
        ArtifactError: the two differ in length, or n exceeds 65,535.
    """
    if item_index.shape != scores.shape or item_index.ndim != 1:
        raise ArtifactError(f"Item indexes of shape {item_index.shape} have scores of shape {scores.shape}.")
    if len(item_index) > MAX_LENGTH:
        raise ArtifactError(f"A list of {len(item_index)} books is too long to pack; the limit is {MAX_LENGTH}.")
    header = _HEADER.pack(VERSION, 0, len(item_index))
    return header + item_index.astype(_NUMBERS, copy=False).tobytes() + scores.astype(_SCORES, copy=False).tobytes()


def unpack(packed: bytes) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Read a packed list back as two read-only views, int32 item indexes and float32 scores, best first.

    Raises:
        ArtifactError: the bytes are not a packed list of this version, or are cut short.
    """
    if len(packed) < _HEADER.size:
        raise ArtifactError(f"A packed list of {len(packed)} bytes has no header.")
    version, _, n = _HEADER.unpack_from(packed)
    if version != VERSION:
        raise ArtifactError(f"A packed list has version {version}; this code reads version {VERSION}.")
    if len(packed) != _HEADER.size + 8 * n:
        raise ArtifactError(f"A packed list of {n} books has {len(packed)} bytes instead of {_HEADER.size + 8 * n}.")
    item_index = np.frombuffer(packed, _NUMBERS, n, _HEADER.size)
    scores = np.frombuffer(packed, _SCORES, n, _HEADER.size + 4 * n)
    return item_index, scores
