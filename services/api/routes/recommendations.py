"""Recommendations for a user, and what is popular."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.routing import APIRoute

from services.api.deps import Limit, RecommendationQuery, ServingDep, state_of
from services.api.present import rated
from services.api.problems import documented
from services.api.recommend.recommender import write_json
from services.api.schemas.popular import GenresAnswer, PopularAnswer
from services.api.schemas.recommendations import RecommendationAnswer
from services.api.schemas.tribes import Tribe, TribesAnswer
from shared.errors import InvalidRequestError, UnknownListError
from shared.recommend.popularity_backfill import first_of_each_work

router = APIRouter(tags=["recommendations"])


class DirectRoute(APIRoute):
    """A documented route whose endpoint takes the request and returns the response, with nothing resolved for it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself."""
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


direct_router = APIRouter(tags=["recommendations"], route_class=DirectRoute)


@direct_router.get(
    "/api/recommendations/user/{user_id:path}",  # noqa: FAST003  # RecommendationQuery reads it
    response_model=RecommendationAnswer,
    responses=documented(422, 503),
    openapi_extra={"parameters": RecommendationQuery.openapi_parameters()},
)
async def recommendations_for_user(request: Request) -> Response:
    """Books for one user, best first. Someone unknown is shown popular books."""
    query = RecommendationQuery.of(request)
    recommended = await state_of(request).recommender.recommend(
        query.user_id, query.limit, explain=query.explain, content_weight=query.content_weight
    )
    request.scope["strategy"] = recommended.strategy
    answer = write_json(recommended, query.user_id, explain=query.explain)
    return Response(answer, media_type="application/json")


@router.get("/api/popular", responses=documented(404, 422, 503))
async def popular(
    served: ServingDep,
    genre: Annotated[str | None, Query(max_length=200, description="a genre of /api/genres")] = None,
    tribe: Annotated[int | None, Query(description="a tribe of /api/tribes")] = None,
    limit: Limit = 10,
) -> PopularAnswer:
    """What most people liked: overall, in one genre, or in one tribe."""
    popularity = served.generation.popularity
    if genre and tribe is not None:
        raise InvalidRequestError("genre and tribe cannot be combined.", where="genre, tribe", hint="Ask for one.")
    numbers = popularity.overall
    if genre:
        found = popularity.genres.get(genre.strip().lower())
        if found is None:
            raise UnknownListError(f"There is no genre {genre!r}.", where="genre", hint="/api/genres lists them.")
        numbers = found
    elif tribe is not None:
        found = popularity.clusters.get(tribe)
        if found is None:
            raise UnknownListError(f"There is no tribe {tribe}.", where="tribe", hint="/api/tribes lists them.")
        numbers = found
    works = first_of_each_work(numbers, served.generation.catalog.editions)
    return PopularAnswer(
        items=[rated(served.generation, number) for number in works[:limit].tolist()],
        simulated_readers=served.generation.manifest.simulated_readers,
    )


@router.get("/api/genres", responses=documented(503))
async def genres(served: ServingDep) -> GenresAnswer:
    """Genres that have a popular list."""
    return GenresAnswer(genres=sorted(served.generation.popularity.genres))


@router.get("/api/tribes", responses=documented(503))
async def tribes(served: ServingDep) -> TribesAnswer:
    """Tribes: clusters of books by description, with their telling words."""
    return TribesAnswer(
        tribes=[
            Tribe(tribe=tribe["cluster"], name=tribe["name"], words=tribe["words"], n_books=tribe["n_books"])
            for tribe in served.generation.neighbours.clusters
        ]
    )
