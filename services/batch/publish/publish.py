"""From artifacts to a generation: lists and user state into Redis, verify, flip the pointer; roll back; collect.

The pointer moves (`shared.publication`) after everything it stands for is in place. Dying at any point before leaves
the previous generation served; the next run finds what is already there and goes on.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import redis

from services.batch.runtime.artifact_builder import read_cache_salt, remove_artifact
from services.batch.runtime.progress import Progress
from shared.artifacts.generation import (
    GenerationManifest,
    artifact_folder,
    read_artifact,
    read_manifest,
    read_pointer_file,
    verify_artifact,
)
from shared.errors import ArtifactError
from shared.keys import Keys
from shared.layout import DataFolder, write_durably
from shared.publication import (
    current_generation,
    flip,
    generation_before,
    history,
    lists_complete,
    lists_fingerprint,
    manifests,
    verify_generation,
)
from shared.recommend.codec import pack

_LISTS_PER_PIPELINE = 1000


def write_lists(client: redis.Redis, keys: Keys, path: Path, progress: Progress) -> int:
    """Write every user's packed list under keys of this part, the completion marker last; returns how many users.

    Does nothing but count if they are all there. The artifact has been verified.
    """
    artifact = read_artifact(path)
    users: list[str] = json.loads((path / "users.json").read_bytes())
    if lists_complete(client, keys, artifact):
        return len(users)
    client.unlink(keys.collaborative_complete(artifact.id))
    numbers = np.load(path / "lists.numbers.npy", mmap_mode="r")
    scores = np.load(path / "lists.scores.npy", mmap_mode="r")
    with progress.task("Writing lists to Redis", len(users)) as advance:
        for first in range(0, len(users), _LISTS_PER_PIPELINE):
            chunk = users[first : first + _LISTS_PER_PIPELINE]
            lengths = (numbers[first : first + len(chunk)] >= 0).sum(axis=1)
            pipeline = client.pipeline(transaction=False)
            for row, (user, length) in enumerate(zip(chunk, lengths.tolist(), strict=True), start=first):
                pipeline.set(
                    keys.collaborative_list(artifact.id, user), pack(numbers[row, :length], scores[row, :length])
                )
            pipeline.execute()
            advance(len(chunk))
    client.set(keys.collaborative_complete(artifact.id), lists_fingerprint(artifact))
    return len(users)


def write_manifest(folder: DataFolder, manifest: GenerationManifest) -> None:
    """Write a generation's manifest. It is not served until the pointer names it."""
    write_durably(folder.generations / f"{manifest.id}.json", manifest.model_dump_json(indent=2).encode())


def rollback(
    client: redis.Redis, keys: Keys, folder: DataFolder, progress: Progress, to: str | None = None
) -> GenerationManifest:
    """Serve an earlier generation again: `to`, or the one published before the current one.

    Raises:
        ArtifactError: there is no such generation, or it is no longer fit to be served.
    """
    current = current_generation(client, keys)
    if to is None:
        to = generation_before(client, keys, current)
    manifest = read_manifest(folder, to)
    artifact = artifact_folder(folder, "collaborative", manifest.artifacts["collaborative"])
    verify_artifact(artifact)
    write_lists(client, keys, artifact, progress)
    verify_generation(client, keys, folder, to)
    flip(client, keys, folder, expected=current, to=to)
    return manifest


def collect(client: redis.Redis, keys: Keys, folder: DataFolder, grace: timedelta) -> dict[str, int]:
    """Delete what nothing needs: keeps the current generation, the previous one, and all younger than `grace`.

    Goes with them: their reports, their artifacts and snapshots unless a kept generation uses them, their lists in Redis,
    and whatever a dead run left in staging. Call it while no run is active. Returns how many of each kind were deleted.

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
    used_artifacts = {f"{kind}-{artifact}" for manifest in kept for kind, artifact in manifest.artifacts.items()}
    used_artifacts |= {f"evaluation-{manifest.evaluation}" for manifest in kept}
    used_lists = {manifest.artifacts["collaborative"] for manifest in kept}
    n_lists = _unlink_lists(client, keys, used_lists)
    n_artifacts = _remove_unused(folder, folder.artifacts, used_artifacts)
    _remove_unused(folder, folder.reports, {manifest.id for manifest in kept})
    newest = folder.snapshots / "current"
    used_snapshots = {manifest.snapshot for manifest in kept}
    used_snapshots |= {newest.read_text().strip()} if newest.exists() else set()
    n_snapshots = _remove_unused(folder, folder.snapshots, used_snapshots)
    if (cache_salt := read_cache_salt(folder)) is not None:
        _remove_unused(folder, folder.embeddings, {cache_salt})
    shutil.rmtree(folder.staging, ignore_errors=True)
    return {"generations": len(doomed), "artifacts": n_artifacts, "snapshots": n_snapshots, "lists": n_lists}


def _remove_unused(folder: DataFolder, parent: Path, used: set[str]) -> int:
    if not parent.exists():
        return 0
    folders = [path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    unused = [path for path in folders if path.name not in used]
    for path in unused:
        remove_artifact(folder, path)
    return len(unused)


def _unlink_lists(client: redis.Redis, keys: Keys, used: set[str]) -> int:
    """Unlink lists of artifacts not in use. Their markers go first: an artifact half collected must not look complete."""
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
