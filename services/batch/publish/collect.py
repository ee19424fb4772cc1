"""Deletes generations that are no longer needed, and everything that only they use."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.batch.publish.lists import unlink_lists
from services.batch.runtime.artifact_builder import read_cache_salt, remove_artifact
from services.batch.runtime.context import RunContext
from shared.artifacts.generation import GenerationManifest, read_pointer_file
from shared.deprecated import artifact_then
from shared.errors import ArtifactError
from shared.layout import DataFolder
from shared.publication import current_generation, history, manifests


def collect(context: RunContext, grace: timedelta) -> dict[str, int]:
    """Delete all generations except the current one, the previous one and those younger than `grace`.

    Also deletes their reports, artifacts, snapshots and Redis lists unless a kept generation uses them, and staging
    folders of dead runs. No run may be active. Returns the number of deleted objects of each kind.

    Raises:
        ArtifactError: the current generation is not in this data folder, or a manifest cannot be read.
    """
    client, keys, folder = context.redis, context.keys, context.folder
    kept, unneeded = _sorted_out(context, datetime.now(UTC) - grace)
    for manifest in unneeded:
        client.lrem(keys.history, 0, manifest.id)
        (folder.generations / f"{manifest.id}.json").unlink()
    used_artifacts = {f"{kind}-{artifact}" for manifest in kept for kind, artifact in manifest.artifacts.items()}
    used_artifacts |= {f"evaluation-{manifest.evaluation}" for manifest in kept}
    n_lists = unlink_lists(context, {manifest.artifacts["collaborative"] for manifest in kept})
    n_artifacts = _remove_unused(folder, folder.artifacts, used_artifacts)
    n_artifacts += _remove_unused(folder, folder.retired_artifacts, set(map(artifact_then, used_artifacts)))
    _remove_unused(folder, folder.reports, {manifest.id for manifest in kept})
    newest = folder.snapshots / "current"
    used_snapshots = {manifest.snapshot for manifest in kept}
    used_snapshots |= {newest.read_text().strip()} if newest.exists() else set()
    n_snapshots = _remove_unused(folder, folder.snapshots, used_snapshots)
    if (cache_salt := read_cache_salt(folder)) is not None:
        _remove_unused(folder, folder.embeddings, {cache_salt})
    shutil.rmtree(folder.staging, ignore_errors=True)
    return {"generations": len(unneeded), "artifacts": n_artifacts, "snapshots": n_snapshots, "lists": n_lists}


def _sorted_out(context: RunContext, limit: datetime) -> tuple[list[GenerationManifest], list[GenerationManifest]]:
    """The generations to keep, and those to delete: older than `limit`, and neither current nor previous."""
    client, keys, folder = context.redis, context.keys, context.folder
    current = current_generation(client, keys)
    previous = next((entry for entry in history(client, keys) if entry != current), None)
    needed = (current, previous, read_pointer_file(folder))
    kept: list[GenerationManifest] = []
    unneeded: list[GenerationManifest] = []
    for manifest in manifests(folder):
        keep = manifest.id in needed or manifest.created_at > limit
        (kept if keep else unneeded).append(manifest)
    if current is not None and current not in {manifest.id for manifest in kept}:
        raise ArtifactError(f"The current generation {current} is not in this data folder; nothing was deleted.")
    return kept, unneeded


def _remove_unused(folder: DataFolder, parent: Path, used: set[str]) -> int:
    if not parent.exists():
        return 0
    folders = [path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    unused = [path for path in folders if path.name not in used]
    for path in unused:
        remove_artifact(folder, path)
    return len(unused)
