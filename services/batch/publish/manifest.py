"""The manifest of a generation: naming, creation, writing and comparison."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from services.batch.pipeline.blend_of_order import blend_of_order
from services.batch.publish.data_gate import source_identity
from services.batch.tune.tuned_settings import tuned_names
from shared.artifacts.generation import ArtifactKind, GateVerdict, GenerationManifest, content_id, read_manifest
from shared.errors import ArtifactError
from shared.layout import DataFolder, write_durably

if TYPE_CHECKING:
    from services.batch.ingest.snapshot import Snapshot
    from services.batch.ingest.snapshot_manifest import SnapshotManifest
    from shared.settings import Settings

_TIME_OF_ID = "%Y%m%dT%H%M%S%fZ"
_OF_THE_RUN = {"id", "created_at", "night", "gate"}


def generation_id(folder: DataFolder, started: datetime, run: str) -> str:
    """An id that is unique per run and sorts after all existing ones, even if the clock was set back."""
    moment = started.astimezone(UTC)
    newest = max((path.stem for path in folder.generations.glob("*.json")), default="")
    with suppress(ValueError):  # an id in another format
        after = datetime.strptime(newest.partition("-")[0], _TIME_OF_ID).replace(tzinfo=UTC)
        moment = max(moment, after + timedelta(microseconds=1))
    return f"{moment:{_TIME_OF_ID}}-{content_id(run)[:6]}"


def make_manifest(
    snapshot: Snapshot,
    settings: Settings,
    artifacts: dict[ArtifactKind, str],
    *,
    id: str,  # noqa: A002
    night: str | None = None,
    evaluation: str | None,
    gate: GateVerdict | None,
) -> GenerationManifest:
    """The manifest of a generation from this snapshot; `night` is its date, if any."""
    source = snapshot.manifest.source
    return GenerationManifest(
        id=id,
        created_at=datetime.now(UTC),
        artifacts=artifacts,
        snapshot=snapshot.path.name,
        source=source.name,
        source_id=source_identity(snapshot, settings),
        simulated_readers=source.simulated_readers,
        rating_scale=source.rating_scale,
        counts=_counts(snapshot.manifest),
        blend=blend_of_order(settings.blend, source.order),
        collaborative=settings.collaborative.model_dump(mode="json"),
        item_transitions=settings.item_transitions.model_dump(mode="json"),
        tuned=tuned_names(settings),
        night=night,
        evaluation=evaluation,
        gate=gate,
    )


def _counts(manifest: SnapshotManifest) -> dict[str, int]:
    """All numbers, and those of the source without events if they are known."""
    of_all, of_source = manifest.counts, manifest.source_counts
    counts = {"books": of_all.active_books, "users": of_all.users, "interactions": of_all.interactions}
    if of_source.books is None or of_source.users is None:
        return counts
    return counts | {
        "source_books": of_source.books,
        "source_users": of_source.users,
        "source_interactions": of_source.interactions,
    }


def write_manifest(folder: DataFolder, manifest: GenerationManifest) -> None:
    """Write a manifest. The generation is not served until the pointer names it."""
    write_durably(folder.generations / f"{manifest.id}.json", manifest.model_dump_json(indent=2).encode())


def is_same_generation(folder: DataFolder, served: str, manifest: GenerationManifest) -> bool:
    """Whether the served generation differs from this one only in its run."""
    try:
        current = read_manifest(folder, served)
    except ArtifactError:
        return False
    return current.model_dump(exclude=_OF_THE_RUN) == manifest.model_dump(exclude=_OF_THE_RUN)
