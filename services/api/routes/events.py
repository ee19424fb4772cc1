"""Events: what users did with books."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import Field, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from services.api.deps import JSON_ONLY, ServingDep, StateDep
from services.api.events.event_validation import MAX_EVENTS, accept_all, batch_of
from services.api.metrics import EVENTS
from services.api.problems import documented
from services.api.schemas.events import Event, EventsAnswer, RejectedEvent

router = APIRouter(tags=["events"])


class _OneOrSeveral:
    """Documents a body as events but accepts anything, so that one bad event does not reject a whole batch."""

    schema = TypeAdapter(Event | Annotated[list[Event], Field(min_length=1, max_length=MAX_EVENTS)]).core_schema

    def __get_pydantic_json_schema__(self, _anything: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self.schema)


@router.post("/api/events", responses=documented(400, 404, 415, 422, 503), dependencies=[JSON_ONLY])
async def report_events(
    state: StateDep, served: ServingDep, body: Annotated[Any, _OneOrSeveral(), Body()]
) -> EventsAnswer:
    """Report one event, or an array of up to 1,000. The next recommendation reflects them.

    A repeated `event_id` changes nothing. In an array, each bad event is reported by its position and the good ones
    are kept. A single bad event is an error.
    """
    accepted, refused = accept_all(batch_of(body), served.generation.catalog, state.settings.user_state)
    if refused and not isinstance(body, list):
        raise refused[0].error
    rejected = [
        RejectedEvent(position=bad.position, where=bad.error.where or "", what=bad.error.what, hint=bad.error.hint)
        for bad in refused
    ]
    taken = await state.store.take(accepted) if accepted else []
    answer = EventsAnswer(accepted=sum(taken), duplicates=len(taken) - sum(taken), rejected=rejected)
    EVENTS.labels("accepted").inc(answer.accepted)
    EVENTS.labels("duplicate").inc(answer.duplicates)
    EVENTS.labels("rejected").inc(len(rejected))
    return answer
