"""The map of all books, and the book behind one of its points."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from services.api.deps import ServingDep, StateDep
from services.api.page.web_assets import accepts_gzip, has_tag
from services.api.present import rated
from services.api.problems import documented
from services.api.schemas.books import MappedBook
from shared.errors import UnknownBookError

router = APIRouter(tags=["tribes"])
_LARGEST_NUMBER = 2**31 - 1
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "services/api/page/book_map.py has the layout"}
}


@router.get("/api/map", response_class=Response, responses={**documented(503), **_BYTES})
async def book_map(request: Request, state: StateDep, served: ServingDep) -> Response:
    """Every book's place, tribe and number of ratings, packed for drawing."""
    found = await state.maps.of(served.generation)
    headers = {"ETag": f'"{found.tag}"', "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if has_tag(request, found.tag):
        return Response(status_code=304, headers=headers)
    if not accepts_gzip(request):
        return Response(found.content, headers=headers, media_type="application/octet-stream")
    headers["Content-Encoding"] = "gzip"
    return Response(found.compressed, headers=headers, media_type="application/octet-stream")


@router.get("/api/map/{number}", responses=documented(404, 422, 503))
async def mapped_book(
    served: ServingDep, number: Annotated[int, Path(ge=0, le=_LARGEST_NUMBER, description="a book number of the map")]
) -> MappedBook:
    """The book behind a point of the map."""
    generation = served.generation
    if number >= generation.catalog.n_books or not generation.catalog.active[number]:
        raise UnknownBookError(
            f"There is no book number {number}.", where="number", hint="/api/map has the numbers being served."
        )
    return MappedBook(
        **rated(generation, number).model_dump(), number=number, tribe=int(generation.neighbours.cluster_of[number])
    )
