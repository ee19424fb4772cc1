"""What routes are given: the live generation, the store, and parameters checked in one way.

Dependencies are coroutines although they await nothing: FastAPI would send plain functions through a thread pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, TypedDict, cast

from fastapi import Depends, HTTPException, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from services.api.page.book_map import MapKeeper
from services.api.page.demo_readers import DemoReaders
from services.api.page.web_assets import Assets
from services.api.recommend.recommender import Recommender
from services.api.schemas.text import Text
from services.api.state.generation_manager import GenerationManager, ServingState
from services.api.state.store import Store
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class State:
    """The typed state of one application."""

    settings: Settings
    store: Store
    live: GenerationManager
    recommender: Recommender
    assets: Assets
    maps: MapKeeper
    demo_readers: DemoReaders


class LifespanState(TypedDict):
    """What the lifespan hands to every request."""

    nightshelf: State


def state_of(request: Request) -> State:
    """The application's state, for the one route that cannot afford a dependency."""
    return cast("State", request.scope["state"]["nightshelf"])


class RecommendationQuery(BaseModel):
    """What may be said in a request for recommendations."""

    model_config = ConfigDict(frozen=True)

    user_id: Text = Field(description="The user's id as it is in the ratings", examples=["reader-0042"])
    limit: int = Field(10, ge=1, le=100, description="How many books at most")
    explain: bool = Field(True, description="Whether to say which list carried each book, and because of which book")
    content_weight: Annotated[float | None, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})] = Field(
        None,
        ge=0,
        le=1,
        description="Share of what books are about, against what readers like; by default as evaluated",
    )

    @classmethod
    def of(cls, request: Request) -> RecommendationQuery:
        """Read it from path and query.

        The work FastAPI does for each declared parameter would be a tenth of this request's time.

        Raises:
            RequestValidationError: a parameter is not allowed.
        """
        given: dict[str, object] = dict(request.query_params) if request.scope["query_string"] else {}
        given["user_id"] = request.path_params["user_id"]
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            problems = error.errors()
            for item in problems:
                item["loc"] = ("path" if item["loc"][0] == "user_id" else "query", *item["loc"])
            raise RequestValidationError(problems) from error

    @classmethod
    def openapi_parameters(cls) -> list[dict[str, object]]:
        """The same parameters for the OpenAPI document."""
        return [
            {
                "name": name,
                "in": "path" if name == "user_id" else "query",
                "required": name == "user_id",
                "schema": schema,
                "description": schema.pop("description"),
            }
            for name, schema in cls.model_json_schema()["properties"].items()
        ]


async def get_state(request: Request) -> State:
    """The application's state."""
    return state_of(request)


async def get_serving(state: Annotated[State, Depends(get_state)]) -> ServingState:
    """The generation pinned for this request."""
    return state.live.pin()


async def json_only(request: Request) -> None:
    """Refuse a body that does not say it is JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"The body is {media_type or 'of no named type'}; it must be application/json.",
        )


JSON_ONLY = Depends(json_only)
StateDep = Annotated[State, Depends(get_state)]
ServingDep = Annotated[ServingState, Depends(get_serving)]
TitlePath = Annotated[Text, Path(description="A title, typos included", examples=["The Hobbit"])]
BookPath = Annotated[Text, Path(description="The book's id as it is in the source")]
Limit = Annotated[int, Query(ge=1, le=100, description="How many books at most")]
