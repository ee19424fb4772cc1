"""A whole night in one process: runs every step of the table in order and publishes the generation.

Each step reuses the results of an earlier run with the same data and settings, so repeating a night is cheap and
changes nothing.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.batch.evaluate.nightly_evaluation import NightlyMetrics, read_metrics
from services.batch.ingest.ingest import IngestReport, ingest
from services.batch.ingest.snapshot import Snapshot, current_snapshot
from services.batch.night.artifacts import ArtifactBuilder
from services.batch.night.step_table import STEPS, Step
from services.batch.pipeline.train_reranker import require_reranker
from services.batch.publish.manifest import generation_id, make_manifest
from services.batch.publish.pass_gate import pass_data_gate, pass_gate
from services.batch.publish.publish import Published, publish_generation
from services.batch.runtime.context import RunContext
from services.batch.runtime.lease import only_run
from services.batch.runtime.run_log import run_log
from services.batch.runtime.threads import bound_threads
from services.batch.runtime.translate_errors import translate_errors
from services.batch.sources.source import Source
from services.batch.tune.tuned_settings import with_tuned
from shared.artifacts.generation import GateVerdict, artifact_folder
from shared.errors import ArtifactError
from shared.publication import current_generation
from shared.run_log import Fact


@dataclass(frozen=True, slots=True)
class NightReport:
    """The result of a night; `seconds` by step, as named in the run log."""

    ingest: IngestReport
    generation_id: str
    published: bool
    n_embedded: int
    n_reused_vectors: int
    n_users_listed: int
    n_events_replayed: int
    reused_artifacts: list[str]
    quality: NightlyMetrics
    gate: GateVerdict
    seconds: dict[str, float]


def run_night(
    context: RunContext,
    source: Source | None,
    on_step: Callable[[str], None] = lambda _step: None,
    *,
    accept: str | None = None,
) -> NightReport:
    """Run a whole night and publish its generation.

    Args:
        context: of the run; tuned settings replace defaults.
        source: the source of books and ratings; `None` for the last ingested source, with new events.
        on_step: called with the name of each step (one of `STEP_NAMES`) when it starts.
        accept: the reason to publish a generation that the gate refuses; recorded in the generation.

    Raises:
        RunActiveError: another run holds the data folder.
        NightshelfError: a step failed.
        GateRefusedError: the night lost data, cannot be compared, or is significantly worse than the served generation.
        StoreUnavailableError: Redis is unavailable or full.
        ArtifactError: the disk is full, or an artifact cannot be published.
        PublishConflictError: another generation was published meanwhile.
    """
    context = replace(context, settings=with_tuned(context.settings))
    with (
        translate_errors(context.folder),
        only_run(context.folder, lease_minutes=context.settings.batch.lease_minutes),
        bound_threads(context.threads),
    ):
        shutil.rmtree(context.folder.staging, ignore_errors=True)
        night = _Night(context, source, on_step, accept)
        for step in STEPS:
            if not step.scheduled_only:
                night.do(step)
        return night.report()


class _Night:
    """A running night; holds the results of each step for later steps."""

    ingested: IngestReport
    snapshot: Snapshot
    artifacts: ArtifactBuilder
    served: str | None
    gate: GateVerdict
    published: Published

    def __init__(
        self, context: RunContext, source: Source | None, on_step: Callable[[str], None], accept: str | None
    ) -> None:
        self._context, self._source, self._on_step, self._accept = context, source, on_step, accept
        self._started = datetime.now(UTC)
        self._seconds: dict[str, float] = {}

    def do(self, step: Step) -> None:
        """Run one step of the table."""
        if step.builds:
            self._build(step)
        else:
            {"ingest": self._ingest, "gate": self._pass_gate, "publish": self._publish}[step.name]()

    def report(self) -> NightReport:
        """The result, after all steps."""
        folder, artifacts = self._context.folder, self.artifacts
        return NightReport(
            self.ingested,
            generation_id=self.published.generation,
            published=self.published.is_new,
            n_embedded=artifacts.inputs.n_embedded,
            n_reused_vectors=artifacts.inputs.n_reused_vectors,
            n_users_listed=self.published.n_users_listed,
            n_events_replayed=self.published.n_events_replayed,
            reused_artifacts=[kind for kind in artifacts.ids() if kind not in artifacts.built],
            quality=read_metrics(artifact_folder(folder, "evaluation", artifacts.id_of("evaluation"))),
            gate=self.gate,
            seconds=self._seconds,
        )

    def _ingest(self) -> None:
        context = self._context
        with self._recorded("ingest") as facts:
            require_reranker(context.settings)
            self.ingested = ingest(context, self._source)
            facts.update(self.ingested.facts)
        snapshot = current_snapshot(context.folder)
        if snapshot is None:
            raise ArtifactError("Ingest wrote no snapshot.", where=str(context.folder.snapshots))
        self.snapshot = snapshot
        self.served = current_generation(context.redis, context.keys)
        pass_data_gate(context, snapshot, self.served, accept=self._accept)
        self.artifacts = ArtifactBuilder(context, snapshot)

    def _build(self, step: Step) -> None:
        with self._recorded(step.name) as facts:
            n_built = len(self.artifacts.built)
            self.artifacts.make(step)
            facts.update(self.artifacts.facts(step), built=", ".join(self.artifacts.built[n_built:]) or None)

    def _pass_gate(self) -> None:
        with self._recorded("gate") as facts:
            evaluation = self.artifacts.id_of("evaluation")
            self.gate = pass_gate(self._context, self.snapshot, evaluation, self.served, accept=self._accept)
            facts |= {"verdict": self.gate.verdict, "reason": self.gate.reason}

    def _publish(self) -> None:
        context = self._context
        manifest = make_manifest(
            self.snapshot,
            context.settings,
            self.artifacts.ids(),
            id=generation_id(context.folder, self._started, self.snapshot.id),
            evaluation=self.artifacts.id_of("evaluation"),
            gate=self.gate,
        )
        self.published = publish_generation(context, manifest, self.snapshot, expected=self.served, step=self._recorded)

    @contextmanager
    def _recorded(self, name: str) -> Iterator[dict[str, Fact]]:
        """Announce a step, record it in the run log, and measure its seconds."""
        self._on_step(name)
        run = f"nightly {self._started:%Y-%m-%dT%H:%M:%SZ}"
        began = time.perf_counter()
        with run_log(self._context.folder, run, name) as facts:
            yield facts
        self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - began
