"""The published pointer and its history: read it, verify a generation, move the pointer.

The night and the API both move the pointer. They use compare-and-set, so that neither overwrites the other's change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

import numpy as np
import redis

from shared.artifacts.generation import (
    ArtifactManifest,
    Generation,
    GenerationManifest,
    artifact_folder,
    content_id,
    open_generation,
    read_artifact,
    read_manifest,
    read_pointer_file,
)
from shared.errors import ArtifactError, PublishConflictError
from shared.keys import Keys
from shared.layout import DataFolder, write_durably
from shared.recommend.codec import unpack

_LIST_FILES = ("users.json", "lists.numbers.npy", "lists.scores.npy")
_PROBES = 20
_FLIP = """
local current = redis.call('GET', KEYS[1]) or ''
if current == ARGV[2] then return 1 end -- a retry after a lost answer
if current ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('LPUSH', KEYS[2], ARGV[2])
return 1
"""


def current_generation(client: redis.Redis, keys: Keys) -> str | None:
    """The published generation's id in this Redis."""
    current = cast("bytes | None", client.get(keys.current))
    return None if current is None else current.decode()


def history(client: redis.Redis, keys: Keys) -> list[str]:
    """Ids that have been published, newest first."""
    return [entry.decode() for entry in cast("list[bytes]", client.lrange(keys.history, 0, -1))]


def lists_complete(client: redis.Redis, keys: Keys, artifact: ArtifactManifest) -> bool:
    """Whether Redis holds every list of this collaborative artifact, as it is on disk."""
    marker = cast("bytes | None", client.get(keys.collaborative_complete(artifact.id)))
    return marker is not None and marker.decode() == lists_fingerprint(artifact)


def lists_fingerprint(artifact: ArtifactManifest) -> str:
    """A hash of the lists. A rebuilt artifact may have other lists under the same id."""
    return content_id([artifact.files[name].sha256 for name in _LIST_FILES])


def generation_before(client: redis.Redis, keys: Keys, current: str | None) -> str:
    """The generation published before the current one.

    Raises:
        ArtifactError: there is none.
    """
    earlier = next((entry for entry in history(client, keys) if entry != current), None)
    if earlier is None:
        raise ArtifactError("There is no earlier generation to roll back to.")
    return earlier


def verify_generation(client: redis.Redis, keys: Keys, folder: DataFolder, generation_id: str) -> Generation:
    """Open a generation as the API does and check the neighbors of some books and the lists of some users.

    Raises:
        ArtifactError: it cannot be served; says why.
    """
    generation = open_generation(folder, generation_id)
    catalog = generation.catalog
    probes = np.flatnonzero(generation.content.cluster_of >= 0)
    for number in probes[:: max(1, len(probes) // _PROBES)].tolist():
        nearest, similarities = generation.content.neighbors(number)
        if not catalog.active[nearest].all() or not np.isfinite(similarities).all():
            raise ArtifactError(f"The index of {generation_id} names books that are not served, next to book {number}.")
    if not np.isfinite(generation.fold_in.item_factors).all():
        raise ArtifactError(f"The item factors of {generation_id} are not all finite.")
    path = artifact_folder(folder, "collaborative", generation.collaborative_id)
    users: list[str] = json.loads((path / "users.json").read_bytes())
    lists = np.load(path / "lists.numbers.npy", mmap_mode="r")
    if not lists_complete(client, keys, read_artifact(path)):
        raise ArtifactError(f"Not all lists of {generation_id} are in Redis.")
    for row in range(0, len(users), max(1, len(users) // _PROBES)):
        packed = cast("bytes | None", client.get(keys.collaborative_list(generation.collaborative_id, users[row])))
        expected = lists[row][lists[row] >= 0]
        if packed is None or not np.array_equal(unpack(packed)[0], expected):
            raise ArtifactError(f"The list of user {users[row]!r} in Redis is not the one of {generation_id}.")
        if len(expected) and (expected.max() >= catalog.n_books or not catalog.active[expected].all()):
            raise ArtifactError(f"The list of user {users[row]!r} in {generation_id} names books that are not served.")
    return generation


def manifests(folder: DataFolder) -> Iterator[GenerationManifest]:
    """Every generation on disk, newest first.

    Raises:
        ArtifactError: a manifest is not readable.
    """
    for path in sorted(folder.generations.glob("*.json"), reverse=True):
        yield read_manifest(folder, path.stem)


def flip(client: redis.Redis, keys: Keys, folder: DataFolder, *, expected: str | None, to: str) -> None:
    """Serve `to` if `expected` is still served. Also writes the pointer to disk, for use without Redis.

    Raises:
        PublishConflictError: the pointer has moved; nothing changed.
    """
    flipped = client.eval(_FLIP, 2, keys.current, keys.history, expected or "", to)
    if not flipped:
        raise PublishConflictError(
            f"Generation {to} was not published: the current one is no longer {expected}.",
            hint="Another run published in the meantime. Check `nightshelf generations list` and run again if needed.",
        )
    write_pointer_file(folder, to)


def write_pointer_file(folder: DataFolder, generation_id: str) -> None:
    """Write the published generation's id to disk, for use without Redis, if it changed."""
    if read_pointer_file(folder) != generation_id:
        write_durably(folder.generations / "current", f"{generation_id}\n".encode())
