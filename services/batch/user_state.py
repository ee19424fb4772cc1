"""User state seeded from the interactions, merged with what came in live, never erased.

For each user: the seen set gains every book of a seen-kind interaction (the newest `max_seen`), the recent list every
positive one (the newest `max_recent`). Then the events that arrived since the snapshot are applied once more, so that
what a user did while the night was running wins over what the night knew. Every write is idempotent.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
import redis
from numpy.typing import NDArray

from services.batch.opinions import opinions
from services.batch.progress import Progress
from shared.keys import Keys
from shared.settings import UserStateSettings

_USERS_PER_PIPELINE = 500
_EVENTS_PER_PAGE = 1000


def seed_user_state(
    client: redis.Redis, keys: Keys, interactions: pd.DataFrame, settings: UserStateSettings, progress: Progress
) -> int:
    """Merge the state of all users of a snapshot into Redis, newest interactions first; returns how many users."""
    known = opinions(interactions, settings)
    user_codes, users = pd.factorize(known["user_id"])
    order = np.lexsort((-known["time"].to_numpy(float), user_codes))
    numbers = known["book_number"].to_numpy(np.int32)[order]
    times = known["time"].to_numpy(float)[order]
    positive = known["positive"].to_numpy(bool)[order]
    starts = np.searchsorted(user_codes[order], np.arange(len(users) + 1))
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
    number_of: dict[str, int],
    settings: UserStateSettings,
    *,
    after: str | None,
) -> int:
    """Apply the stream's events after this id (`None`: all of it) to user state again; returns how many.

    Args:
        client: a patient connection.
        keys: key names.
        number_of: book number by id; events of other books are left to the next ingest.
        settings: which kinds count, and the bounds.
        after: the last stream id that the snapshot already holds.
    """
    n_events = 0
    start = f"({after}" if after else "-"
    while page := cast(
        "list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(keys.events, start, "+", _EVENTS_PER_PAGE)
    ):
        pipeline = client.pipeline(transaction=False)
        for _, fields in page:
            _replay(pipeline, keys, fields, number_of, settings)
        pipeline.execute()
        n_events += len(page)
        start = f"({page[-1][0].decode()}"
    return n_events


def _replay(
    pipeline: Any, keys: Keys, fields: dict[bytes, bytes], number_of: dict[str, int], settings: UserStateSettings
) -> None:
    kind, user = fields[b"kind"].decode(), fields[b"user"].decode()
    number = number_of.get(fields[b"book"].decode())
    if number is None or kind not in settings.seen_kinds:
        return
    pipeline.sadd(keys.seen(user), number)
    liked = kind in settings.positive_kinds and (
        kind != "rating" or float(fields[b"value"]) >= settings.positive_rating
    )
    if liked:
        _merge_recent(pipeline, keys.recent(user), {number: float(fields[b"time"])}, settings.max_recent)
    else:
        pipeline.zrem(keys.recent(user), number)


def _merge_recent(pipeline: Any, key: str, times: dict[int, float], max_recent: int) -> None:
    if times:
        pipeline.zadd(key, times, gt=True)
        pipeline.zremrangebyrank(key, 0, -max_recent - 1)


def _bound_seen(client: redis.Redis, keys: Keys, newest_first: dict[str, NDArray[np.int32]], max_seen: int) -> None:
    """Cut seen sets that have grown over the bound back to their newest books."""
    sizes = client.pipeline(transaction=False)
    for user in newest_first:
        sizes.scard(keys.seen(user))
    for (user, numbers), size in zip(newest_first.items(), sizes.execute(), strict=True):
        if size > max_seen:
            replacement = client.pipeline(transaction=True)
            replacement.delete(keys.seen(user))
            replacement.sadd(keys.seen(user), *numbers[:max_seen].tolist())
            replacement.execute()
