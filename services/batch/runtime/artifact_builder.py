"""Writes artifacts: staged, synced to disk, renamed. An existing valid artifact is reused."""

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
    """The id of an artifact with these inputs: hashes of its data, and its settings."""
    return content_id({"kind": kind, **inputs})


def build_artifact(
    folder: DataFolder, kind: AnyArtifactKind, identity: str, build: Callable[[Path], Metadata]
) -> tuple[ArtifactManifest, bool]:
    """Return the artifact with this id, and whether it was built.

    `build` writes its files into an empty folder and returns metadata. A run that dies leaves only a staging folder. A
    damaged artifact is deleted and built again.
    """
    final = artifact_folder(folder, kind, identity)
    if final.exists():
        try:
            return verify_artifact(final), False
        except ArtifactError as error:
            get_logger().warning("artifact.damaged", artifact=final.name, error=str(error))
            remove_artifact(folder, final)
            final = artifact_folder(
                folder, kind, identity
            )  # an artifact of an earlier version may be in another folder
    staged = folder.staging / final.name
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        metadata = build(staged)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)  # the disk may be full
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
    """The salt in all artifact ids since the last `start_cache_salt`; `None` before the first."""
    return folder.cache_salt.read_text(encoding="utf-8").strip() if folder.cache_salt.exists() else None


def start_cache_salt(folder: DataFolder, run: str, started: datetime) -> None:
    """Start a new salt, so that every artifact and vector is built again; served ones stay until replaced."""
    write_durably(folder.cache_salt, f"{content_id([run, started.isoformat()])}\n".encode())


def remove_artifact(folder: DataFolder, path: Path) -> None:
    """Delete an artifact; it is moved away first, so readers never see a partial one."""
    doomed = folder.staging / f"doomed-{path.name}"
    doomed.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(doomed, ignore_errors=True)
    path.rename(doomed)
    shutil.rmtree(doomed)
