"""The page at `/`, its files, and what the page needs to know first."""

from __future__ import annotations

from http import HTTPStatus
from importlib.metadata import version

from fastapi import APIRouter, HTTPException, Request, Response

from services.api.deps import StateDep
from services.api.page.web_assets import Asset, accepts_gzip, has_tag
from services.api.schemas.page import PageFacts
from services.api.state.generation_manager import ServingState
from shared.errors import NoGenerationError
from shared.settings import BlendSettings, Settings

router = APIRouter(tags=["page"])
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


def content_policy(settings: Settings) -> str:
    """What the page may load: its own files, and covers from elsewhere only where the settings say so."""
    covers = " https: http:" if settings.page.cover_urls else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        f"img-src 'self' data:{covers}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


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
    """The page. It is one document; its views are named after the `#`."""
    security = {
        "Content-Security-Policy": content_policy(state.settings),
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    return _answer(request, state.assets.index, _ASK_AGAIN, **security)


@router.api_route("/web/{digest}/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
async def page_file(request: Request, state: StateDep, digest: str, path: str) -> Response:
    """A file of the page, to be kept for good if it is of the version asked for."""
    asset = state.assets.find(path)
    if asset is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return _answer(request, asset, _FOR_GOOD if digest == state.assets.digest else _ASK_AGAIN)


@router.get("/favicon.ico", include_in_schema=False)
async def favicon(request: Request, state: StateDep) -> Response:
    """The little shelf, for whoever asks by the old name."""
    asset = state.assets.find("shelf.svg")
    assert asset is not None
    return _answer(request, asset, _ASK_AGAIN)


@router.get("/api/page")
async def page_facts(state: StateDep) -> PageFacts:
    """What the page needs to know first. Always answered, also without Redis and before the first night."""
    served = _served(state)
    manifest = served.generation.manifest if served else None
    blend = manifest.blend if manifest else BlendSettings()
    return PageFacts(
        version=version("nightshelf"),
        generation=manifest.id if manifest else None,
        created_at=manifest.created_at if manifest else None,
        n_books=int(served.generation.catalog.active.sum()) if served else 0,
        simulated_readers=manifest.simulated_readers if manifest else False,
        content_weight=blend.content_share,
        redis="up" if await state.store.ping() else "away",
        cover_urls=state.settings.page.cover_urls,
        rollback=state.settings.page.operator_key is not None,
    )


def _served(state: StateDep) -> ServingState | None:
    try:
        return state.live.pin()
    except NoGenerationError:
        return None
