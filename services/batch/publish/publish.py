"""Publishes a generation: writes lists and user state to Redis, verifies, writes the report, moves the pointer last.

The pointer moves (`shared.publication`) after everything else is complete. If a run dies before that, the previous
generation stays served, and the next run reuses finished work.
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
    """The served generation, and whether this run published it."""

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
    """Update Redis and serve the generation, unless the served one is the same.

    Args:
        context: of the run.
        manifest: the generation.
        snapshot: its snapshot.
        expected: the generation served when the run started.
        step: context manager around each of `lists`, `user state`, `verify`, `report`, `publish`.

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
            write_pointer_file(folder, expected)  # missing if a run died right after it moved the pointer
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
    """Write the report of a generation. A failed report does not stop publishing."""
    try:
        write_night_report(context.folder, generation(), snapshot, context.settings)
    except Exception as error:  # noqa: BLE001  # any error: publishing does not need the report
        get_logger().error("report.failed", error=repr(error))
