"""The order of the steps of a night. The command and the DAGs both call what is here.

ingest -> catalog, embed, content -> popularity -> factor and top-N -> lists and user state to Redis -> verify -> flip.
Each step reuses what an earlier run finished for the same data and settings, so that running a night again is cheap
and changes nothing.
"""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import redis
from filelock import FileLock, Timeout

from services.batch.catalog import build_catalog
from services.batch.collaborative import build_collaborative
from services.batch.content import build_content
from services.batch.embed import embed_books, open_embedder
from services.batch.ingest import IngestReport, ingest
from services.batch.parts import build_part, part_id
from services.batch.popularity import build_popularity
from services.batch.progress import Progress
from services.batch.publish import (
    current_generation,
    flip,
    verify_generation,
    write_lists,
    write_manifest,
    write_pointer_file,
)
from services.batch.snapshot import Snapshot, current_snapshot
from services.batch.sources.source import Source
from services.batch.threads import bound_threads
from services.batch.user_state import merge_user_state
from shared.errors import ArtifactError, NightshelfError, StoreUnavailableError
from shared.generation import GenerationManifest, PartKind, content_id, part_folder, read_manifest
from shared.keys import Keys
from shared.layout import DataFolder
from shared.settings import Settings

# Raise a part's number when the same inputs should give different files than before.
BUILD_VERSIONS: dict[PartKind, int] = {"catalog": 1, "content": 1, "collaborative": 1, "popularity": 1}

STEPS = ("ingest", "catalog", "content", "popularity", "collaborative", "lists", "user state", "verify", "publish")


@dataclass
class NightReport:
    """What a night did: for the summary on the screen and for whoever asks later."""

    ingest: IngestReport
    generation_id: str
    published: bool
    n_embedded: int = 0
    n_reused_vectors: int = 0
    n_users_listed: int = 0
    n_events_replayed: int = 0
    reused_parts: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


@contextmanager
def only_run(folder: DataFolder) -> Iterator[None]:
    """Hold the lock that keeps two runs apart.

    Raises:
        NightshelfError: another run holds it.
    """
    folder.root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.root / "nightly.lock", timeout=0)
    try:
        with lock:
            yield
    except Timeout as error:
        raise NightshelfError(
            "Another run is active on this data folder.", where=str(folder.root), hint="Wait for it to end."
        ) from error


