"""Checks events and works out their effect on user state. HTTP and Kafka share these rules."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from pydantic import ValidationError

from services.api.problems import what_of, where_of
from services.api.schemas.events import Event
from services.api.state.event_writer import AcceptedEvent
from shared.artifacts.catalog import Catalog
from shared.errors import InvalidRequestError, NightshelfError
from shared.feedback import statement_of
from shared.settings import UserStateSettings

MAX_EVENTS = 1000
_CLOCK_TOLERANCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that was not accepted: its position in the batch, from 0, and why."""

    position: int
    error: NightshelfError


def batch_of(body: object) -> list[Any]:
    """The events of one body: one event, or a list of them.

    Raises:
        InvalidRequestError: the list is empty or too long.
    """
    batch = body if isinstance(body, list) else [body]
    if not 1 <= len(batch) <= MAX_EVENTS:
        raise InvalidRequestError(
            f"The batch has {len(batch)} events.", where="body", hint=f"Send between 1 and {MAX_EVENTS} events."
        )
    return batch


def accept_all(
    batch: list[Any], catalog: Catalog, settings: UserStateSettings
) -> tuple[list[AcceptedEvent], list[Refusal]]:
    """Check each event of a batch on its own: a bad event does not reject the good ones."""
    accepted: list[AcceptedEvent] = []
    refused: list[Refusal] = []
    for position, item in enumerate(batch):
        try:
            accepted.append(accept(item, catalog, settings))
        except NightshelfError as error:
            refused.append(Refusal(position, error))
    return accepted, refused


def accept(item: object, catalog: Catalog, settings: UserStateSettings) -> AcceptedEvent:
    """Check one event and work out its effect on the user's state.

    Raises:
        InvalidRequestError: a field is missing or not allowed; names it.
        UnknownBookError: the book is not in the served catalogue.
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
            f"The time {moment} is before 1970 or in the future.",
            where="time",
            hint="Leave it out for the current time.",
        )
    seconds = round(seconds, 3)
    return AcceptedEvent(
        event_id=event.event_id,
        user_id=event.user_id,
        book_id=event.book_id,
        book_number=catalog.number_of(event.book_id),
        kind=event.kind,
        value=event.value,
        time_seconds=seconds,
        statement=statement_of(event.kind, event.value, seconds, settings),
    )
