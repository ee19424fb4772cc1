"""The step table: the steps of a night in order, with the artifacts that each builds.

This table defines the order of `nightshelf nightly`, the commands `nightshelf step …`, the names in the run log, the
ids of artifacts and, through `dags/nightshelf_steps.json`, the tasks of the DAGs. `make dag-steps` writes that file
(see docs/decisions/0009). The module imports no heavy library, so commands start fast.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.batch.night import builders
from services.batch.night.source_version import source_version

if TYPE_CHECKING:
    from shared.artifacts.generation import AnyArtifactKind
    from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Artifact:
    """One artifact of a night.

    Attributes:
        kind: the kind; kind and id name its folder.
        inputs: all inputs, by the names of `services.batch.night.inputs`, or `artifact.KIND` for another artifact. Its
            id is a hash of their values and of its version.
        build: writes its files into an empty folder; see `services.batch.night.builders`.
        served: whether it is part of a generation; the others are used at night only.
        only_for: build it only if this other artifact is missing.
        switch: the settings section whose `enabled` turns the artifact on.
    """

    kind: AnyArtifactKind
    inputs: tuple[str, ...]
    build: builders.Build
    served: bool = True
    only_for: AnyArtifactKind | None = None
    switch: str | None = None

    @property
    def version(self) -> str:
        """A hash of the source of `build` and its imports."""
        return source_version(self.build)

    def is_enabled(self, settings: Settings) -> bool:
        """Whether nights with these settings build it."""
        return self.switch is None or bool(getattr(settings, self.switch).enabled)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a night.

    Attributes:
        name: of the command, of the run-log entry, and of the task (there with `_` for `-`).
        does: one line of help.
        after: the steps that must finish first.
        artifacts: the artifacts it builds, in order.
        embeds: whether it embeds books with missing vectors.
        timeout_minutes: the scheduler's time limit.
        parts: the run-log entries of `nightly` in place of the whole step.
        hourly: whether it is part of the hourly run, which adds new books between two nights.
        scheduled_only: whether `nightly` leaves it out.
    """

    name: str
    does: str
    after: tuple[str, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    embeds: bool = False
    timeout_minutes: int = 180
    parts: tuple[str, ...] = ()
    hourly: bool = False
    scheduled_only: bool = False

    @property
    def builds(self) -> bool:
        """Whether it only builds artifacts from the snapshot and has no code of its own."""
        return self.embeds or bool(self.artifacts)

    @property
    def recorded_as(self) -> tuple[str, ...]:
        """Its names in the run log of `nightly`."""
        return self.parts or (self.name,)


_FEEDBACK_MODELS = ("interactions", "order", "feedback", "settings.item_transitions")
_PIPELINE = (
    *("books", *_FEEDBACK_MODELS, "artifact.content", "settings.max_recent"),
    *("settings.collaborative", "settings.blend", "settings.reranker"),
)

STEPS = (
    Step("ingest", "Take books, ratings and events in, and begin the run.", hourly=True),
    Step(
        "embed",
        "Embed new and changed descriptions.",
        after=("ingest",),
        embeds=True,
        timeout_minutes=12 * 60,
        hourly=True,
    ),
    Step(
        "factor",
        "Factor the interactions.",
        after=("ingest",),
        artifacts=(
            Artifact(
                "factors",
                (*_FEEDBACK_MODELS, "settings.factors"),
                builders.factors,
                served=False,
                only_for="collaborative",
            ),
        ),
        timeout_minutes=6 * 60,
    ),
    Step(
        "top-n",
        "List the best unseen books of every user.",
        after=("factor",),
        artifacts=(
            Artifact(
                "collaborative",
                (*_FEEDBACK_MODELS, "withdrawn", "settings.collaborative"),
                builders.collaborative,
            ),
        ),
        timeout_minutes=6 * 60,
    ),
    Step(
        "index",
        "Build catalogue, index, tribes and popular lists.",
        after=("embed", "top-n"),
        artifacts=(
            Artifact("catalog", ("books",), builders.catalog),
            Artifact("content", ("books", "embedding_model", "settings.content"), builders.content),
            Artifact("popularity", ("books", "interactions", "feedback", "artifact.content"), builders.popularity),
        ),
        hourly=True,
    ),
    Step(
        "evaluate",
        "Measure the settings on interactions held out; train the reranker if it is on.",
        after=("index",),
        artifacts=(
            Artifact("evaluation", (*_PIPELINE, "source", "settings.evaluation"), builders.evaluation, served=False),
            # Only a measured reranker is served.
            Artifact("reranker", (*_PIPELINE, "artifact.evaluation"), builders.reranker, switch="reranker"),
        ),
    ),
    Step("gate", "Refuse what is significantly worse than what is served.", after=("evaluate",), timeout_minutes=10),
    Step(
        "publish",
        "Bring Redis up to date, verify, and move the pointer.",
        after=("gate",),
        timeout_minutes=2 * 60,
        parts=("lists", "user state", "verify", "report", "publish"),
        hourly=True,
    ),
    Step("collect", "Delete what nothing needs any more.", after=("publish",), timeout_minutes=60, scheduled_only=True),
)
"""All steps of a run, in order; a scheduler may run steps in parallel if `after` allows it."""

STEP_NAMES = tuple(name for step in STEPS if not step.scheduled_only for name in step.recorded_as)
"""The steps that `nightly` announces and records, in order."""

ARTIFACTS: dict[AnyArtifactKind, Artifact] = {artifact.kind: artifact for step in STEPS for artifact in step.artifacts}
"""Every artifact of a night, by kind, in the order of the steps."""


def dag_steps() -> str:
    """The table for the DAGs, as JSON, because their environment does not have this project installed."""
    rows: list[dict[str, Any]] = [
        {
            "name": step.name,
            "does": step.does,
            "after": step.after,
            "timeout_minutes": step.timeout_minutes,
            "builds": step.builds,
            "hourly": step.hourly,
        }
        for step in STEPS
    ]
    return json.dumps(rows, indent=2) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(dag_steps(), encoding="utf-8")
