"""Writes events: into the stream first, then into the state of their users together with their ids.

An event is acknowledged only when all of this is done. If the answer is lost, the same event may be sent again: its
effect is the same, and the night counts each id of a user once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import redis.asyncio

from services.api.state.script_runner import Call, ScriptRunner
from services.api.state.scripts import APPEND, TAKE, UNDO
from shared.feedback import UNDO_EVENT_ID, UNDO_KIND, slot_of
from shared.keys import Keys
from shared.settings import InteractionKind, UserStateSettings

_UNDONE = b"undone"


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """A valid event, and its statement (`shared.feedback`): `None` if its kind counts for nothing."""

    event_id: str
    user_id: str
    book_id: str
    book_number: int
    kind: InteractionKind
    value: float | None
    time_seconds: float
    statement: str | None


class EventWriter:
    """Takes and undoes events. Redis errors are the caller's.

    Args:
        client: a connection of the request path.
        scripts: on the same client.
        keys: names of the keys.
        settings: the bounds of user state, and how kinds count.
    """

    def __init__(
        self, client: redis.asyncio.Redis, scripts: ScriptRunner, keys: Keys, settings: UserStateSettings
    ) -> None:
        self._redis, self._scripts, self._keys, self._settings = client, scripts, keys, settings

    async def take(self, events: Sequence[AcceptedEvent]) -> list[bool]:
        """Record events; for each, whether it was new."""
        known = await self._known(events)
        new: dict[tuple[str, str], AcceptedEvent] = {}
        for event, is_known in zip(events, known, strict=True):
            if not is_known:
                new.setdefault((event.user_id, event.event_id), event)
        if not new:
            return [False] * len(events)
        fields = [text for event in new.values() for text in _stream_fields(event)]
        await self._scripts.run(APPEND, [self._keys.events], fields)
        of_users: dict[str, list[AcceptedEvent]] = {}
        for event in new.values():
            of_users.setdefault(event.user_id, []).append(event)
        answers = await self._scripts.run_all(TAKE, [self._call(user, own) for user, own in of_users.items()])
        taken = {
            (event.user_id, event.event_id): flag == 1
            for own, flags in zip(of_users.values(), answers, strict=True)
            for event, flag in zip(own, flags, strict=True)
        }
        return [taken.pop((event.user_id, event.event_id), False) for event in events]

    async def _known(self, events: Sequence[AcceptedEvent]) -> list[bool]:
        """Whether the id of each event was taken before."""
        pipeline = self._redis.pipeline(transaction=False)
        for event in events:
            pipeline.exists(self._keys.event_id(event.user_id, event.event_id))
            pipeline.exists(self._keys.event_id_of_anyone(event.event_id))
        flags = await pipeline.execute()
        return [bool(own or old) for own, old in zip(flags[::2], flags[1::2], strict=True)]

    def _call(self, user_id: str, events: Sequence[AcceptedEvent]) -> Call:
        keys = [*self._keys.state_of(user_id), *(self._keys.event_id(user_id, event.event_id) for event in events)]
        arguments: list[str | int | float] = [*self._settings.bounds, self._settings.event_id_days * 86_400]
        for event in events:
            said = f"{event.kind} {event.time_seconds!r} {event.book_number} {event.book_id}"
            arguments += (event.book_number, event.statement or "", said)
        return keys, arguments

    async def undo(self, user_id: str, event_id: str) -> bool:
        """Take back one event; `False` if no such event is remembered."""
        id_key = self._keys.event_id(user_id, event_id)
        said = await self._redis.get(id_key)
        if not isinstance(said, bytes) or said == _UNDONE:
            return said == _UNDONE
        kind, seconds, number, book_id = said.decode().split(" ", 3)
        undo = (UNDO_EVENT_ID.format(event_id), user_id, book_id, UNDO_KIND, kind, f"{float(seconds):.3f}")
        await self._scripts.run(APPEND, [self._keys.events], undo)
        arguments: list[str | int | float] = [*self._settings.bounds, number, slot_of(kind, self._settings), seconds]
        await self._scripts.run(UNDO, [*self._keys.state_of(user_id), id_key], arguments)
        return True


def _stream_fields(event: AcceptedEvent) -> tuple[str, ...]:
    value = "" if event.value is None else str(event.value)
    return event.event_id, event.user_id, event.book_id, event.kind, value, f"{event.time_seconds:.3f}"
