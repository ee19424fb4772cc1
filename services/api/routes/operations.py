"""For those who run it: health, readiness, metrics, what the engine is doing, and rolling back."""

from __future__ import annotations

import asyncio
import secrets
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.api.deps import JSON_ONLY, ServingDep, StateDep
from services.api.operations import history
from services.api.operations.latency import latencies, registry
from services.api.operations.rollback import roll_back
from services.api.problems import documented
from services.api.schemas.operations import Health, OperationsAnswer, Readiness, RollbackAnswer, RollbackRequest
from shared.errors import StoreUnavailableError
from shared.layout import DataFolder
from shared.run_log import read_last_run

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def health() -> Health:
    """The process runs."""
    return Health(status="ok")


@router.get("/readyz", responses=documented(503))
async def readiness(state: StateDep, served: ServingDep) -> Readiness:
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
    return Response(generate_latest(registry()), headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.get("/api/operations")
async def operations(state: StateDep) -> OperationsAnswer:
    """What is served and was, what the last run did, how fast answers are. Also without Redis and before any night."""
    folder = DataFolder(state.settings.data_dir)
    served = state.live.pin().generation.manifest if state.live.ready else None
    served_id = served.id if served else None
    try:
        ids = await state.store.history()
    except StoreUnavailableError:
        ids = await asyncio.to_thread(history.on_disk, folder)
    return OperationsAnswer(
        served=await asyncio.to_thread(history.facts_of, folder, served, served=True) if served else None,
        history=await asyncio.to_thread(history.published, folder, ids, served_id),
        last_run=await asyncio.to_thread(read_last_run, folder),
        latency=await asyncio.to_thread(latencies),
        redis=await state.store.facts(),
        rollback=state.settings.page.operator_key is not None,
        report=served is not None and folder.best_report(served.id) is not None,
    )


@router.post("/api/operations/rollback", responses=documented(400, 403, 409, 415, 422, 503), dependencies=[JSON_ONLY])
async def rollback_generation(
    state: StateDep,
    body: RollbackRequest,
    operator_key: Annotated[
        str, Header(alias="X-Operator-Key", max_length=1000, description="NIGHTSHELF_PAGE__OPERATOR_KEY")
    ] = "",
) -> RollbackAnswer:
    """Serve an earlier generation again, with the operator key. Without one in the settings, nobody may."""
    configured = state.settings.page.operator_key
    if configured is None:
        raise HTTPException(HTTPStatus.FORBIDDEN, "No operator key is configured.")
    if not secrets.compare_digest(configured.get_secret_value().encode(), operator_key.encode()):
        raise HTTPException(HTTPStatus.FORBIDDEN, "The operator key is not the right one.")
    await asyncio.to_thread(roll_back, state.settings, state.store.url, expected=body.expected, to=body.to)
    await state.live.refresh()
    return RollbackAnswer(served=state.live.pin().generation.id)
