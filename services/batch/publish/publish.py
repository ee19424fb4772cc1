"""Publishing a generation: lists and user state into Redis, verification, the report, and the pointer last.

The pointer moves (`shared.publication`) after everything it stands for is in place. A run that dies before leaves the
previous generation served; the next run reuses what is already there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.batch.publish.lists import write_lists
from services.batch.publish.manifest import is_same_generation, write_manifest
from services.batch.publish.user_state import merge_user_state
from services.batch.report.write_report import write_night_report
from shared.artifacts.generation import Generation, GenerationManifest, artifact_folder, open_generation
from shared.log import get_logger
from shared.publication import current_generation, flip, verify_generation, write_pointer_file

if TYPE_CHECKING:
    from services.batch.ingest.snapshot import Snapshot
    from services.batch.runtime.context import RunContext

PublishStep = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Published:
    """The generation served now, and whether this run published it."""

    generation: str
    is_new: bool
    n_users_listed: int
    n_events_replayed: int


def publish_generation(
    context: RunContext,
    manifest: GenerationManifest,
    snapshot: Snapshot,
    *,
    expected: str | None,
    step: PublishStep,
) -> Published:
    """Bring Redis up to date and serve the generation, unless what is served is the same.

    Args:
        context: of the run.
        manifest: the generation.
        snapshot: what it was made from.
        expected: the generation served when the run began.
        step: opened around each of `lists`, `user state`, `verify`, `report`, `publish`.

    Raises:
        ArtifactError: it cannot be served.
        PublishConflictError: another generation was published meanwhile.
    """
    client, keys, folder = context.redis, context.keys, context.folder
    with step("lists"):
        n_users = write_lists(context, artifact_folder(folder, "collaborative", manifest.artifacts["collaborative"]))
    manifest = manifest.model_copy(update={"counts": {**manifest.counts, "users_listed": n_users}})
    with step("user state"):
        n_events = merge_user_state(context, snapshot)
    if expected is not None and is_same_generation(folder, expected, manifest):
        if current_generation(client, keys) == expected:
            write_pointer_file(folder, expected)  # missing if a run died right after its flip
        if not folder.report(expected, "night").exists():
            _report(context, lambda: open_generation(folder, expected), snapshot)
        return Published(expected, is_new=False, n_users_listed=n_users, n_events_replayed=n_events)
    with step("verify"):
        write_manifest(folder, manifest)
        generation = verify_generation(client, keys, folder, manifest.id)
    with step("report"):
        _report(context, lambda: generation, snapshot)
    with step("publish"):
        flip(client, keys, folder, expected=expected, to=manifest.id)
    return Published(manifest.id, is_new=True, n_users_listed=n_users, n_events_replayed=n_events)


def _report(context: RunContext, generation: Callable[[], Generation], snapshot: Snapshot) -> None:
    """Write the report of a generation. A report that fails does not stop a good generation."""
    try:
        write_night_report(context.folder, generation(), snapshot, context.settings)
    except Exception as error:  # noqa: BLE001  # whatever it is: publishing does not need the report
        get_logger().error("report.failed", error=repr(error))