@contextmanager
def _faults_in_plain_words(folder: DataFolder) -> Iterator[None]:
    """Say what happened when the ground is pulled away under a run: no Redis, no room."""
    try:
        yield
    except redis.RedisError as error:
        raise StoreUnavailableError(
            f"Redis failed during the run: {error}", hint="See to it and run again; what is finished is reused."
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ArtifactError(
            "The disk is full.",
            where=error.filename or str(folder.root),
            hint="What is served is whole. Free some space (`nightshelf generations collect`) and run again.",
        ) from error


def run_night(
    settings: Settings,
    source: Source | None,
    client: redis.Redis,
    progress: Progress,
    on_step: Callable[[str], None] = lambda _step: None,
) -> NightReport:
    """Run a whole night and publish its generation.

    Args:
        settings: everything that can be chosen.
        source: where books and ratings come from; `None` for the source ingested last, with new events.
        client: a patient connection to Redis.
        progress: told how far each step is.
        on_step: told the name of each step (one of `STEPS`) as it begins.

    Raises:
        NightshelfError: another run is active, or what one of the steps raises.
        StoreUnavailableError: Redis went away or is full.
        ArtifactError: the disk is full, or something is not fit to be published.
        PublishConflictError: another generation was published meanwhile.
    """
    folder, keys = DataFolder(settings.data_dir), Keys(settings.redis_prefix)
    with only_run(folder), _faults_in_plain_words(folder), bound_threads(settings.batch.threads):
        shutil.rmtree(folder.staging, ignore_errors=True)
        clock = _Clock(on_step)
        with clock.step("ingest"):
            ingested = ingest(folder, source, settings, redis=client, progress=progress)
        snapshot = current_snapshot(folder)
        if snapshot is None:
            raise ArtifactError("Ingest left no snapshot.", where=str(folder.snapshots))
        report = NightReport(ingested, generation_id="", published=False, seconds=clock.seconds)
        expected = current_generation(client, keys)
        parts = _build_parts(folder, snapshot, settings, progress, clock, report)
        with clock.step("lists"):
            path = part_folder(folder, "collaborative", parts["collaborative"])
            report.n_users_listed = write_lists(client, keys, path, progress)
        manifest = _manifest(snapshot, settings, parts, report)
        with clock.step("user state"):
            report.n_events_replayed = merge_user_state(client, keys, snapshot, settings.user_state, progress)
        if expected is not None and _same_generation(folder, expected, manifest):
            write_pointer_file(folder, expected)  # a run that died right after its flip did not
            report.generation_id = expected
            return report
        with clock.step("verify"):
            write_manifest(folder, manifest)
            verify_generation(client, keys, folder, manifest.id)
        with clock.step("publish"):
            flip(client, keys, folder, expected=expected, to=manifest.id)
        report.generation_id, report.published = manifest.id, True
        return report


class _Clock:
    """Seconds per step."""

    def __init__(self, on_step: Callable[[str], None]) -> None:
        self.seconds: dict[str, float] = {}
        self._on_step = on_step

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._on_step(name)
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def _build_parts(
    folder: DataFolder,
    snapshot: Snapshot,
    settings: Settings,
    progress: Progress,
    clock: _Clock,
    report: NightReport,
) -> dict[PartKind, str]:
    """Build or reuse the four parts; tables are read only if something has to be built."""
    tables = _Tables(snapshot)
    files = snapshot.meta["files"]
    parts: dict[PartKind, str] = {}

    def build(
        kind: PartKind, inputs: dict[str, object], make: Callable[[Path], dict[str, str | int | float | bool | None]]
    ) -> None:
        identity = part_id(kind, version=BUILD_VERSIONS[kind], **inputs)
        with clock.step(kind):
            _, built = build_part(folder, kind, identity, make)
        parts[kind] = identity
        if not built:
            report.reused_parts.append(kind)

    build("catalog", {"books": files["books"]}, lambda path: build_catalog(path, tables.books))

    embedder = open_embedder(settings.embedder, threads=settings.batch.threads)

    def make_content(path: Path) -> dict[str, str | int | float | bool | None]:
        embedded = embed_books(tables.books, folder.embeddings, embedder, progress)
        report.n_embedded, report.n_reused_vectors = embedded.n_embedded, embedded.n_reused
        return build_content(
            path, embedded.vectors, tables.books, settings.content, threads=settings.batch.threads, progress=progress
        )

    content = {"model": embedder.model_key, "settings": settings.content.model_dump(mode="json")}
    build("content", {"books": files["books"], **content}, make_content)
    if "content" in report.reused_parts:
        report.n_reused_vectors = snapshot.meta["counts"]["active_books"]

    kinds = settings.user_state.model_dump(mode="json", include={"seen_kinds", "positive_kinds", "positive_rating"})
    kinds = {name: sorted(value) if isinstance(value, list) else value for name, value in kinds.items()}
    build(
        "popularity",
        {"books": files["books"], "interactions": files["interactions"], "tribes": parts["content"], "kinds": kinds},
        lambda path: build_popularity(
            path,
            tables.books,
            tables.interactions,
            np.load(part_folder(folder, "content", parts["content"]) / "tribe_of.npy"),
            settings.user_state,
        ),
    )
    # New books alone leave the factors as they are; a book withdrawn must leave the lists.
    build(
        "collaborative",
        {
            "interactions": files["interactions"],
            "withdrawn": content_id(np.flatnonzero(~tables.active).tolist()),
            "settings": settings.collaborative.model_dump(mode="json"),
            "kinds": kinds,
        },
        lambda path: build_collaborative(
            path,
            tables.books,
            tables.interactions,
            settings.collaborative,
            settings.user_state,
            threads=settings.batch.threads,
            progress=progress,
        ),
    )
    return parts


class _Tables:
    """A snapshot's tables, read when first needed: an unchanged night needs none of them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._books: pd.DataFrame | None = None
        self._interactions: pd.DataFrame | None = None

    @property
    def books(self) -> pd.DataFrame:
        if self._books is None:
            self._books = self._snapshot.load_books()
        return self._books

    @property
    def active(self) -> np.ndarray:
        active: np.ndarray = self.books["active"].to_numpy(bool)
        return active

    @property
    def interactions(self) -> pd.DataFrame:
        if self._interactions is None:
            self._interactions = self._snapshot.load_interactions()
        return self._interactions


def _manifest(
    snapshot: Snapshot, settings: Settings, parts: dict[PartKind, str], report: NightReport
) -> GenerationManifest:
    now = datetime.now(UTC)
    counts = snapshot.meta["counts"]
    return GenerationManifest(
        id=f"{now:%Y%m%dT%H%M%S%f}Z-{content_id(parts)[:6]}",
        created_at=now,
        parts=parts,
        snapshot=snapshot.path.name,
        source=snapshot.meta["source"]["name"],
        simulated_readers=snapshot.meta["source"]["simulated_readers"],
        rating_scale=snapshot.meta["source"]["rating_scale"],
        counts={
            "books": counts["active_books"],
            "users": counts["users"],
            "interactions": counts["interactions"],
            "users_listed": report.n_users_listed,
        },
        blend=settings.blend,
    )


def _same_generation(folder: DataFolder, served: str, manifest: GenerationManifest) -> bool:
    """Whether the served generation is what this night would publish, its time aside."""
    try:
        current = read_manifest(folder, served)
    except ArtifactError:
        return False
    return current.model_dump(exclude={"id", "created_at"}) == manifest.model_dump(exclude={"id", "created_at"})
