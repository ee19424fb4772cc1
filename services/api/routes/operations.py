"""For those who run it: health, readiness and metrics."""

from __future__ import annotations

import os

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from services.api.deps import ServedDep, StateDep
from services.api.problems import documented
from services.api.schemas import Health, Readiness

router = APIRouter(tags=["operations"])


@router.get("/", include_in_schema=False)
async def start_page() -> RedirectResponse:
    """The documentation, until there is more to see."""
    return RedirectResponse("/docs")


@router.get("/healthz")
async def health() -> Health:
    """The process runs."""
    return Health(status="ok")


@router.get("/readyz", responses=documented(503))
async def readiness(state: StateDep, served: ServedDep) -> Readiness:
    """A generation is loaded and can be served; 503 before that. Redis may be away: answers are then degraded."""
    manifest = served.generation.manifest
    return Readiness(
        status="ready",
        generation=manifest.id,
        created_at=manifest.created_at,
        redis="up" if await state.store.ping() else "away",
        counts=manifest.counts,
        simulated_readers=manifest.simulated_readers,
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics() -> Response:
    """Everything counted and timed, for Prometheus; of all workers when there are several."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
