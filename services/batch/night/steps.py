"""The steps of a night as separate processes, for `nightshelf step NAME` and schedulers.

A step gets ids as arguments, writes its results to disk or Redis, and can be repeated with the same ids. Each returns a
small summary that can be written as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from services.batch.ingest.ingest import ingest
from services.batch.ingest.snapshot import open_snapshot
from services.batch.night.artifacts import ArtifactBuilder
from services.batch.night.step_table import Step
from services.batch.pipeline.train_reranker import require_reranker
from services.batch.publish.collect import collect
from services.batch.publish.manifest import generation_id, make_manifest
from services.batch.publish.pass_gate import pass_gate, pass_gate_by_counts
from services.batch.publish.publish import publish_generation
from services.batch.runtime.artifact_builder import start_cache_salt
from services.batch.runtime.context import RunContext
from services.batch.runtime.lease import exclusive_step, step_of
from services.batch.runtime.run_log import run_log
from services.batch.runtime.threads import bound_threads
from services.batch.runtime.translate_errors import translate_errors
from services.batch.tune.tuned_settings import with_tuned
from shared.artifacts.generation import GenerationManifest, read_manifest
from shared.errors import ArtifactError
from shared.publication import current_generation
from shared.run_log import Fact

if TYPE_CHECKING:
    from services.batch.runtime.context import RunContext
    from services.batch.sources.source import Source

_NOT_TOLD = ("snapshot_id", "findings")  # the first has a shorter name, the second is in the snapshot
Account = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PublishOrder:
    """The arguments of `publish`, as `ingest` returned them.

    Attributes:
        snapshot: id of the snapshot.
        generation: id of the new generation.
        served: the generation served when the run started.
        night: the date of the night; recorded.
        accept: the reason to publish a generation that the gate refuses; recorded.
        keep_collaborative: keep the lists and the evaluation of the served generation and only add new books.
    """

    snapshot: str
    generation: str
    served: str | None = None
    night: str | None = None
    accept: str | None = None
    keep_collaborative: bool = False


class StepsOfRun:
    """The steps of one run.

    Args:
        run: the name of the run, the same for all its steps.
        context: of the run; tuned settings replace defaults.
    """

    def __init__(self, run: str, context: RunContext) -> None:
        self._run, self._context = run, replace(context, settings=with_tuned(context.settings))
        self._facts: dict[str, Fact] = {}

    def ingest(self, open_source: Callable[[], Source | None], *, night: str | None, fresh: bool) -> Account:
        """Ingest the source and the events; returns the id of the generation to publish.

        `fresh` starts a new cache salt: the run builds every artifact and vector again.
        """
        context = self._context
        with self._working("ingest"):
            require_reranker(context.settings)
            started = datetime.now(UTC)
            source = open_source()
            served = current_generation(context.redis, context.keys)
            report = ingest(context, source, fresh=fresh)
            self._facts |= report.facts
            if fresh:
                start_cache_salt(context.folder, self._run, started)
        return {
            "run": self._run,
            "night": night,
            "generation": generation_id(context.folder, started, self._run),
            "served": served,
            "snapshot": report.snapshot_id,
            **{name: value for name, value in asdict(report).items() if name not in _NOT_TOLD},
        }

    def make(self, step: Step, snapshot: str) -> Account:
        """Run a building step; returns the ids of its artifacts, and which were built and not reused."""
        with self._building(step.name, snapshot) as artifacts:
            made = artifacts.make(step)
            facts = artifacts.facts(step)
            self._facts |= facts
            counts = {f"n_{name}": n for name, n in facts.items()}
            account: Account = dict(made) | counts | {"built": artifacts.built}
            if made.get("evaluation"):
                metrics = artifacts.folder_of("evaluation") / "metrics.json"
                account["metrics"] = orjson.loads(metrics.read_bytes())
            return account

    def gate(self, snapshot: str, served: str | None, accept: str | None) -> Account:
        """Run the quality gate.

        Raises:
            GateRefusedError: data was lost, the night cannot be compared, or it is significantly worse than the served
                generation, and no reason is given.
        """
        with self._building("gate", snapshot) as artifacts:
            artifacts.folder_of("evaluation")
            evaluation = artifacts.id_of("evaluation")
            verdict = pass_gate(self._context, artifacts.inputs.snapshot, evaluation, served, accept=accept)
            self._facts |= {"verdict": verdict.verdict, "reason": verdict.reason}
            return verdict.model_dump()

    def publish(self, order: PublishOrder) -> Account:
        """Run the gate again and publish the generation."""
        with self._building("publish", order.snapshot) as artifacts:
            manifest = self._with_served_lists(artifacts, order) if order.keep_collaborative else None
            published = publish_generation(
                self._context,
                manifest or self._whole(artifacts, order),
                artifacts.inputs.snapshot,
                expected=order.served,
                step=lambda _name: nullcontext(),
            )
        return {
            "generation": published.generation,
            "published": published.is_new,
            "users_listed": published.n_users_listed,
        }

    def collect(self) -> Account:
        """Delete unneeded generations."""
        with self._working("collect"):
            return dict(collect(self._context, timedelta(hours=self._context.settings.batch.collect_grace_hours)))

    def _whole(self, artifacts: ArtifactBuilder, order: PublishOrder) -> GenerationManifest:
        """The manifest of a generation made entirely by this run."""
        artifacts.folder_of("evaluation")
        evaluation = artifacts.id_of("evaluation")
        gate = pass_gate(self._context, artifacts.inputs.snapshot, evaluation, order.served, accept=order.accept)
        return make_manifest(
            artifacts.inputs.snapshot,
            self._context.settings,
            artifacts.ids(),
            id=order.generation,
            night=order.night,
            evaluation=evaluation,
            gate=gate,
        )

    def _with_served_lists(self, artifacts: ArtifactBuilder, order: PublishOrder) -> GenerationManifest:
        """The manifest of a generation with the served lists, and with their settings and figures."""
        if order.served is None:
            raise ArtifactError("There is no served generation with lists to keep.", hint="Run a whole night first.")
        context, snapshot = self._context, artifacts.inputs.snapshot
        kept = read_manifest(context.folder, order.served)
        gate = pass_gate_by_counts(snapshot, kept, context.settings, accept=order.accept)
        made = artifacts.ids() | {"collaborative": artifacts.without_withdrawn(kept.artifacts["collaborative"])}
        made.pop("reranker", None)
        if "reranker" in kept.artifacts:
            made["reranker"] = kept.artifacts["reranker"]
        manifest = make_manifest(
            snapshot,
            context.settings,
            made,
            id=order.generation,
            night=order.night,
            evaluation=kept.evaluation,
            gate=gate,
        )
        as_measured = ("blend", "collaborative", "item_transitions", "tuned")
        return manifest.model_copy(update={name: getattr(kept, name) for name in as_measured})

    @contextmanager
    def _working(self, step: str) -> Iterator[None]:
        context = self._context
        with (
            translate_errors(context.folder),
            step_of(context.folder, self._run, lease_minutes=context.settings.batch.lease_minutes),
            exclusive_step(context.folder, step),
            bound_threads(context.threads),
            run_log(context.folder, self._run, step) as self._facts,
        ):
            yield

    @contextmanager
    def _building(self, step: str, snapshot: str) -> Iterator[ArtifactBuilder]:
        with self._working(step):
            artifacts = ArtifactBuilder(self._context, open_snapshot(self._context.folder, snapshot))
            yield artifacts
            self._facts["built"] = ", ".join(artifacts.built) or None
