"""The steps of a night as processes of their own: what `nightshelf step NAME` runs, and so what a scheduler runs.

A step finds everything by the ids it is given, leaves everything on disk or in Redis, and may be run again at any time
with the same ids. Each returns a small, JSON-able account of what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from services.batch.ingest.ingest import ingest
from services.batch.ingest.snapshot import open_snapshot
from services.batch.night.artifacts import ArtifactBuilder
from services.batch.pipeline.train_reranker import require_reranker
from services.batch.publish.generation import (
    generation_id,
    make_manifest,
    pass_gate,
    pass_gate_by_books,
    publish_generation,
)
from services.batch.publish.publish import collect
from services.batch.runtime.artifact_builder import start_cache_salt
from services.batch.runtime.context import RunContext
from services.batch.runtime.lease import exclusive_step, step_of
from services.batch.runtime.run_log import run_log
from services.batch.runtime.threads import bound_threads
from services.batch.runtime.translate_errors import translate_errors
from services.batch.tune.tuned_settings import with_tuned
from shared.artifacts.generation import artifact_folder, read_manifest
from shared.errors import ArtifactError
from shared.keys import Keys
from shared.layout import DataFolder
from shared.publication import current_generation
from shared.run_log import Fact

if TYPE_CHECKING:
    import redis

    from services.batch.runtime.progress import Progress
    from services.batch.sources.source import Source
    from shared.settings import Settings

Account = dict[str, Any]


class StepsOfRun:
    """The steps of one run.

    Args:
        run: its name; whoever shares it is the same run.
        settings: everything that can be chosen; what was tuned takes the place of defaults.
        progress: told how far each step is.
    """

    def __init__(self, run: str, settings: Settings, progress: Progress) -> None:
        self._run, self._settings, self._progress = run, with_tuned(settings), progress
        self._folder, self._keys = DataFolder(settings.data_dir), Keys(settings.redis_prefix)
        self._facts: dict[str, Fact] = {}

    def ingest(
        self, client: redis.Redis, open_source: Callable[[], Source | None], *, night: str | None, fresh: bool
    ) -> Account:
        """Take in the source and the events; names the generation that the run is going to publish.

        `fresh` starts a new epoch: every artifact and vector of this run is made anew.
        """
        with self._working("ingest"):
            require_reranker(self._settings)
            started = datetime.now(UTC)
            source = open_source()
            served = current_generation(client, self._keys)
            report = ingest(RunContext(self._settings, self._progress, client), source, fresh=fresh)
            self._facts |= report.facts
            if fresh:
                start_cache_salt(self._folder, self._run, started)
        return {
            "run": self._run,
            "night": night,
            "generation": generation_id(self._folder, started, self._run),
            "served": served,
            "snapshot": report.snapshot_id,
            **{name: value for name, value in asdict(report).items() if name != "snapshot_id"},
        }

    def embed(self, snapshot: str) -> Account:
        """Embed what is new or changed."""
        with self._making("embed", snapshot) as artifacts:
            artifacts.embed()
            self._facts |= {"embedded": artifacts.n_embedded, "reused": artifacts.n_reused_vectors}
        return {"n_embedded": artifacts.n_embedded, "n_reused": artifacts.n_reused_vectors}

    def factor(self, snapshot: str) -> Account:
        """Factor the interactions."""
        with self._making("factor", snapshot) as artifacts:
            return {"factors": artifacts.factors(), "built": artifacts.built}

    def top_n(self, snapshot: str) -> Account:
        """List the best books of every user."""
        with self._making("top-n", snapshot) as artifacts:
            return {"collaborative": artifacts.collaborative(), "built": artifacts.built}

    def index(self, snapshot: str) -> Account:
        """Make catalogue, index, clusters, map and popular lists."""
        with self._making("index", snapshot) as artifacts:
            artifacts.index()
            return {
                "catalog": artifacts.catalog_id,
                "content": artifacts.content_id,
                "popularity": artifacts.popularity_id,
                "built": artifacts.built,
            }

    def evaluate(self, snapshot: str) -> Account:
        """Learn to rank where that is on; measure how good the same settings are on interactions they do not know."""
        with self._making("evaluate", snapshot) as artifacts:
            evaluation = artifacts.measured()
            metrics = orjson.loads(
                (artifact_folder(self._folder, "evaluation", evaluation) / "metrics.json").read_bytes()
            )
            return {"evaluation": evaluation, "metrics": metrics, "built": artifacts.built}

    def gate(self, snapshot: str, served: str | None, accept: str | None) -> Account:
        """Refuse what is significantly worse than what is served.

        Raises:
            GateRefusedError: it is, and no reason to accept it was given.
        """
        with self._making("gate", snapshot) as artifacts:
            verdict = pass_gate(self._folder, artifacts.evaluation(), served, self._settings.gate, accept=accept)
            self._facts |= {"verdict": verdict.verdict, "reason": verdict.reason}
            return verdict.model_dump()

    def publish(
        self,
        client: redis.Redis,
        snapshot: str,
        generation: str,
        *,
        served: str | None,
        night: str | None,
        accept: str | None,
        keep_collaborative: bool,
    ) -> Account:
        """Publish the generation, past the gate once more.

        With `keep_collaborative` the lists and the evaluation of the served generation stay: new books alone.
        """
        with self._making("publish", snapshot) as artifacts:
            made = artifacts.ids()
            if keep_collaborative:
                if served is None:
                    raise ArtifactError(
                        "There is no served generation whose lists could be kept.", hint="Run a whole night first."
                    )
                kept = read_manifest(self._folder, served)
                evaluation = kept.evaluation
                gate = pass_gate_by_books(artifacts.snapshot, kept, self._settings.gate, accept=accept)
                made["collaborative"] = artifacts.kept_collaborative(kept.artifacts["collaborative"])
                made.pop("reranker", None)
                if "reranker" in kept.artifacts:
                    made["reranker"] = kept.artifacts["reranker"]
            else:
                evaluation = artifacts.evaluation()
                gate = pass_gate(self._folder, evaluation, served, self._settings.gate, accept=accept)
            manifest = make_manifest(
                artifacts.snapshot,
                self._settings,
                made,
                id=generation,
                night=night,
                evaluation=evaluation,
                gate=gate,
            )
            if keep_collaborative and served is not None:
                as_measured = {
                    name: getattr(kept, name) for name in ("blend", "collaborative", "item_transitions", "tuned")
                }
                manifest = manifest.model_copy(update=as_measured)
            published = publish_generation(
                client,
                self._keys,
                self._folder,
                manifest,
                artifacts.snapshot,
                self._settings,
                expected=served,
                progress=self._progress,
                step=lambda _name: nullcontext(),
            )
        return {
            "generation": published.generation,
            "published": published.is_new,
            "users_listed": published.n_users_listed,
        }

    def collect(self, client: redis.Redis) -> Account:
        """Delete what nothing needs any more."""
        with self._working("collect"):
            grace = timedelta(hours=self._settings.batch.collect_grace_hours)
            return dict(collect(client, self._keys, self._folder, grace))

    @contextmanager
    def _working(self, step: str) -> Iterator[None]:
        batch = self._settings.batch
        with (
            translate_errors(self._folder),
            step_of(self._folder, self._run, lease_minutes=batch.lease_minutes),
            exclusive_step(self._folder, step),
            bound_threads(batch.threads),
            run_log(self._folder, self._run, step) as self._facts,
        ):
            yield

    @contextmanager
    def _making(self, step: str, snapshot: str) -> Iterator[ArtifactBuilder]:
        with self._working(step):
            artifacts = ArtifactBuilder(
                self._folder, open_snapshot(self._folder, snapshot), self._settings, self._progress
            )
            yield artifacts
            self._facts["built"] = ", ".join(artifacts.built) or None
