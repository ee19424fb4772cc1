"""The artifacts of one night: computes their ids, and builds or reuses them as the step table declares.

The id of an artifact is a hash of all its inputs, so it is known before the artifact is built. The steps of a night may
be separate processes; snapshot and settings give them the same ids.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from services.batch.ingest.snapshot import Snapshot
from services.batch.models.collaborative import build_without_withdrawn, names_withdrawn
from services.batch.night.inputs import NightInputs
from services.batch.night.step_table import ARTIFACTS, Step
from services.batch.runtime.artifact_builder import Metadata, artifact_id, build_artifact
from services.batch.runtime.context import RunContext
from shared.artifacts.generation import AnyArtifactKind, ArtifactKind, artifact_folder, verify_artifact
from shared.errors import ArtifactError
from shared.run_log import Fact

_ANOTHER = "artifact."


class ArtifactBuilder:
    """The artifacts of one snapshot with one set of settings.

    Args:
        context: of the run.
        snapshot: the data.

    Attributes:
        inputs: the inputs, loaded lazily.
        built: the kinds that were built and not reused, in order.
    """

    def __init__(self, context: RunContext, snapshot: Snapshot) -> None:
        self.inputs = NightInputs(context, snapshot)
        self.built: list[AnyArtifactKind] = []
        self._context = context
        self._ids: dict[AnyArtifactKind, str] = {}
        self._verified: set[tuple[AnyArtifactKind, str]] = set()

    def id_of(self, kind: AnyArtifactKind) -> str:
        """The id of an artifact, built or not."""
        if kind not in self._ids:
            self._ids[kind] = self._id(kind, **{name: self._value(name) for name in ARTIFACTS[kind].inputs})
        return self._ids[kind]

    def ids(self) -> dict[ArtifactKind, str]:
        """The artifacts of a generation."""
        served = [one for one in ARTIFACTS.values() if one.served and one.is_enabled(self._context.settings)]
        return {cast("ArtifactKind", one.kind): self.id_of(one.kind) for one in served}

    def folder_of(self, kind: AnyArtifactKind) -> Path:
        """The folder of an artifact; builds it if it is missing or damaged."""
        artifact = ARTIFACTS[kind]
        self._build(kind, self.id_of(kind), lambda path: artifact.build(self.inputs, self.folder_of, path))
        return artifact_folder(self._context.folder, kind, self.id_of(kind))

    def make(self, step: Step) -> dict[AnyArtifactKind, str | None]:
        """Run a building step; returns the ids of its artifacts, `None` for one that this night does not need."""
        # If the artifact exists, no vector is needed.
        if step.embeds and not self._is_whole("content", self.id_of("content")):
            self.inputs.embedded  # noqa: B018  # embeds at the first access
        made: dict[AnyArtifactKind, str | None] = {}
        for artifact in step.artifacts:
            is_needed = artifact.is_enabled(self._context.settings) and (
                artifact.only_for is None or not self._is_whole(artifact.only_for, self.id_of(artifact.only_for))
            )
            if is_needed:
                self.folder_of(artifact.kind)
            made[artifact.kind] = self.id_of(artifact.kind) if is_needed else None
        return made

    def facts(self, step: Step) -> dict[str, Fact]:
        """The run-log entries of a finished step."""
        if not step.embeds:
            return {}
        return {"embedded": self.inputs.n_embedded, "reused": self.inputs.n_reused_vectors}

    def without_withdrawn(self, served: str) -> str:
        """Build the served collaborative artifact without books withdrawn since; returns its id."""
        folder = artifact_folder(self._context.folder, "collaborative", served)
        if not names_withdrawn(folder, self.inputs.active):
            return served
        identity = self._id("collaborative", of=served, withdrawn=self.inputs.withdrawn)
        self._build("collaborative", identity, lambda path: build_without_withdrawn(path, folder, self.inputs.active))
        return identity

    def _value(self, name: str) -> object:
        if name.startswith(_ANOTHER):
            return self.id_of(cast("AnyArtifactKind", name.removeprefix(_ANOTHER)))
        return self.inputs.value(name)

    def _id(self, kind: AnyArtifactKind, **inputs: object) -> str:
        cache_salt = {"cache_salt": self.inputs.cache_salt} if self.inputs.cache_salt else {}
        return artifact_id(kind, version=ARTIFACTS[kind].version, **cache_salt, **inputs)

    def _is_whole(self, kind: AnyArtifactKind, identity: str) -> bool:
        """Whether the artifact exists and matches its checksums."""
        if (kind, identity) not in self._verified:
            try:
                verify_artifact(artifact_folder(self._context.folder, kind, identity))
            except ArtifactError:
                return False
            self._verified.add((kind, identity))
        return True

    def _build(self, kind: AnyArtifactKind, identity: str, build: Callable[[Path], Metadata]) -> None:
        if (kind, identity) not in self._verified:
            _, is_new = build_artifact(self._context.folder, kind, identity, build)
            self._verified.add((kind, identity))
            if is_new:
                self.built.append(kind)
