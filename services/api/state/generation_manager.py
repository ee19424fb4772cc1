"""The generation being served, and its replacement while requests run.

The manager polls the published pointer. It opens and verifies a new generation in a thread, then swaps one
reference; running requests keep the generation they started with. A generation that fails to load is logged and
counted, and the old one stays. The manager tries it again when the pointer moves, and from time to time in case its
files were repaired or arrived late.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.api.metrics import (
    CACHE_METRICS,
    GENERATION,
    GENERATION_AGE,
    GENERATION_CREATED,
    GENERATION_FAILURES,
    REDIS_UP,
)
from services.api.search.titles import TitleIndex
from services.api.state.store import Store
from shared.artifacts.generation import Generation, open_generation, read_pointer_file
from shared.errors import NoGenerationError, StoreUnavailableError
from shared.layout import DataFolder
from shared.log import get_logger
from shared.recommend.popularity_backfill import popular_spread

_RETRY_REFUSED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ServingState:
    """A generation with data for serving only.

    Attributes:
        generation: the opened generation.
        titles: resolves and searches titles.
        spread: int32, one edition of every work, the popular ones first and spread over tribes.
    """

    generation: Generation
    titles: TitleIndex
    spread: NDArray[np.int32]


def open_serving_state(folder: DataFolder, generation_id: str, replaced: ServingState | None = None) -> ServingState:
    """Open, verify and warm a generation. Reuses what the replaced one shares with it.

    Slow; call it off the event loop.

    Raises:
        ArtifactError: it cannot be served.
    """
    generation = open_generation(folder, generation_id, previous=replaced.generation if replaced else None)
    catalog, popularity = generation.catalog, generation.popularity
    return ServingState(
        generation=generation,
        titles=TitleIndex(
            catalog.titles,
            catalog.authors,
            popularity.n_ratings,
            catalog.active,
            catalog.work_id,
            [_series_of(catalog.record(number)) for number in range(catalog.n_books)],
        ),
        spread=popular_spread(popularity.ranked, catalog.work_id, generation.content.cluster_of),
    )


def _no_longer_served(generation_id: str) -> None:
    GENERATION.labels(generation_id).set(0)
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:  # metrics of several processes cannot be removed
        GENERATION.remove(generation_id)


def _series_of(record: dict[str, Any]) -> str:
    """A book's series and its place in it, as people type them: `"Discworld 4"`; empty for none."""
    series, position = record["series"], record["series_position"]
    return f"{series} {position:g}" if series and position is not None else series or ""


class GenerationManager:
    """Holds the served generation and follows the published pointer."""

    def __init__(self, folder: DataFolder, store: Store, poll_seconds: float) -> None:
        self._folder = folder
        self._store = store
        self._poll_seconds = poll_seconds
        self._served: ServingState | None = None
        self._refused: str | None = None
        self._retry_refused_at = 0.0
        self._follower: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def ready(self) -> bool:
        """Whether a generation is being served."""
        return self._served is not None

    def current(self) -> ServingState:
        """The generation for one request; call it once per request.

        Raises:
            NoGenerationError: there is none yet, or none that could be loaded.
        """
        if self._served is None and self._refused is not None:
            raise NoGenerationError(
                f"The published generation {self._refused} cannot be loaded.",
                hint="`nightshelf doctor` says why; `nightshelf generations rollback` serves the previous one.",
            )
        if self._served is None:
            raise NoGenerationError(
                "Nothing has been published yet.", hint="Run `nightshelf nightly --source FOLDER` or `nightshelf demo`."
            )
        return self._served

    async def start(self) -> None:
        """Load the published generation, if any, and follow the pointer."""
        await self.refresh()
        self._tell()
        self._follower = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        """Stop following the pointer."""
        self._stopping = True
        if self._follower is not None:
            self._follower.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._follower

    async def refresh(self) -> None:
        """Load the published generation if it differs from the one served."""
        try:
            published = await self._store.current_generation()
        except StoreUnavailableError:
            published = None
        if published is None and self._served is None:
            published = read_pointer_file(self._folder)
        serving = self._served.generation.id if self._served else None
        if published is None or published == serving:
            return
        if published == self._refused and time.monotonic() < self._retry_refused_at:
            return
        started = time.perf_counter()
        try:
            served = await asyncio.to_thread(open_serving_state, self._folder, published, self._served)
        except Exception as error:  # noqa: BLE001  # on any error, the old one stays
            self._refused, self._retry_refused_at = published, time.monotonic() + _RETRY_REFUSED_SECONDS
            GENERATION_FAILURES.inc()
            get_logger().error("generation.refused", generation=published, still_serving=serving, error=str(error))
            return
        self._served, self._refused = served, None
        gc.freeze()  # catalogues are large and not garbage: exclude them from garbage collection
        if serving is not None:
            _no_longer_served(serving)
        GENERATION.labels(published).set(1)
        get_logger().info(
            "generation.loaded", generation=published, replaced=serving, seconds=round(time.perf_counter() - started, 2)
        )

    def _tell(self) -> None:
        """Update this process's gauges: a scrape may reach any one of several workers."""
        REDIS_UP.set(self._store.reachable)
        CACHE_METRICS.update()
        if self._served is not None:
            created = self._served.generation.manifest.created_at.timestamp()
            GENERATION_CREATED.set(created)
            GENERATION_AGE.set(time.time() - created)

    async def _follow(self) -> None:
        while not self._stopping:  # the client may lose a cancellation: `asyncio.wait_for` does before Python 3.12
            await asyncio.sleep(self._poll_seconds)
            try:
                await self.refresh()
                self._tell()
            except Exception as error:  # noqa: BLE001  # the follower must survive any error
                get_logger().error("generation.follow_failed", error=repr(error))
