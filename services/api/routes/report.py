"""The report on the served generation, as a page and as JSON."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from services.api.deps import ServingDep, StateDep
from services.api.operations.report import content_policy, read_report
from services.api.problems import documented
from shared.layout import DataFolder

router = APIRouter(tags=["operations"])
_FRESH = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


@router.get(
    "/report",
    response_class=Response,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}, **documented(404, 503)},
)
async def report(state: StateDep, served: ServingDep) -> Response:
    """Get the report on the served generation: the one of `evaluate`, else the one of its night."""
    folder = DataFolder(state.settings.data_dir)
    content = await asyncio.to_thread(read_report, folder, served.generation.id, ".html")
    headers = _FRESH | {"Content-Security-Policy": content_policy(content), "Referrer-Policy": "no-referrer"}
    return Response(content, headers=headers, media_type="text/html")


@router.get(
    "/report.json",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}, **documented(404, 503)},
)
async def report_document(state: StateDep, served: ServingDep) -> Response:
    """Get everything in the report as JSON."""
    folder = DataFolder(state.settings.data_dir)
    content = await asyncio.to_thread(read_report, folder, served.generation.id, ".json")
    return Response(content, headers=_FRESH, media_type="application/json")
