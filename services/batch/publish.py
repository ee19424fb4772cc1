"""From parts to a generation: lists and user state into Redis, verify, flip the pointer; roll back; collect.

The pointer moves by compare-and-set, after everything it stands for is in place. Dying at any point before leaves the
previous generation served; the next run finds what is already there and goes on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import redis

from services.batch.parts import read_epoch, read_part, remove_part
from services.batch.progress import Progress
from shared.codec import pack, unpack
from shared.errors import ArtifactError, PublishConflictError
from shared.generation import (
    PART_KINDS,
    Generation,
    GenerationManifest,
    PartManifest,
    content_id,
    open_generation,
    part_folder,
    read_manifest,
    read_pointer_file,
    verify_part,
)
from shared.keys import Keys
from shared.layout import DataFolder, write_durably

_LIST_FILES = ("users.json", "lists.numbers.npy", "lists.scores.npy")
_LISTS_PER_PIPELINE = 1000
_PROBES = 20
_FLIP = """
local current = redis.call('GET', KEYS[1]) or ''
if current == ARGV[2] then return 1 end -- sent again because the first answer was lost
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


def lists_complete(client: redis.Redis, keys: Keys, part: PartManifest) -> bool:
    """Whether every list of this collaborative part, as it is on disk, is in Redis."""
    marker = cast("bytes | None", client.get(keys.collaborative_complete(part.id)))
    return marker is not None and marker.decode() == _fingerprint(part)


def _fingerprint(part: PartManifest) -> str:
    """A hash of the lists. A part that was damaged and built again need not have the same ones under its id."""
    return content_id([part.files[name].sha256 for name in _LIST_FILES])


def write_lists(client: redis.Redis, keys: Keys, path: Path, progress: Progress) -> int:
    """Write every user's packed list under keys of this part, the completion marker last; returns how many users.

    Does nothing but count if they are all there. The part has been verified.
    """
    part = read_part(path)
    users: list[str] = json.loads((path / "users.json").read_bytes())
    if lists_complete(client, keys, part):
        return len(users)
    client.unlink(keys.collaborative_complete(part.id))
    numbers = np.load(path / "lists.numbers.npy", mmap_mode="r")
    scores = np.load(path / "lists.scores.npy", mmap_mode="r")
    with progress.task("Writing lists to Redis", len(users)) as advance:
        for first in range(0, len(users), _LISTS_PER_PIPELINE):
            chunk = users[first : first + _LISTS_PER_PIPELINE]
            lengths = (numbers[first : first + len(chunk)] >= 0).sum(axis=1)
            pipeline = client.pipeline(transaction=False)
            for row, (user, length) in enumerate(zip(chunk, lengths.tolist(), strict=True), start=first):
                pipeline.set(keys.collaborative_list(part.id, user), pack(numbers[row, :length], scores[row, :length]))
            pipeline.execute()
            advance(len(chunk))
    client.set(keys.collaborative_complete(part.id), _fingerprint(part))
    return len(users)


def write_manifest(folder: DataFolder, manifest: GenerationManifest) -> None:
    """Write a generation's manifest. It is not served until the pointer names it."""
    write_durably(folder.generations / f"{manifest.id}.json", manifest.model_dump_json(indent=2).encode())


