"""For operators: health, readiness, metrics, an overview, and rollback."""

from __future__ import annotations

import asyncio
import secrets
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.api.deps import JSON_ONLY, ServingDep, StateDep
from services.api.metrics import CACHE_METRICS
from services.api.operations.latency import registry
from services.api.operations.overview import overview
from services.api.operations.rollback import roll_back
from services.api.problems import documented
from services.api.schemas.operations import Health, OperationsAnswer, Readiness, RollbackAnswer, RollbackRequest

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def health() -> Health:
    """Check that the process runs."""
    return Health(status="ok")


@router.get("/readyz", responses=documented(503))
async def readiness(state: StateDep, served: ServingDep) -> Readiness:
    """Check that a generation is loaded; 503 before that. Also ready without Redis: answers are then degraded."""
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
    """Get the metrics in the Prometheus text format, summed over all workers."""
    CACHE_METRICS.update()
    return Response(generate_latest(registry()), headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.get("/api/operations")
async def operations(state: StateDep) -> OperationsAnswer:
    """Get the served and earlier generations, the last run, and latencies.

    Works without Redis and before the first night.
    """
    return await overview(state.settings, state.generation_manager, state.store)


@router.post("/api/operations/rollback", responses=documented(400, 403, 409, 415, 422, 503), dependencies=[JSON_ONLY])
async def rollback_generation(
    state: StateDep,
    body: RollbackRequest,
    operator_key: Annotated[
        str, Header(alias="X-Operator-Key", max_length=1000, description="The value of NIGHTSHELF_PAGE__OPERATOR_KEY")
    ] = "",
) -> RollbackAnswer:
    """Serve an earlier generation again. Needs the operator key; refused if none is configured."""
    configured = state.settings.page.operator_key
    if configured is None:
        raise HTTPException(HTTPStatus.FORBIDDEN, "No operator key is configured.")
    if not secrets.compare_digest(configured.get_secret_value().encode(), operator_key.encode()):
        raise HTTPException(HTTPStatus.FORBIDDEN, "The operator key is wrong.")
    await asyncio.to_thread(roll_back, state.settings, state.store.url, expected=body.expected, to=body.to)
    await state.generation_manager.refresh()
    return RollbackAnswer(served=state.generation_manager.current().generation.id)
