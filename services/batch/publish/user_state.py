"""User state seeded from the interactions, merged with what came in live, never erased.

For each user: the seen set gains every book of a seen-kind interaction (the newest `max_seen`), the recent list every
positive one (the newest `max_recent`). Then the events that arrived since the snapshot are applied once more, so that
what a user did while the night was running wins over what the night knew. Every write is idempotent.

A seen set over its bound gives up the oldest books of the snapshot first: what the snapshot does not know came in live.
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
from services.batch.runtime.progress import Progress
from shared.artifacts.generation import content_id
from shared.feedback import is_positive, is_seen
from shared.keys import Keys
from shared.layout import DataFolder
from shared.settings import UserStateSettings

_USERS_PER_PIPELINE = 500
_EVENTS_PER_PAGE = 1000


# What the API does with a live event whose seen set is full.
_ADD_SEEN = """
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) and redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 0 then
  redis.call('SPOP', KEYS[1])
end
redis.call('SADD', KEYS[1], ARGV[1])
"""


def merge_user_state(
    client: redis.Redis,
    keys: Keys,
    folder: DataFolder,
    snapshot: Snapshot,
    settings: UserStateSettings,
    progress: Progress,
) -> int:
    """Seed user state from this snapshot, once, then apply what has come in since; returns how many events that were.

    Raises:
        ArtifactError: the snapshot is damaged.
    """
    rules = settings.model_dump(mode="json")
    rules = {name: sorted(value) if isinstance(value, list) else value for name, value in rules.items()}
    merging = f"{snapshot.id} by {content_id(rules)}"
    merged = cast("bytes | None", client.get(keys.user_state_snapshot))
    if merged is not None and merged.decode() == merging:
        return 0
    seed_user_state(client, keys, snapshot.interactions, settings, progress)
    number_of = {book_id: number for number, book_id in enumerate(snapshot.load_books()["book_id"].tolist())}
    with ingest_lock(folder):
        n_events = replay_events(
            client, keys, folder.events, number_of, settings, after=snapshot.manifest.events_through
        )
    client.set(keys.user_state_snapshot, merging)
    return n_events


def seed_user_state(
    client: redis.Redis, keys: Keys, interactions: Interactions, settings: UserStateSettings, progress: Progress
) -> int:
    """Merge the state of all users of a snapshot into Redis, newest interactions first; returns how many users."""
    known = user_item_feedback(interactions, settings)
    users = known.users
    order = np.lexsort((-known.times, known.rows))
    numbers, times, positive = known.item_index[order], known.times[order], known.positive[order]
    starts = np.searchsorted(known.rows[order], np.arange(len(users) + 1))
    with progress.task("Seeding user state", len(users)) as advance:
        for first in range(0, len(users), _USERS_PER_PIPELINE):
            chunk = range(first, min(first + _USERS_PER_PIPELINE, len(users)))
            rows_of = {str(users[user]): slice(starts[user], starts[user + 1]) for user in chunk}
            pipeline = client.pipeline(transaction=False)
            for user, rows in rows_of.items():
                liked = positive[rows]
                recent = dict(zip(numbers[rows][liked].tolist(), times[rows][liked].tolist(), strict=True))
                pipeline.sadd(keys.seen(user), *numbers[rows][: settings.max_seen].tolist())
                _merge_recent(pipeline, keys.recent(user), recent, settings.max_recent)
            pipeline.execute()
            _bound_seen(client, keys, {user: numbers[rows] for user, rows in rows_of.items()}, settings.max_seen)
            advance(len(chunk))
    return len(users)


def replay_events(
    client: redis.Redis,
    keys: Keys,
    events: Path,
    number_of: dict[str, int],
    settings: UserStateSettings,
    *,
    after: str | None,
) -> int:
    """Apply all events after this stream id (`None`: all there are) to user state again; returns how many.

    First those that are durable already, then what is still in the stream: nobody may move them meanwhile.

    Args:
        client: a patient connection.
        keys: key names.
        events: where durable events are.
        number_of: book number by id; events of other books, or not whole, are left to the next ingest.
        settings: which kinds count, and the bounds.
        after: the last stream id that the snapshot already holds.
    """
    n_events = 0
    since = _events_since(client, keys, events, after)
    while batch := list(itertools.islice(since, _EVENTS_PER_PAGE)):
        pipeline = client.pipeline(transaction=False)
        for fields in batch:
            _replay(pipeline, keys, fields, number_of, settings)
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
    pipeline: Any, keys: Keys, fields: dict[bytes, bytes], number_of: dict[str, int], settings: UserStateSettings
) -> None:
    try:
        kind, user, book = (fields[name].decode() for name in (b"kind", b"user", b"book"))
        seconds = float(fields[b"time"])
        stars = float(fields[b"value"]) if kind == "rating" else None
    except (KeyError, ValueError):
        return
    number = number_of.get(book)
    if number is None or not is_seen(kind, settings) or not math.isfinite(seconds):
        return
    pipeline.eval(_ADD_SEEN, 1, keys.seen(user), number, settings.max_seen)
    if is_positive(kind, stars, settings):
        _merge_recent(pipeline, keys.recent(user), {number: seconds}, settings.max_recent)
    else:
        pipeline.zrem(keys.recent(user), number)


def _merge_recent(pipeline: Any, key: str, times: dict[int, float], max_recent: int) -> None:
    if times:
        pipeline.zadd(key, times, gt=True)
        pipeline.zremrangebyrank(key, 0, -max_recent - 1)


def _bound_seen(client: redis.Redis, keys: Keys, newest_first: dict[str, NDArray[np.int32]], max_seen: int) -> None:
    """Cut seen sets that have grown over the bound back to it."""
    sizes = client.pipeline(transaction=False)
    for user in newest_first:
        sizes.scard(keys.seen(user))
    for (user, numbers), size in zip(newest_first.items(), sizes.execute(), strict=True):
        if size > max_seen:
            members = {int(member) for member in cast("set[bytes]", client.smembers(keys.seen(user)))}
            known = [number for number in numbers[::-1].tolist() if number in members]
            oldest_first = [*known, *members.difference(known)]
            client.srem(keys.seen(user), *oldest_first[: len(members) - max_seen])
