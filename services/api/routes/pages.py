"""The page at `/`, its files, and the facts it asks for first."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, HTTPException, Request, Response

from services.api.deps import StateDep
from services.api.page import page_facts as facts
from services.api.page.web_assets import Asset, accepts_gzip, has_tag
from services.api.schemas.page import PageFacts

router = APIRouter(tags=["page"])
_FOREVER = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"


def _answer(request: Request, asset: Asset, cache: str, **headers: str) -> Response:
    headers = {
        "ETag": f'"{asset.tag}"', "Cache-Control": cache, "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff", **headers,
    }  # fmt: skip
    if has_tag(request, asset.tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if asset.compressed is not None and accepts_gzip(request):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.compressed, headers=headers, media_type=asset.media_type)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


@router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def page(request: Request, state: StateDep) -> Response:
    """The page: one document; the part of the address after `#` names the view."""
    security = {
        "Content-Security-Policy": facts.content_policy(state.settings),
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    return _answer(request, state.assets.index, _REVALIDATE, **security)


@router.api_route("/web/{digest}/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
async def page_file(request: Request, state: StateDep, digest: str, path: str) -> Response:
    """A file of the page; browsers keep it forever if the digest is the current one."""
    asset = state.assets.find(path)
    if asset is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return _answer(request, asset, _FOREVER if digest == state.assets.digest else _REVALIDATE)


@router.get("/favicon.ico", include_in_schema=False)
async def favicon(request: Request, state: StateDep) -> Response:
    """The icon under its traditional name."""
    asset = state.assets.find("shelf.svg")
    assert asset is not None
    return _answer(request, asset, _REVALIDATE)


@router.get("/api/page")
async def page_facts(state: StateDep) -> PageFacts:
    """Get what the page needs first. Works without Redis and before the first night."""
    return await facts.page_facts(state.settings, state.generation_manager, state.store)
