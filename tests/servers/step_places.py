"""Places where a step of a night can die, outages of Redis in the middle of a write, and clocks that are wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import redis

from services.batch.content import embed
from services.batch.content import vectors as vector_store
from services.batch.night import steps
from services.batch.publish import collect, lists, manifest, pass_gate, user_records, user_state
from services.batch.runtime import artifact_builder
from tests.servers.dying_nights import PLACES, PLACES_AFTER_THE_FLIP, die, dying
from tests.servers.server import connect, process_of


def _with_few_texts_at_a_time(owner: Any, name: str, nth: int) -> None:
    embed.CHUNK_SIZE = 1
    dying(owner, name, nth)


def _is_there(path: Path, **_options: bool) -> bool:
    return path.name.startswith("doomed-") and path.exists()


def _between_flip_and_answer() -> None:
    original = redis.Redis.eval

    def call(*arguments: Any) -> Any:
        original(*arguments)
        die()

    redis.Redis.eval = call


OF_STEPS: dict[str, Callable[[], None]] = {
    "lease taken": lambda: dying(steps, "current_generation"),
    "one book embedded": lambda: _with_few_texts_at_a_time(vector_store.VectorStore, "append", 2),
    "one vector without its hash": lambda: _with_few_texts_at_a_time(vector_store, "_write", 2),
    "judging": lambda: dying(pass_gate, "judge"),
    "flipped, not answered": _between_flip_and_answer,
    "generations collected, lists not": lambda: dying(collect, "unlink_lists"),
    "lists unmarked": lambda: dying(redis.Redis, "unlink", 2),
    "artifacts not collected": lambda: dying(collect, "_remove_unused"),
    "an artifact out of sight": lambda: dying(artifact_builder.shutil, "rmtree", 2, _is_there),
    "snapshots not collected": lambda: dying(collect, "_remove_unused", 2),
}


def _at_lists(act: Callable[[], None]) -> None:
    lists._LISTS_PER_PIPELINE = 50
    _before(redis.client.Pipeline, "execute", 2, act)


def _at_user_state(act: Callable[[], None]) -> None:
    user_state._USERS_PER_PIPELINE = 50
    _before(user_records.UserRecord, "to_json", 75, act)


def _at_flip(act: Callable[[], None]) -> None:
    _before(redis.Redis, "eval", 1, act)


def _after_flip(act: Callable[[], None]) -> None:
    original = redis.Redis.eval

    def call(*arguments: Any) -> Any:
        original(*arguments)
        act()
        return original(*arguments)

    redis.Redis.eval = call


def _at_collecting_lists(act: Callable[[], None]) -> None:
    lists._LISTS_PER_PIPELINE = 50
    _before(redis.Redis, "unlink", 3, act)


def _before(owner: Any, name: str, nth: int, act: Callable[[], None]) -> None:
    original = getattr(owner, name)
    n_calls = 0

    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        if n_calls == nth:
            act()
        return original(*arguments, **options)

    setattr(owner, name, call)


def _kill_server() -> None:
    url = os.environ["NIGHTSHELF_REDIS_URL"]
    pid = process_of(url)
    os.kill(pid, signal.SIGKILL)


def _shut_server_down() -> None:
    with connect(os.environ["NIGHTSHELF_REDIS_URL"]) as client:
        client.shutdown()


OUTAGES: dict[str, Callable[[], None]] = {
    "killed between lists": lambda: _at_lists(_kill_server),
    "shut down between lists": lambda: _at_lists(_shut_server_down),
    "shut down amid user state": lambda: _at_user_state(_shut_server_down),
    "killed before the flip": lambda: _at_flip(_kill_server),
    "killed before the flip is answered": lambda: _after_flip(_kill_server),
    "killed while lists are collected": lambda: _at_collecting_lists(_kill_server),
}
"""Places where the server goes and the step stays."""

ALL_PLACES = {**PLACES, **PLACES_AFTER_THE_FLIP, **OF_STEPS, **OUTAGES}


def set_clock(hours: float) -> None:
    """Give the modules that ask for the time another one."""

    class OtherClock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            moment = super().now(tz) + timedelta(hours=hours)
            return cls.fromtimestamp(moment.timestamp(), tz)

    for module in (steps, collect, manifest):
        module.datetime = OtherClock
