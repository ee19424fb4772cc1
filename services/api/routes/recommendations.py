"""Recommendations for a user, and what is popular."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.api.deps import Limit, ServedDep, UserPath, state_of
from services.api.present import rated
from services.api.recommend import write_json
from services.api.schemas import GenresAnswer, PopularAnswer, RecommendationAnswer, Tribe, TribesAnswer
from shared.errors import InvalidRequestError, UnknownBookError

router = APIRouter(tags=["recommendations"])


@router.get("/api/recommendations/user/{user_id}", response_model=RecommendationAnswer)
async def recommendations_for_user(
    request: Request, user_id: UserPath, limit: Limit = 10, *, explain: bool = True
) -> Response:
    """Books for one user, best first. Someone unknown is shown popular books."""
    recommended = await state_of(request).recommender.recommend(user_id, limit, explain=explain)
    request.scope["strategy"] = recommended.strategy
    return Response(write_json(recommended, user_id, explain=explain), media_type="application/json")


@router.get("/api/popular")
async def popular(
    served: ServedDep,
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
            raise UnknownBookError(f"There is no genre {genre!r}.", where="genre", hint="/api/genres lists them.")
        numbers = found
    elif tribe is not None:
        found = popularity.tribes.get(tribe)
        if found is None:
            raise UnknownBookError(f"There is no tribe {tribe}.", where="tribe", hint="/api/tribes lists them.")
        numbers = found
    return PopularAnswer(
        items=[rated(served.generation, number) for number in numbers[:limit].tolist()],
        simulated_readers=served.generation.manifest.simulated_readers,
    )


@router.get("/api/genres")
async def genres(served: ServedDep) -> GenresAnswer:
    """Genres that have a popular list."""
    return GenresAnswer(genres=sorted(served.generation.popularity.genres))


@router.get("/api/tribes")
async def tribes(served: ServedDep) -> TribesAnswer:
    """Tribes: clusters of books by description, with their telling words."""
    return TribesAnswer(tribes=[Tribe.model_validate(tribe) for tribe in served.generation.neighbours.tribes])
