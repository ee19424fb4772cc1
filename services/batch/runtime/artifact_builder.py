"""Artifacts are written here: staged, made durable, renamed. One that exists and verifies is reused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from shared.artifacts.generation import (
    AnyArtifactKind,
    ArtifactManifest,
    FileInfo,
    artifact_folder,
    content_id,
    sha256_of,
    verify_artifact,
)
from shared.errors import ArtifactError
from shared.layout import DataFolder, fsync_folder, write_durably
from shared.log import get_logger

Metadata = dict[str, str | int | float | bool | None]


def artifact_id(kind: AnyArtifactKind, **inputs: object) -> str:
    """The id of an artifact made from these inputs: hashes of its data and the settings that shaped it."""
    return content_id({"kind": kind, **inputs})


def build_artifact(
    folder: DataFolder, kind: AnyArtifactKind, identity: str, build: Callable[[Path], Metadata]
) -> tuple[ArtifactManifest, bool]:
    """Return the artifact of this identity and whether it had to be built.

    `build` writes its files into the empty folder it is given and returns facts worth keeping. A run that dies leaves
    nothing but a folder in staging; an artifact that is damaged is set aside there and built again.
    """
    final = artifact_folder(folder, kind, identity)
    if final.exists():
        try:
            return verify_artifact(final), False
        except ArtifactError as error:
            get_logger().warning("artifact.damaged", artifact=final.name, error=str(error))
            remove_artifact(folder, final)
    staged = folder.staging / final.name
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        metadata = build(staged)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)  # half an artifact is of no use, and the disk may be full of it
        raise
    files = {}
    for file in sorted(staged.iterdir()):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
        files[file.name] = FileInfo(n_bytes=file.stat().st_size, sha256=sha256_of(file))
    manifest = ArtifactManifest(kind=kind, id=identity, files=files, metadata=metadata)
    write_durably(staged / "artifact.json", manifest.model_dump_json(indent=2).encode())
    final.parent.mkdir(parents=True, exist_ok=True)
    staged.rename(final)
    fsync_folder(final.parent)
    return manifest, True


def read_cache_salt(folder: DataFolder) -> str | None:
    """What sets the ids of all artifacts apart from those made before the last `start_cache_salt`; `None` at first."""
    return folder.cache_salt.read_text(encoding="utf-8").strip() if folder.cache_salt.exists() else None


def start_cache_salt(folder: DataFolder, run: str, started: datetime) -> None:
    """Have every artifact and vector made anew from now on; those there are stay served until others take their place."""
    write_durably(folder.cache_salt, f"{content_id([run, started.isoformat()])}\n".encode())


def remove_artifact(folder: DataFolder, path: Path) -> None:
    """Delete an artifact so that a reader never sees half of it: out of sight first."""
    doomed = folder.staging / f"doomed-{path.name}"
    doomed.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(doomed, ignore_errors=True)
    path.rename(doomed)
    shutil.rmtree(doomed)
