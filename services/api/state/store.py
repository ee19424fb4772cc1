"""The only Redis access of the API.

Scripts touch one user's keys each; those of a batch share a round trip. During an outage, requests fail at once for a
moment instead of queueing behind time-outs. Its start and its end are logged.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from redis.exceptions import ResponseError

from services.api.metrics import REDIS_SECONDS, REDIS_UP
from services.api.schemas.operations import RedisFacts
from services.api.state.event_writer import AcceptedEvent, EventWriter
from services.api.state.script_runner import Call, ScriptRunner
from services.api.state.scripts import READ
from shared.cache import Cache
from shared.errors import StoreUnavailableError
from shared.keys import Keys
from shared.log import get_logger
from shared.recommend.codec import unpack
from shared.recommend.neighbor_table import NO_CANDIDATES, Candidates
from shared.redis import UNAVAILABLE, connect_for_serving
from shared.settings import Settings

LONGEST_SEEN = 1000  # a longer seen set is not fetched; the candidates are looked up in it instead
MAX_CACHED_USERS = 10_000
_NO_BOOKS = np.empty(0, np.int32)
_NO_SEEN = (-1, "0", _NO_BOOKS)


@dataclass(frozen=True, slots=True)
class UserState:
    """A user's state in Redis.

    Attributes:
        collaborative: the nightly list, empty if there is none.
        recent: int32, latest positive books, newest first.
        n_new: how many of all recent books are newer than the night's data.
        seen: int32, unordered; `None` when it is too long to fetch, see `Store.seen_among`.
        viewed: int32, books viewed or clicked but not seen, newest first.
    """

    collaborative: Candidates
    recent: NDArray[np.int32]
    n_new: int
    seen: NDArray[np.int32] | None
    viewed: NDArray[np.int32] = field(default_factory=lambda: _NO_BOOKS)


class Store:
    """The API's Redis client. One instance per process, used from its event loop only."""

    def __init__(self, settings: Settings, url: str) -> None:
        self.keys = Keys(settings.redis_prefix)
        self.url = url
        self._settings = settings
        self._redis = connect_for_serving(url, settings.redis)
        self._scripts = ScriptRunner(self._redis)
        self._events = EventWriter(self._redis, self._scripts, self.keys, settings.user_state)
        self._seen: Cache[str, tuple[int, str, NDArray[np.int32]]] = Cache("seen", MAX_CACHED_USERS)
        self._down_until = 0.0
        self._down = False

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()

    @property
    def reachable(self) -> bool:
        """Whether Redis answered the last request."""
        return not self._down

    async def ping(self) -> bool:
        """Whether Redis answers."""
        try:
            await self._ask("ping", self._redis.ping)
        except StoreUnavailableError:
            return False
        return True

    async def current_generation(self) -> str | None:
        """The published generation's id, `None` if nothing was published to this Redis.

        Raises:
            StoreUnavailableError: Redis is unavailable.
        """
        current: bytes | None = await self._ask("pointer", lambda: self._redis.get(self.keys.current))
        return None if current is None else current.decode()

    async def history(self) -> list[str]:
        """Ids that have been published, newest first.

        Raises:
            StoreUnavailableError: Redis is unavailable.
        """
        entries: list[bytes] = await self._ask("history", lambda: self._redis.lrange(self.keys.history, 0, -1))
        return [entry.decode() for entry in entries]

    async def facts(self) -> RedisFacts:
        """The state of Redis. Values that the server withholds are unknown."""
        started = time.perf_counter()
        if not await self.ping():
            return RedisFacts(state="away")
        round_trip_ms = round(1000 * (time.perf_counter() - started), 2)
        try:
            told = await self._ask("info", self._redis.info)
            waiting = await self._ask("waiting", lambda: self._redis.xlen(self.keys.events))
        except StoreUnavailableError:
            return RedisFacts(state="away")
        except ResponseError:
            return RedisFacts(state="up", round_trip_ms=round_trip_ms)
        return RedisFacts(
            state="up",
            round_trip_ms=round_trip_ms,
            version=told.get("valkey_version") or told.get("redis_version"),
            used_memory_bytes=told.get("used_memory"),
            eviction=told.get("maxmemory_policy"),
            waiting_events=waiting,
        )

    async def user_states(
        self, artifact_id: str, user_ids: Sequence[str], *, n_recent: int, known_until: float | None, n_viewed: int = 0
    ) -> list[UserState]:
        """The state of several users in one round trip.

        Args:
            artifact_id: the collaborative artifact whose lists are served.
            user_ids: the users.
            n_recent: maximum number of recent books of each.
            known_until: books later than this, in seconds since 1970, are new to the night; `None`: none are.
            n_viewed: maximum number of viewed books of each.

        Raises:
            StoreUnavailableError: Redis is unavailable.
        """
        newer = "+inf" if known_until is None else f"({known_until!r}"
        remembered = [self._seen.get(user_id) or _NO_SEEN for user_id in user_ids]
        calls: list[Call] = [
            (
                (self.keys.collaborative_list(artifact_id, user_id), *self._keys_to_read(user_id)),
                (n_recent, LONGEST_SEEN, newer, n_viewed, n_seen, revision),
            )
            for user_id, (n_seen, revision, _) in zip(user_ids, remembered, strict=True)
        ]
        answers = await self._ask("read", lambda: self._scripts.run_all(READ, calls))
        states = []
        for user_id, known, answer in zip(user_ids, remembered, answers, strict=True):
            packed, recent, n_new, n_seen, revision, joined, viewed = answer
            seen = None if n_seen > LONGEST_SEEN else known[2]
            if joined is not None:
                seen = _item_index(joined)
                if n_seen < self._settings.user_state.max_seen:
                    self._seen.put(user_id, (n_seen, revision.decode(), seen))
            listed = NO_CANDIDATES if packed is None else unpack(packed)
            states.append(UserState(listed, _item_index(recent), n_new, seen, _item_index(viewed)))
        return states

    def _keys_to_read(self, user_id: str) -> tuple[str, str, str, str]:
        seen, recent, feedback, viewed = self.keys.state_of(user_id)
        return recent, seen, feedback, viewed

    async def seen_among(self, user_id: str, item_index: NDArray[np.int32]) -> NDArray[np.int32]:
        """Which of these item indexes a user with a very long history has seen.

        Raises:
            StoreUnavailableError: Redis is unavailable.
        """
        if not len(item_index):
            return _NO_BOOKS
        flags = await self._ask("seen", lambda: self._redis.smismember(self.keys.seen(user_id), item_index.tolist()))
        return item_index[np.array(flags, np.bool_)]

    async def take(self, events: Sequence[AcceptedEvent]) -> list[bool]:
        """Record events; for each, whether it was new (`False`: this user's id is known).

        Raises:
            StoreUnavailableError: Redis is unavailable; it is safe to send the same events again.
        """
        taken: list[bool] = await self._ask("events", lambda: self._events.take(events))
        return taken

    async def undo(self, user_id: str, event_id: str) -> bool:
        """Take back one event of a user; `False` if Redis remembers no such event of this user.

        The state is then as if the event had never been, and the next ingest leaves it out. A statement of the same
        kind that a night has already replaced comes back with the next night. The id stays taken.

        Raises:
            StoreUnavailableError: Redis is unavailable; it is safe to undo again.
        """
        undone: bool = await self._ask("undo", lambda: self._events.undo(user_id, event_id))
        return undone

    async def _ask(self, what: str, question: Any) -> Any:
        if time.monotonic() < self._down_until:
            raise StoreUnavailableError("Redis is unavailable.")
        started = time.perf_counter()
        try:
            answer = await question()
        except UNAVAILABLE as error:
            self._down_until = time.monotonic() + self._settings.redis.retry_after_seconds
            if not self._down:
                self._down = True
                REDIS_UP.set(0)
                get_logger().warning("redis.away", what=what, error=str(error))
            raise StoreUnavailableError("Redis is unavailable.") from error
        finally:
            REDIS_SECONDS.labels(what).observe(time.perf_counter() - started)
        if self._down:
            self._down = False
            REDIS_UP.set(1)
            get_logger().info("redis.back", what=what)
        return answer


def _item_index(joined: bytes) -> NDArray[np.int32]:
    return np.fromstring(joined, np.int32, sep=",") if joined else _NO_BOOKS
