"""The end of a night: past the gate, lists and user state into Redis, verified, and the pointer moved."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from services.batch.evaluate.gate import judge
from services.batch.publish.publish import write_lists, write_manifest
from services.batch.publish.user_state import merge_user_state
from services.batch.report.write_report import write_night_report
from services.batch.tune.tuned_settings import tuned_names
from shared.artifacts.generation import (
    ArtifactKind,
    GateVerdict,
    Generation,
    GenerationManifest,
    artifact_folder,
    content_id,
    open_generation,
    read_manifest,
    verify_artifact,
)
from shared.errors import ArtifactError, GateRefusedError
from shared.log import get_logger
from shared.publication import current_generation, flip, verify_generation, write_pointer_file

if TYPE_CHECKING:
    import redis

    from services.batch.ingest.snapshot import Snapshot
    from services.batch.runtime.progress import Progress
    from shared.keys import Keys
    from shared.layout import DataFolder
    from shared.settings import GateSettings, Settings

Step = Callable[[str], AbstractContextManager[object]]
_TIME_OF_ID = "%Y%m%dT%H%M%S%fZ"
_OF_THE_RUN = {"id", "created_at", "night", "gate"}


@dataclass(frozen=True, slots=True)
class Published:
    """What came of it: the generation served now, and whether it is this run's."""

    generation: str
    is_new: bool
    n_users_listed: int
    n_events_replayed: int


def generation_id(folder: DataFolder, started: datetime, run: str) -> str:
    """An id that differs between runs and sorts by time: after all there are, even if the clock was set back since."""
    moment = started.astimezone(UTC)
    newest = max((path.stem for path in folder.generations.glob("*.json")), default="")
    with suppress(ValueError):  # an id of another making
        after = datetime.strptime(newest.partition("-")[0], _TIME_OF_ID).replace(tzinfo=UTC)
        moment = max(moment, after + timedelta(microseconds=1))
    return f"{moment:{_TIME_OF_ID}}-{content_id(run)[:6]}"


def pass_gate(
    folder: DataFolder, evaluation: str, served: str | None, settings: GateSettings, *, accept: str | None
) -> GateVerdict:
    """Hold an evaluation against the one of the served generation.

    Args:
        folder: the data folder.
        evaluation: id of the evaluation artifact of the run.
        served: the generation served now.
        settings: what counts as worse.
        accept: why to publish it all the same.

    Raises:
        GateRefusedError: it is significantly worse, and nobody gave a reason to accept that.
    """
    before = _evaluation_of(folder, served)
    verdict = judge(
        artifact_folder(folder, "evaluation", evaluation),
        None if before is None else artifact_folder(folder, "evaluation", before),
        settings,
    )
    if verdict.verdict != "worse":
        return verdict
    return _accepted(verdict, accept, where=f"evaluation-{evaluation} against generation {served}")


def pass_gate_by_books(
    snapshot: Snapshot, served: GenerationManifest, settings: GateSettings, *, accept: str | None
) -> GateVerdict | None:
    """Let through what takes lists and evaluation from the served generation, unless many of its books are gone.

    Returns the verdict on the served generation, for it stands.

    Raises:
        GateRefusedError: more books are gone than one run may lose, and nobody gave a reason to accept that.
    """
    n_books, n_served = snapshot.manifest.counts.active_books, served.counts["books"]
    is_other_source = snapshot.manifest.source.name != served.source
    if not settings.enabled or is_other_source or n_books >= n_served * (1 - settings.max_loss):
        return served.gate
    reason = (
        f"{n_served - n_books:,} of {n_served:,} books are gone since the served generation; "
        f"{settings.max_loss:.0%} may be."
    )
    verdict = GateVerdict(verdict="worse", metric="books", reason=reason, value=n_books, served_value=n_served)
    return _accepted(verdict, accept, where=f"snapshot {snapshot.id} against generation {served.id}")


def _accepted(verdict: GateVerdict, accept: str | None, *, where: str) -> GateVerdict:
    """The verdict with the reason why somebody accepted it."""
    if accept is None:
        raise GateRefusedError(
            f"The quality gate refused: {verdict.reason}",
            where=where,
            hint="What is served stays. Look for the cause in the data; to publish it all the same, say why: "
            "--accept 'REASON'.",
        )
    return verdict.model_copy(update={"accepted_because": accept})


