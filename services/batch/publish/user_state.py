"""User state: seeded from the interactions of a snapshot, merged with live events, never deleted.

Seen books are added to each user's seen set (the newest `max_seen`), positive books to the recent list (the newest
`max_recent`). Then the events after the snapshot are applied again, so that events during the night win. All writes are
idempotent.

A seen set over its bound drops the oldest books of the snapshot first; books missing from the snapshot are newer live
events.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import redis
from numpy.typing import NDArray

from services.batch.ingest.event_log import events_after
from services.batch.ingest.feedback import user_item_feedback
from services.batch.ingest.ingest import ingest_lock
from services.batch.ingest.interactions import Interactions
from services.batch.ingest.snapshot import Snapshot
from services.batch.runtime.context import RunContext
from shared.artifacts.generation import content_id
from shared.feedback import is_positive, is_seen
from shared.keys import Keys
from shared.settings import UserStateSettings

_USERS_PER_PIPELINE = 500
_EVENTS_PER_PAGE = 1000


# The same rule as in the API for a live event and a full seen set.
_ADD_SEEN = """
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) and redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 0 then
  redis.call('SPOP', KEYS[1])
end
redis.call('SADD', KEYS[1], ARGV[1])
"""


def merge_user_state(context: RunContext, snapshot: Snapshot) -> int:
    """Seed user state from this snapshot, once, then apply later events; returns the number of events.

    Raises:
        ArtifactError: the snapshot is damaged.
    """
    client, keys, settings = context.redis, context.keys, context.settings.user_state
    rules = settings.model_dump(mode="json")
    rules = {name: sorted(value) if isinstance(value, list) else value for name, value in rules.items()}
    merging = f"{snapshot.id} by {content_id(rules)}"
    merged = cast("bytes | None", client.get(keys.user_state_snapshot))
    if merged is not None and merged.decode() == merging:
        return 0
    seed_user_state(context, snapshot.interactions)
    index_of = {book_id: index for index, book_id in enumerate(snapshot.load_books()["book_id"].tolist())}
    with ingest_lock(context.folder):
        n_events = replay_events(context, index_of, after=snapshot.manifest.events_through)
    client.set(keys.user_state_snapshot, merging)
    return n_events


def seed_user_state(context: RunContext, interactions: Interactions) -> int:
    """Merge the state of all users of a snapshot into Redis, newest interactions first; returns the number of users."""
    client, keys, settings = context.redis, context.keys, context.settings.user_state
    known = user_item_feedback(interactions, settings)
    users = known.users
    order = np.lexsort((-known.times, known.rows))
    item_index, times, positive = known.item_index[order], known.times[order], known.positive[order]
    starts = np.searchsorted(known.rows[order], np.arange(len(users) + 1))
    with context.progress.task("Seeding user state", len(users)) as advance:
        for first in range(0, len(users), _USERS_PER_PIPELINE):
            chunk = range(first, min(first + _USERS_PER_PIPELINE, len(users)))
            rows_of = {str(users[user]): slice(starts[user], starts[user + 1]) for user in chunk}
            pipeline = client.pipeline(transaction=False)
            for user, rows in rows_of.items():
                liked = positive[rows]
                recent = dict(zip(item_index[rows][liked].tolist(), times[rows][liked].tolist(), strict=True))
                pipeline.sadd(keys.seen(user), *item_index[rows][: settings.max_seen].tolist())
                _merge_recent(pipeline, keys.recent(user), recent, settings.max_recent)
            pipeline.execute()
            _bound_seen(client, keys, {user: item_index[rows] for user, rows in rows_of.items()}, settings.max_seen)
            advance(len(chunk))
    return len(users)


def replay_events(context: RunContext, index_of: dict[str, int], *, after: str | None) -> int:
    """Apply all events after a stream id to user state again; returns their number.

    Stored events come first, then those still in the stream. The caller holds the ingest lock, so no event moves.

    Args:
        context: of the run.
        index_of: item index by book id; events of other books and incomplete events are left to the next ingest.
        after: the last stream id in the snapshot; `None` for all events.
    """
    client, keys = context.redis, context.keys
    n_events = 0
    since = _events_since(client, keys, context.folder.events, after)
    while batch := list(itertools.islice(since, _EVENTS_PER_PAGE)):
        pipeline = client.pipeline(transaction=False)
        for fields in batch:
            _replay(pipeline, keys, fields, index_of, context.settings.user_state)
        pipeline.execute()
        n_events += len(batch)
    return n_events


def _events_since(client: redis.Redis, keys: Keys, events: Path, after: str | None) -> Iterator[dict[bytes, bytes]]:
    yield from events_after(events, after)
    start = f"({after}" if after else "-"
    while page := cast(
        "list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(keys.events, start, "+", _EVENTS_PER_PAGE)
    ):
        yield from (fields for _, fields in page)
        start = f"({page[-1][0].decode()}"


def _replay(
    pipeline: Any, keys: Keys, fields: dict[bytes, bytes], index_of: dict[str, int], settings: UserStateSettings
) -> None:
    try:
        kind, user, book = (fields[name].decode() for name in (b"kind", b"user", b"book"))
        seconds = float(fields[b"time"])
        stars = float(fields[b"value"]) if kind == "rating" else None
    except (KeyError, ValueError):
        return
    index = index_of.get(book)
    if index is None or not is_seen(kind, settings) or not math.isfinite(seconds):
        return
    pipeline.eval(_ADD_SEEN, 1, keys.seen(user), index, settings.max_seen)
    if is_positive(kind, stars, settings):
        _merge_recent(pipeline, keys.recent(user), {index: seconds}, settings.max_recent)
    else:
        pipeline.zrem(keys.recent(user), index)


def _merge_recent(pipeline: Any, key: str, times: dict[int, float], max_recent: int) -> None:
    if times:
        pipeline.zadd(key, times, gt=True)
        pipeline.zremrangebyrank(key, 0, -max_recent - 1)


def _bound_seen(client: redis.Redis, keys: Keys, newest_first: dict[str, NDArray[np.int32]], max_seen: int) -> None:
    """Trim seen sets that exceed the bound."""
    sizes = client.pipeline(transaction=False)
    for user in newest_first:
        sizes.scard(keys.seen(user))
    for (user, item_index), size in zip(newest_first.items(), sizes.execute(), strict=True):
        if size > max_seen:
            members = {int(member) for member in cast("set[bytes]", client.smembers(keys.seen(user)))}
            known = [index for index in item_index[::-1].tolist() if index in members]
            oldest_first = [*known, *members.difference(known)]
            client.srem(keys.seen(user), *oldest_first[: len(members) - max_seen])
