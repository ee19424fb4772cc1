"""What routes are given: the live generation, the store, and parameters checked in one way.

Dependencies are coroutines although they await nothing: FastAPI would send plain functions through a thread pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Path, Query, Request

from services.api.live import Live, Served
from services.api.recommend import Recommender
from services.api.schemas import Text
from services.api.store import Store
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class State:
    """The typed state of one application."""

    settings: Settings
    store: Store
    live: Live
    recommender: Recommender


def state_of(request: Request) -> State:
    """The application's state, for the one route that cannot afford a dependency."""
    return cast("State", request.app.state.nightshelf)


async def get_state(request: Request) -> State:
    """The application's state."""
    return state_of(request)


async def get_served(state: Annotated[State, Depends(get_state)]) -> Served:
    """The generation pinned for this request."""
    return state.live.pin()


StateDep = Annotated[State, Depends(get_state)]
ServedDep = Annotated[Served, Depends(get_served)]
TitlePath = Annotated[Text, Path(description="A title, typos included", examples=["The Hobbit"])]
UserPath = Annotated[Text, Path(description="The user's id as it is in the ratings", examples=["reader-0042"])]
BookPath = Annotated[Text, Path(description="The book's id as it is in the source")]
Limit = Annotated[int, Query(ge=1, le=100, description="How many books at most")]
