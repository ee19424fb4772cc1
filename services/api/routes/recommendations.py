"""Recommendations for a user."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from services.api.deprecated import deprecation_headers
from services.api.deps import RecommendationQuery, state_of
from services.api.problems import documented
from services.api.recommend.answer_json import write_json
from services.api.schemas.recommendations import RecommendationAnswer


class DirectRoute(APIRoute):
    """A documented route whose endpoint takes the request and returns the response, without FastAPI's dependencies."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself."""
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


router = APIRouter(tags=["recommendations"], route_class=DirectRoute)


@router.get(
    "/api/recommendations/user/{user_id:path}",  # noqa: FAST003  # RecommendationQuery reads it
    response_model=RecommendationAnswer,
    responses=documented(422, 503),
    openapi_extra={"parameters": RecommendationQuery.openapi_parameters()},
)
async def recommendations_for_user(request: Request) -> Response:
    """Recommend books to one user, best first. Unknown users get popular books."""
    query = RecommendationQuery.of(request)
    recommended = await state_of(request).recommender.recommend(
        query.user_id, query.limit, explain=query.explain, content_share=query.content_share
    )
    request.scope["strategy"] = recommended.strategy
    answer = write_json(recommended, query.user_id, explain=query.explain)
    return Response(answer, headers=deprecation_headers(request), media_type="application/json")
