"""Tribes, the map of all books, and the book at one of its points."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from services.api.deps import ServingDep, StateDep
from services.api.page.web_assets import accepts_gzip, has_tag
from services.api.problems import documented
from services.api.schemas.books import MappedBook
from services.api.schemas.tribes import Tribe, TribesAnswer
from services.api.search import by_id

router = APIRouter(tags=["tribes"])
_MAX_NUMBER = 2**31 - 1
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/octet-stream": {}},
        "description": "Little-endian bytes; services/api/page/book_map.py describes the layout",
    }
}


@router.get("/api/tribes", responses=documented(503))
async def tribes(served: ServingDep) -> TribesAnswer:
    """List the tribes: clusters of books with similar descriptions, with their characteristic words."""
    return TribesAnswer(
        tribes=[
            Tribe(tribe=cluster["cluster"], name=cluster["name"], words=cluster["words"], n_books=cluster["n_books"])
            for cluster in served.generation.content.clusters
        ]
    )


@router.get("/api/map", response_class=Response, responses={**documented(503), **_BYTES})
async def book_map(request: Request, state: StateDep, served: ServingDep) -> Response:
    """Get the position, tribe and number of ratings of every book, packed for drawing."""
    found = await state.maps.of(served.generation)
    headers = {"ETag": f'"{found.tag}"', "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if has_tag(request, found.tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if not accepts_gzip(request):
        return Response(found.content, headers=headers, media_type="application/octet-stream")
    headers["Content-Encoding"] = "gzip"
    return Response(found.compressed, headers=headers, media_type="application/octet-stream")


@router.get("/api/map/{number}", responses=documented(404, 422, 503))
async def mapped_book(
    served: ServingDep, number: Annotated[int, Path(ge=0, le=_MAX_NUMBER, description="An item index from the map")]
) -> MappedBook:
    """Get the book at a point of the map."""
    return by_id.mapped_book(served.generation, number)
