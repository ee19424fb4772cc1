"""Popular books and the genres that have a list of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.api.deps import ServingDep
from services.api.problems import documented
from services.api.schemas.popular import GenresAnswer, PopularAnswer, PopularQuery
from services.api.search.popular import popular_books

router = APIRouter(tags=["recommendations"])


@router.get("/api/popular", responses=documented(404, 422, 503))
async def popular(served: ServingDep, query: Annotated[PopularQuery, Query()]) -> PopularAnswer:
    """Get popular books: overall, in one genre, or in one tribe."""
    return PopularAnswer(
        items=popular_books(served.generation, genre=query.genre, tribe=query.tribe, limit=query.limit),
        simulated_readers=served.generation.manifest.simulated_readers,
    )


@router.get("/api/genres", responses=documented(503))
async def genres(served: ServingDep) -> GenresAnswer:
    """List the genres that have a list of popular books."""
    return GenresAnswer(genres=sorted(served.generation.popularity.genres))
