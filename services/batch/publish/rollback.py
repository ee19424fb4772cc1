"""Rollback to an earlier generation."""

from __future__ import annotations

from services.batch.publish.lists import write_lists
from services.batch.runtime.context import RunContext
from shared.artifacts.generation import GenerationManifest, artifact_folder, read_manifest, verify_artifact
from shared.publication import current_generation, flip, generation_before, verify_generation


def rollback(context: RunContext, to: str | None = None) -> GenerationManifest:
    """Serve generation `to` again, by default the one published before the current one.

    Raises:
        ArtifactError: there is no such generation, or it cannot be served.
    """
    client, keys, folder = context.redis, context.keys, context.folder
    current = current_generation(client, keys)
    if to is None:
        to = generation_before(client, keys, current)
    manifest = read_manifest(folder, to)
    artifact = artifact_folder(folder, "collaborative", manifest.artifacts["collaborative"])
    verify_artifact(artifact)
    write_lists(context, artifact)
    verify_generation(client, keys, folder, to)
    flip(client, keys, folder, expected=current, to=to)
    return manifest
