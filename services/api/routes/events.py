"""Events: what users did, effective at once."""

from __future__ import annotations

import time
from datetime import UTC
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import Field, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from services.api.deps import JSON_ONLY, ServedDep, StateDep
from services.api.metrics import EVENTS
from services.api.problems import documented, what_of, where_of
from services.api.schemas import Event, EventsAnswer, RejectedEvent
from services.api.store import AcceptedEvent
from shared.catalog import Catalog
from shared.errors import InvalidRequestError, NightshelfError
from shared.settings import UserStateSettings

router = APIRouter(tags=["events"])
_MOST_EVENTS = 1000
_CLOCK_TOLERANCE_SECONDS = 300.0


class _OneOrSeveral:
    """Documents a body as events but lets anything in: a bad event must not cost the good ones beside it."""

    schema = TypeAdapter(Event | Annotated[list[Event], Field(min_length=1, max_length=_MOST_EVENTS)]).core_schema

    def __get_pydantic_json_schema__(self, _anything: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self.schema)


@router.post("/api/events", responses=documented(400, 404, 415, 422, 503), dependencies=[JSON_ONLY])
async def report_events(
    state: StateDep, served: ServedDep, body: Annotated[Any, _OneOrSeveral(), Body()]
) -> EventsAnswer:
    """Report one event, or an array of up to 1,000. The next recommendation already reflects them.

    A repeated `event_id` changes nothing. In an array each bad event is reported by its position and the good ones are
    kept; a single bad event is an error.
    """
    batch = body if isinstance(body, list) else [body]
    if not 1 <= len(batch) <= _MOST_EVENTS:
        raise InvalidRequestError(
            f"A batch of {len(batch)} events.", where="body", hint=f"Send between 1 and {_MOST_EVENTS} events."
        )
    catalog = served.generation.catalog
    accepted: list[AcceptedEvent] = []
    rejected: list[RejectedEvent] = []
    for position, item in enumerate(batch):
        try:
            accepted.append(accept(item, catalog, state.settings.user_state))
        except NightshelfError as error:
            if not isinstance(body, list):
                raise
            rejected.append(RejectedEvent(position=position, where=error.where or "", what=error.what, hint=error.hint))
    taken = await state.store.take(accepted) if accepted else []
    answer = EventsAnswer(accepted=sum(taken), duplicates=len(taken) - sum(taken), rejected=rejected)
    EVENTS.labels("accepted").inc(answer.accepted)
    EVENTS.labels("duplicate").inc(answer.duplicates)
    EVENTS.labels("rejected").inc(len(rejected))
    return answer


def accept(item: object, catalog: Catalog, settings: UserStateSettings) -> AcceptedEvent:
    """Check one event and work out what it does to its user's state.

    Raises:
        InvalidRequestError: a field is missing or not allowed; names it.
        UnknownBookError: the served catalogue has no such book.
    """
    try:
        event = Event.model_validate(item)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidRequestError(
            what_of(first), where=where_of(first) or "event", hint="See /docs for the fields of an event."
        ) from error
    now = time.time()
    moment = event.time
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = now if moment is None else moment.timestamp()
    if not 0 <= seconds <= now + _CLOCK_TOLERANCE_SECONDS:
        raise InvalidRequestError(
            f"The time {moment} is before 1970 or in the future.", where="time", hint="Leave it out to mean now."
        )
    seen = event.kind in settings.seen_kinds
    positive = event.kind in settings.positive_kinds and (
        event.value is None or event.value >= settings.positive_rating
    )
    return AcceptedEvent(
        event_id=event.event_id,
        user_id=event.user_id,
        book_id=event.book_id,
        book_number=catalog.number_of(event.book_id),
        kind=event.kind,
        value=event.value,
        time_seconds=seconds,
        seen=seen,
        effect=1 if positive else -1 if seen else 0,
    )
