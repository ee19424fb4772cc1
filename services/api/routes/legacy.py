"""The one route of the original project."""

from __future__ import annotations

from fastapi import APIRouter

from services.api.deps import JSON_ONLY, ServingDep
from services.api.problems import documented
from services.api.schemas.legacy import LegacyRecommendations, LegacyRequest, LegacySuggestions
from services.api.search import legacy

router = APIRouter(tags=["books"])


@router.post("/recommend", responses=documented(400, 415, 422, 503), dependencies=[JSON_ONLY])
async def recommend_like_the_original(
    served: ServingDep, body: LegacyRequest
) -> LegacyRecommendations | LegacySuggestions:
    """Get books like a title, or suggestions, in the shape of the original project."""
    return legacy.recommend_like_the_original(served.generation, served.titles, body.book_name)
