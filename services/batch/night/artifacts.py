"""The artifacts of one night: their ids, and each built from the inputs that the table of steps declares, or reused.

The id of an artifact is a hash of everything that shapes it, so it is known before the artifact is built. The steps of
a night, which may be processes of their own, agree on all ids by snapshot and settings alone.
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
    """The artifacts of one snapshot with one choice of settings.

    Args:
        context: of the run.
        snapshot: what they are made from.

    Attributes:
        inputs: what they are made from, loaded as needed.
        built: the kinds that were built rather than reused, in order.
    """

    def __init__(self, context: RunContext, snapshot: Snapshot) -> None:
        self.inputs = NightInputs(context, snapshot)
        self.built: list[AnyArtifactKind] = []
        self._context = context
        self._ids: dict[AnyArtifactKind, str] = {}
        self._verified: set[tuple[AnyArtifactKind, str]] = set()

    def id_of(self, kind: AnyArtifactKind) -> str:
        """The id of an artifact, whether it is built yet or not."""
        if kind not in self._ids:
            self._ids[kind] = self._id(kind, **{name: self._value(name) for name in ARTIFACTS[kind].inputs})
        return self._ids[kind]

    def ids(self) -> dict[ArtifactKind, str]:
        """The artifacts of a generation."""
        served = [one for one in ARTIFACTS.values() if one.served and one.is_enabled(self._context.settings)]
        return {cast("ArtifactKind", one.kind): self.id_of(one.kind) for one in served}

    def folder_of(self, kind: AnyArtifactKind) -> Path:
        """The folder of an artifact, built now if it is missing or damaged."""
        artifact = ARTIFACTS[kind]
        self._build(kind, self.id_of(kind), lambda path: artifact.build(self.inputs, self.folder_of, path))
        return artifact_folder(self._context.folder, kind, self.id_of(kind))

    def make(self, step: Step) -> dict[AnyArtifactKind, str | None]:
        """Do a step that builds; returns the ids of its artifacts, `None` for one that this night does not need."""
        # With its artifact in place, no vector is needed.
        if step.embeds and not self._is_whole("content", self.id_of("content")):
            self.inputs.embedded  # noqa: B018  # embeds when it is first asked for
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
        """What the run log should say of a step that was made."""
        if not step.embeds:
            return {}
        return {"embedded": self.inputs.n_embedded, "reused": self.inputs.n_reused_vectors}

    def without_withdrawn(self, served: str) -> str:
        """The served collaborative artifact without the books withdrawn since; returns its id."""
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
        """Whether the artifact is there and matches its checksums."""
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
