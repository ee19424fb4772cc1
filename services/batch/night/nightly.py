"""The order of the steps of a night, for the command that runs them all in one process; `steps` runs them one by one.

ingest -> embed, factor -> top-n, index -> evaluate -> gate -> lists and user state to Redis -> verify -> report ->
publish. Each step reuses what an earlier run finished for the same data and settings, so that running a night again is
cheap and changes nothing.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import redis

from services.batch.evaluate.nightly_evaluation import NightlyMetrics, read_metrics
from services.batch.ingest.ingest import IngestReport, ingest
from services.batch.ingest.snapshot import current_snapshot
from services.batch.night.artifacts import ArtifactBuilder
from services.batch.pipeline.train_reranker import require_reranker
from services.batch.publish.generation import generation_id, make_manifest, pass_gate, publish_generation
from services.batch.runtime.context import RunContext
from services.batch.runtime.lease import only_run
from services.batch.runtime.progress import Progress
from services.batch.runtime.run_log import run_log
from services.batch.runtime.threads import bound_threads
from services.batch.runtime.translate_errors import translate_errors
from services.batch.sources.source import Source
from services.batch.tune.tuned_settings import with_tuned
from shared.artifacts.generation import GateVerdict, artifact_folder
from shared.errors import ArtifactError
from shared.keys import Keys
from shared.layout import DataFolder
from shared.publication import current_generation
from shared.run_log import Fact
from shared.settings import Settings

MAKE: dict[str, Callable[[ArtifactBuilder], object]] = {
    "embed": ArtifactBuilder.embed,
    "factor": ArtifactBuilder.factors,
    "top-n": ArtifactBuilder.collaborative,
    "index": ArtifactBuilder.index,
    "evaluate": ArtifactBuilder.measured,
}
"""The steps that make artifacts, in their order."""

STEPS = ("ingest", *MAKE, "gate", "lists", "user state", "verify", "report", "publish")


@dataclass(frozen=True, slots=True)
class NightReport:
    """What a night did: for the summary on the screen and for whoever asks later."""

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
    settings: Settings,
    source: Source | None,
    client: redis.Redis,
    progress: Progress,
    on_step: Callable[[str], None] = lambda _step: None,
    *,
    accept: str | None = None,
) -> NightReport:
    """Run a whole night and publish its generation.

    Args:
        settings: everything that can be chosen; what was tuned takes the place of defaults.
        source: where books and ratings come from; `None` for the source ingested last, with new events.
        client: a patient connection to Redis.
        progress: told how far each step is.
        on_step: told the name of each step (one of `STEPS`) as it begins.
        accept: why to publish even what the gate refuses; recorded in the generation.

    Raises:
        RunActiveError: another run has the data folder.
        NightshelfError: what one of the steps raises.
        GateRefusedError: it would be significantly worse than what is served.
        StoreUnavailableError: Redis went away or is full.
        ArtifactError: the disk is full, or something is not fit to be published.
        PublishConflictError: another generation was published meanwhile.
    """
    settings = with_tuned(settings)
    folder, keys = DataFolder(settings.data_dir), Keys(settings.redis_prefix)
    with (
        translate_errors(folder),
        only_run(folder, lease_minutes=settings.batch.lease_minutes),
        bound_threads(settings.batch.threads),
    ):
        shutil.rmtree(folder.staging, ignore_errors=True)
        started = datetime.now(UTC)
        clock = _Clock(folder, f"nightly {started:%Y-%m-%dT%H:%M:%SZ}", on_step)
        with clock.step("ingest") as facts:
            require_reranker(settings)
            ingested = ingest(RunContext(settings, progress, client), source)
            facts.update(ingested.facts)
        snapshot = current_snapshot(folder)
        if snapshot is None:
            raise ArtifactError("Ingest left no snapshot.", where=str(folder.snapshots))
        expected = current_generation(client, keys)
        artifacts = ArtifactBuilder(folder, snapshot, settings, progress)
        for name, make in MAKE.items():
            with clock.step(name) as facts:
                n_built = len(artifacts.built)
                make(artifacts)
                facts["built"] = ", ".join(artifacts.built[n_built:]) or None
                if name == "embed":
                    facts |= {"embedded": artifacts.n_embedded, "reused": artifacts.n_reused_vectors}
        with clock.step("gate") as facts:
            gate = pass_gate(folder, artifacts.evaluation_id, expected, settings.gate, accept=accept)
            facts |= {"verdict": gate.verdict, "reason": gate.reason}
        manifest = make_manifest(
            snapshot,
            settings,
            artifacts.ids(),
            id=generation_id(folder, started, snapshot.id),
            evaluation=artifacts.evaluation_id,
            gate=gate,
        )
        published = publish_generation(
            client,
            keys,
            folder,
            manifest,
            snapshot,
            settings,
            expected=expected,
            progress=progress,
            step=clock.step,
        )
        return NightReport(
            ingested,
            generation_id=published.generation,
            published=published.is_new,
            n_embedded=artifacts.n_embedded,
            n_reused_vectors=artifacts.n_reused_vectors,
            n_users_listed=published.n_users_listed,
            n_events_replayed=published.n_events_replayed,
            reused_artifacts=[kind for kind in manifest.artifacts if kind not in artifacts.built],
            quality=read_metrics(artifact_folder(folder, "evaluation", artifacts.evaluation_id)),
            gate=gate,
            seconds=clock.seconds,
        )


class _Clock:
    """Seconds per step, and the account each gives of itself."""

    def __init__(self, folder: DataFolder, run: str, on_step: Callable[[str], None]) -> None:
        self.seconds: dict[str, float] = {}
        self._folder, self._run, self._on_step = folder, run, on_step

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Fact]]:
        self._on_step(name)
        started = time.perf_counter()
        with run_log(self._folder, self._run, name) as facts:
            yield facts
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