def _evaluation_of(folder: DataFolder, generation: str | None) -> str | None:
    """The evaluation artifact of a generation, if it has one that is whole."""
    if generation is None:
        return None
    try:
        evaluation = read_manifest(folder, generation).evaluation
        if evaluation is not None:
            verify_artifact(artifact_folder(folder, "evaluation", evaluation))
    except ArtifactError:
        return None
    return evaluation


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
    """The manifest of a generation made from this snapshot; `night` is the date it is made for, if any."""
    counts, source = snapshot.manifest.counts, snapshot.manifest.source
    return GenerationManifest(
        id=id,
        created_at=datetime.now(UTC),
        artifacts=artifacts,
        snapshot=snapshot.path.name,
        source=source.name,
        simulated_readers=source.simulated_readers,
        rating_scale=source.rating_scale,
        counts={"books": counts.active_books, "users": counts.users, "interactions": counts.interactions},
        blend=settings.blend,
        collaborative=settings.collaborative.model_dump(mode="json"),
        item_transitions=settings.item_transitions.model_dump(mode="json"),
        tuned=tuned_names(settings),
        night=night,
        evaluation=evaluation,
        gate=gate,
    )


def publish_generation(
    client: redis.Redis,
    keys: Keys,
    folder: DataFolder,
    manifest: GenerationManifest,
    snapshot: Snapshot,
    settings: Settings,
    *,
    expected: str | None,
    progress: Progress,
    step: Step,
) -> Published:
    """Bring Redis up to date and make the generation the served one, unless what is served is just this.

    Args:
        client: a patient connection.
        keys: key names.
        folder: the data folder.
        manifest: the generation.
        snapshot: what it was made from.
        settings: how user state is kept.
        expected: the generation served when the run began.
        progress: told how far it is.
        step: opened around each of `lists`, `user state`, `verify`, `report`, `publish`.

    Raises:
        ArtifactError: it is not fit to be served.
        PublishConflictError: another generation was published meanwhile.
    """
    with step("lists"):
        path = artifact_folder(folder, "collaborative", manifest.artifacts["collaborative"])
        n_users = write_lists(client, keys, path, progress)
    manifest = manifest.model_copy(update={"counts": {**manifest.counts, "users_listed": n_users}})
    with step("user state"):
        n_events = merge_user_state(client, keys, folder, snapshot, settings.user_state, progress)
    if expected is not None and _says_the_same(folder, expected, manifest):
        if current_generation(client, keys) == expected:
            write_pointer_file(folder, expected)  # a run that died right after its flip did not
        if not folder.report(expected, "night").exists():
            _report(folder, lambda: open_generation(folder, expected), snapshot, settings)
        return Published(expected, is_new=False, n_users_listed=n_users, n_events_replayed=n_events)
    with step("verify"):
        write_manifest(folder, manifest)
        generation = verify_generation(client, keys, folder, manifest.id)
    with step("report"):
        _report(folder, lambda: generation, snapshot, settings)
    with step("publish"):
        flip(client, keys, folder, expected=expected, to=manifest.id)
    return Published(manifest.id, is_new=True, n_users_listed=n_users, n_events_replayed=n_events)


def _report(folder: DataFolder, generation: Callable[[], Generation], snapshot: Snapshot, settings: Settings) -> None:
    """Write the report of a generation. A page that fails is no reason to keep readers from a good generation."""
    try:
        write_night_report(folder, generation(), snapshot, settings)
    except Exception as error:  # noqa: BLE001  # whatever it is: what is published does not need it
        get_logger().error("report.failed", error=repr(error))


def _says_the_same(folder: DataFolder, served: str, manifest: GenerationManifest) -> bool:
    """Whether the served generation is what this run would publish, its time aside."""
    try:
        current = read_manifest(folder, served)
    except ArtifactError:
        return False
    return current.model_dump(exclude=_OF_THE_RUN) == manifest.model_dump(exclude=_OF_THE_RUN)
