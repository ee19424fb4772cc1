"""How good what is served is: the report of the generation being served, a page and the same as JSON."""

from __future__ import annotations

import asyncio
import base64
import hashlib

from fastapi import APIRouter, Response

from services.api.deps import ServingDep, StateDep
from services.api.problems import documented
from shared.errors import NoReportError
from shared.layout import DataFolder
from shared.settings import Settings

router = APIRouter(tags=["operations"])
_FRESH = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


@router.get(
    "/report",
    response_class=Response,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}, **documented(404, 503)},
)
async def report(state: StateDep, served: ServingDep) -> Response:
    """The report on the generation being served: against every baseline if `evaluate` was run, else its night's own."""
    content = await asyncio.to_thread(_read, state.settings, served.generation.id, ".html")
    headers = _FRESH | {"Content-Security-Policy": _policy(content), "Referrer-Policy": "no-referrer"}
    return Response(content, headers=headers, media_type="text/html")


@router.get(
    "/report.json",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}, **documented(404, 503)},
)
async def report_document(state: StateDep, served: ServingDep) -> Response:
    """Everything that the report shows, as JSON."""
    content = await asyncio.to_thread(_read, state.settings, served.generation.id, ".json")
    return Response(content, headers=_FRESH, media_type="application/json")


def _read(settings: Settings, generation_id: str, ending: str) -> bytes:
    page = DataFolder(settings.data_dir).best_report(generation_id)
    if page is None:
        raise NoReportError(
            f"There is no report on the generation {generation_id}.",
            hint=f"Run `nightshelf evaluate --generation {generation_id}`, or `nightshelf nightly` once more.",
        )
    return page.with_suffix(ending).read_bytes()


def _policy(page: bytes) -> str:
    """Nothing may be loaded or run; of styles, the page's own alone."""
    style = page.partition(b"<style>")[2].partition(b"</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
