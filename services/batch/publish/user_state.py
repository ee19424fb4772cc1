"""User state: what the source and the events say, written for each user at once.

The state of each user of a snapshot is replaced: corrections and deletions in the source are taken over. Events after
the snapshot are applied in the same step, and once more for those that came in meanwhile: the API puts an event into
the stream before it changes the state, so none is missed. Users who are only known from such events keep their state.
All writes are idempotent.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import orjson
import redis

from services.batch.ingest.event_files import event_lock
from services.batch.ingest.event_log import events_after
from services.batch.ingest.snapshot import Snapshot, open_snapshot
from services.batch.publish.user_records import NO_RECORD, UserRecord, user_records
from services.batch.runtime.context import RunContext
from shared.artifacts.generation import content_id
from shared.errors import ArtifactError
from shared.feedback import LUA, UNDO_KIND, slot_of, statement_of
from shared.keys import Keys
from shared.settings import UserStateSettings

_USERS_PER_PIPELINE = 500
_EVENTS_PER_PAGE = 1000
_FORMAT = 2  # of user state: another format makes it again from the same snapshot

_APPLY = (
    LUA
    + """
-- KEYS: see above
-- ARGV: see above, a record as JSON or nothing, and later events as JSON: for each an item index and a statement, or an
--       item index, a slot and a time to forget
local function each(list, command)
  for first = 1, #list, 1000 do command(unpack(list, first, math.min(first + 999, #list))) end
end
local before = {}
if ARGV[4] ~= '' then
  local record, revision = cjson.decode(ARGV[4]), redis.call('HGET', feedback, 'revision')
  before = redis.call('SMEMBERS', seen)
  redis.call('DEL', seen, recent, feedback, viewed)
  each(record.seen, function(...) redis.call('SADD', seen, ...) end)
  each(record.recent, function(...) redis.call('ZADD', recent, ...) end)
  each(record.viewed, function(...) redis.call('ZADD', viewed, ...) end)
  each(record.feedback, function(...) redis.call('HSET', feedback, ...) end)
  if revision then redis.call('HSET', feedback, 'revision', revision) end
end
for _, change in ipairs(cjson.decode(ARGV[5])) do
  if #change == 2 then hear(change[1], change[2]) else forget(change[1], change[2], change[3]) end
end
for _, number in ipairs(before) do
  if redis.call('SISMEMBER', seen, number) == 0 then
    redis.call('HINCRBY', feedback, 'revision', 1)
    break
  end
end
"""
)

Change = tuple[str, ...]  # an item index and a statement, or an item index, a slot and a time to forget


@dataclass
class LaterEvents:
    """Events after a snapshot.

    Attributes:
        of_users: the changes of each user, in stream order.
        through: the last stream id read, or where reading began.
        n: number of events, with those that change nothing.
    """

    of_users: dict[str, list[Change]] = field(default_factory=dict)
    through: str | None = None
    n: int = 0


def merge_user_state(context: RunContext, snapshot: Snapshot) -> int:
    """Make user state from this snapshot, once, and from later events; returns the number of those.

    Raises:
        ArtifactError: the snapshot is damaged.
    """
    client, keys, settings = context.redis, context.keys, context.settings.user_state
    rules = settings.model_dump(mode="json")
    rules = {name: sorted(value) if isinstance(value, list) else value for name, value in rules.items()}
    merging = f"{snapshot.id} by {content_id({**rules, 'format': _FORMAT})}"
    merged = cast("bytes | None", client.get(keys.user_state_snapshot))
    if merged is not None and merged.decode() == merging:
        return 0
    index_of = {book_id: index for index, book_id in enumerate(snapshot.load_books()["book_id"].tolist())}
    later = later_events(context, index_of, after=snapshot.manifest.events_through)
    gone = {} if merged is None else dict.fromkeys(_gone(context, merged.decode().split(" ")[0], snapshot), NO_RECORD)
    write_user_state(context, itertools.chain(user_records(snapshot.interactions, settings), gone.items()), later)
    latest = later_events(context, index_of, after=later.through)
    write_user_state(context, (), latest)
    client.set(keys.user_state_snapshot, merging)
    return later.n + latest.n


def write_user_state(context: RunContext, records: Iterable[tuple[str, UserRecord]], later: LaterEvents) -> int:
    """Replace the state of these users and apply later events to all; returns the number of users written."""
    bounds, rest = context.settings.user_state, dict(later.of_users)

    def users() -> Iterator[tuple[str, bytes, list[Change]]]:
        for user, record in records:
            changes = rest.pop(user, [])
            yield user, record.to_json(bounds, changes), changes
        for user, changes in rest.items():
            yield user, b"", changes

    script = context.redis.register_script(_APPLY)
    writing = users()
    n_users = 0
    with context.progress.task("Writing user state") as advance:
        while batch := list(itertools.islice(writing, _USERS_PER_PIPELINE)):
            pipeline = context.redis.pipeline(transaction=False)
            for user, record, changes in batch:
                arguments: list[int | bytes] = [*bounds.bounds, record, orjson.dumps(changes)]
                script(context.keys.state_of(user), arguments, pipeline)
            pipeline.execute()
            n_users += len(batch)
            advance(len(batch))
    return n_users


def later_events(context: RunContext, index_of: dict[str, int], *, after: str | None) -> LaterEvents:
    """All events after a stream id: stored ones, then those still in the stream.

    Args:
        context: of the run.
        index_of: item index by book id; events of other books and incomplete events are left to the next ingest.
        after: the last stream id in the snapshot; `None` for all events.
    """
    found = LaterEvents(through=after)
    with event_lock(context.folder.events):
        for stream_id, fields in _events_since(context.redis, context.keys, context.folder.events, after):
            found.n += 1
            found.through = stream_id
            if change := _change(fields, index_of, context.settings.user_state):
                found.of_users.setdefault(change[0], []).append(change[1:])
    return found


def _events_since(
    client: redis.Redis, keys: Keys, events: Path, after: str | None
) -> Iterator[tuple[str, dict[bytes, bytes]]]:
    yield from events_after(events, after)
    start = f"({after}" if after else "-"
    while page := cast(
        "list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(keys.events, start, "+", _EVENTS_PER_PAGE)
    ):
        yield from ((stream_id.decode(), fields) for stream_id, fields in page)
        start = f"({page[-1][0].decode()}"


def _change(fields: dict[bytes, bytes], index_of: dict[str, int], settings: UserStateSettings) -> Change | None:
    """The user of an event, and its change."""
    try:
        kind, user, book, value = (fields[name].decode() for name in (b"kind", b"user", b"book", b"value"))
        seconds = float(fields[b"time"])
        stars = float(value) if kind == "rating" else None
    except (KeyError, ValueError):
        return None
    index = index_of.get(book)
    if index is None or not math.isfinite(seconds):
        return None
    if kind == UNDO_KIND:
        return user, str(index), slot_of(value, settings), repr(seconds)
    statement = statement_of(kind, stars, seconds, settings)
    return None if statement is None else (user, str(index), statement)


def _gone(context: RunContext, merged: str, snapshot: Snapshot) -> set[str]:
    """Users of the snapshot merged last who are not in this one. None if that one was collected."""
    try:
        before = open_snapshot(context.folder, merged).user_ids()
    except ArtifactError:
        return set()
    return before - snapshot.user_ids()
