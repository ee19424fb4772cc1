"""Dependencies of the routes: state, served generation, store, and common parameters.

Dependencies are coroutines although they await nothing: FastAPI runs plain functions in a thread pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, TypedDict, cast

from fastapi import Depends, HTTPException, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from services.api.deprecated import DEPRECATED_PARAMETERS, former_names
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
    generation_manager: GenerationManager
    recommender: Recommender
    assets: Assets
    maps: MapKeeper
    demo_readers: DemoReaders


class LifespanState(TypedDict):
    """The state that the lifespan gives to every request."""

    nightshelf: State


def state_of(request: Request) -> State:
    """The application's state, for the one route without dependencies."""
    return cast("State", request.scope["state"]["nightshelf"])


class RecommendationQuery(BaseModel):
    """Parameters of a request for recommendations."""

    model_config = ConfigDict(frozen=True)

    user_id: Text = Field(description="The user's id in the ratings", examples=["reader-0042"])
    limit: int = Field(10, ge=1, le=100, description="Maximum number of books")
    explain: bool = Field(True, description="Whether to include the lists and the book behind each recommendation")
    content_share: Annotated[float | None, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})] = Field(
        None,
        ge=0,
        le=1,
        validation_alias=AliasChoices("content_share", *former_names("content_share")),
        description="Share of the content and same-series-or-author lists in the blend; by default the generation's",
    )

    @classmethod
    def of(cls, request: Request) -> RecommendationQuery:
        """Read the parameters from path and query.

        Declared parameters would cost a tenth of this request's time in FastAPI.

        Raises:
            RequestValidationError: a parameter is invalid.
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
        """The same parameters for the OpenAPI document, and the deprecated names of some."""
        parameters: dict[str, dict[str, object]] = {
            name: {
                "name": name,
                "in": "path" if name == "user_id" else "query",
                "required": name == "user_id",
                "schema": schema,
                "description": schema.pop("description"),
            }
            for name, schema in cls.model_json_schema()["properties"].items()
        }
        for old, new in DEPRECATED_PARAMETERS.items():
            description = f"Former name of `{new}`"
            parameters[old] = parameters[new] | {"name": old, "deprecated": True, "description": description}
        return list(parameters.values())


async def get_state(request: Request) -> State:
    """The application's state."""
    return state_of(request)


async def get_serving(state: Annotated[State, Depends(get_state)]) -> ServingState:
    """The generation that serves this request."""
    return state.generation_manager.current()


async def json_only(request: Request) -> None:
    """Refuse a body without a JSON content type."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"The body has {f'the type {media_type}' if media_type else 'no type'}; it must be application/json.",
        )


JSON_ONLY = Depends(json_only)
StateDep = Annotated[State, Depends(get_state)]
ServingDep = Annotated[ServingState, Depends(get_serving)]
TitlePath = Annotated[Text, Path(description="A title; typos are fine", examples=["The Hobbit"])]
BookPath = Annotated[Text, Path(description="The book's id in the source")]
Limit = Annotated[int, Query(ge=1, le=100, description="Maximum number of books")]