def verify_generation(client: redis.Redis, keys: Keys, folder: DataFolder, generation_id: str) -> Generation:
    """Open a generation as the API would and probe it: neighbours of some books, lists of some users.

    Raises:
        ArtifactError: it is not fit to be served; says what is wrong with it.
    """
    generation = open_generation(folder, generation_id)
    catalog = generation.catalog
    probes = np.flatnonzero(generation.neighbours.tribe_of >= 0)
    for number in probes[:: max(1, len(probes) // _PROBES)].tolist():
        neighbours, similarities = generation.neighbours.of(number)
        if not catalog.active[neighbours].all() or not np.isfinite(similarities).all():
            raise ArtifactError(f"The index of {generation_id} names books that are not served, next to book {number}.")
    if not np.isfinite(generation.fold_in.item_factors).all():
        raise ArtifactError(f"The item factors of {generation_id} are not all finite.")
    path = part_folder(folder, "collaborative", generation.collaborative_id)
    users: list[str] = json.loads((path / "users.json").read_bytes())
    lists = np.load(path / "lists.numbers.npy", mmap_mode="r")
    if not lists_complete(client, keys, read_part(path)):
        raise ArtifactError(f"Not all lists of {generation_id} are in Redis.")
    for row in range(0, len(users), max(1, len(users) // _PROBES)):
        packed = cast("bytes | None", client.get(keys.collaborative_list(generation.collaborative_id, users[row])))
        expected = lists[row][lists[row] >= 0]
        if packed is None or not np.array_equal(unpack(packed)[0], expected):
            raise ArtifactError(f"The list of user {users[row]!r} in Redis is not the one of {generation_id}.")
        if len(expected) and (expected.max() >= catalog.n_books or not catalog.active[expected].all()):
            raise ArtifactError(f"The list of user {users[row]!r} in {generation_id} names books that are not served.")
    return generation


def flip(client: redis.Redis, keys: Keys, folder: DataFolder, *, expected: str | None, to: str) -> None:
    """Make `to` the served generation if `expected` still is; also on disk, for when Redis is away.

    Raises:
        PublishConflictError: the pointer has moved meanwhile; nothing was changed.
    """
    flipped = client.eval(_FLIP, 2, keys.current, keys.history, expected or "", to)
    if not flipped:
        raise PublishConflictError(
            f"Generation {to} was not published: the current one is no longer {expected}.",
            hint="Another run published meanwhile. Look at `nightshelf generations list` and run again if needed.",
        )
    write_pointer_file(folder, to)


def write_pointer_file(folder: DataFolder, generation_id: str) -> None:
    """Name the served generation on disk, for when Redis is away. Does nothing if the file says so already."""
    if read_pointer_file(folder) != generation_id:
        write_durably(folder.generations / "current", f"{generation_id}\n".encode())


def rollback(
    client: redis.Redis, keys: Keys, folder: DataFolder, progress: Progress, to: str | None = None
) -> GenerationManifest:
    """Serve an earlier generation again: `to`, or the one published before the current one.

    Raises:
        ArtifactError: there is no such generation, or it is no longer fit to be served.
    """
    current = current_generation(client, keys)
    if to is None:
        earlier = [entry for entry in history(client, keys) if entry != current]
        if not earlier:
            raise ArtifactError("There is no earlier generation to go back to.")
        to = earlier[0]
    manifest = read_manifest(folder, to)
    part = part_folder(folder, "collaborative", manifest.parts["collaborative"])
    verify_part(part)
    write_lists(client, keys, part, progress)
    verify_generation(client, keys, folder, to)
    flip(client, keys, folder, expected=current, to=to)
    return manifest


def manifests(folder: DataFolder) -> Iterator[GenerationManifest]:
    """Every generation on disk, newest first."""
    for path in sorted(folder.generations.glob("*.json"), reverse=True):
        yield read_manifest(folder, path.stem)


def collect(client: redis.Redis, keys: Keys, folder: DataFolder, grace: timedelta) -> dict[str, int]:
    """Delete what nothing needs: keeps the current generation, the previous one, and all younger than `grace`.

    Goes with them: their parts and snapshots unless a kept generation uses them, their lists in Redis, and whatever a
    dead run left in staging. Call it while no run is active. Returns how many of each kind were deleted.

    Raises:
        ArtifactError: the current generation is not in this data folder, or a manifest is not readable.
    """
    current = current_generation(client, keys)
    previous = next((entry for entry in history(client, keys) if entry != current), None)
    limit = datetime.now(UTC) - grace
    needed = (current, previous, read_pointer_file(folder))
    kept: list[GenerationManifest] = []
    doomed: list[GenerationManifest] = []
    for manifest in manifests(folder):
        keep = manifest.id in needed or manifest.created_at > limit
        (kept if keep else doomed).append(manifest)
    if current is not None and current not in {manifest.id for manifest in kept}:
        raise ArtifactError(f"The current generation {current} is not in this data folder; nothing was collected.")

    for manifest in doomed:
        client.lrem(keys.history, 0, manifest.id)
        (folder.generations / f"{manifest.id}.json").unlink()
    used_parts = {f"{kind}-{manifest.parts[kind]}" for manifest in kept for kind in PART_KINDS}
    used_parts |= {f"evaluation-{manifest.evaluation}" for manifest in kept}
    used_lists = {manifest.parts["collaborative"] for manifest in kept}
    n_lists = _unlink_lists(client, keys, used_lists)
    n_parts = _remove_unused(folder, folder.parts, used_parts)
    newest = folder.snapshots / "current"
    used_snapshots = {manifest.snapshot for manifest in kept}
    used_snapshots |= {newest.read_text().strip()} if newest.exists() else set()
    n_snapshots = _remove_unused(folder, folder.snapshots, used_snapshots)
    if (epoch := read_epoch(folder)) is not None:
        _remove_unused(folder, folder.embeddings, {epoch})
    shutil.rmtree(folder.staging, ignore_errors=True)
    return {"generations": len(doomed), "parts": n_parts, "snapshots": n_snapshots, "lists": n_lists}


def _remove_unused(folder: DataFolder, parent: Path, used: set[str]) -> int:
    if not parent.exists():
        return 0
    folders = [path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    unused = [path for path in folders if path.name not in used]
    for path in unused:
        remove_part(folder, path)
    return len(unused)


def _unlink_lists(client: redis.Redis, keys: Keys, used: set[str]) -> int:
    """Unlink lists of parts not in use. Their markers go first: a part half collected must not look complete."""
    for marker in client.scan_iter(match=keys.collaborative_complete("*"), count=1000):
        if marker.decode().rsplit(":", 1)[1] not in used:
            client.unlink(marker)
    n_unlinked = 0
    every = keys.collaborative_prefix("")[:-1]
    batch: list[Any] = []
    for key in client.scan_iter(match=f"{every}*", count=1000):
        if key.decode()[len(every) :].split(":", 1)[0] not in used:
            batch.append(key)
        if len(batch) >= _LISTS_PER_PIPELINE:
            n_unlinked += client.unlink(*batch)
            batch.clear()
    if batch:
        n_unlinked += client.unlink(*batch)
    return n_unlinked
