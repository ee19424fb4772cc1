"""Nights that are killed, each in a process of its own, at any place one can name.

Run as a script it reads one order a line from its input, forks, and the child runs a night that kills itself with
SIGKILL at the place ordered; it answers with the child's exit status. Imported once and forked often: a fork costs a
moment, an interpreter with pandas and FAISS in it three seconds. Nothing in the parent has threads when it forks.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import redis

from services.batch.content import catalog, index
from services.batch.evaluate import nightly_evaluation
from services.batch.ingest import snapshot
from services.batch.models import collaborative, factors, popularity
from services.batch.night.nightly import run_night
from services.batch.night.step_table import STEP_NAMES
from services.batch.publish import lists, publish, user_records, user_state
from services.batch.runtime import artifact_builder
from services.batch.runtime.context import RunContext
from services.batch.sources.folder import open_folder
from shared import publication
from shared.redis import connect_for_batch
from shared.settings import Settings
from tests.paths import ROOT


def die() -> None:
    """End this process as the system does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def dying(owner: Any, name: str, nth: int = 1, when: Callable[..., bool] = lambda *_arguments: True) -> None:
    """Make the nth call of `owner.name` for which `when` holds the last thing this process does not do."""
    original = getattr(owner, name)
    met = 0

    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal met
        if when(*arguments):
            met += 1
            if met == nth:
                die()
        return original(*arguments, **options)

    setattr(owner, name, call)


def _half_an_artifact(builder: str, module: ModuleType) -> None:
    """Die while this builder saves its second array."""
    build = getattr(module, builder)

    def dying_build(*arguments: Any, **options: Any) -> Any:
        dying(np, "save", 2)
        build(*arguments, **options)
        raise AssertionError(f"{builder} saved no second array")

    setattr(module, builder, dying_build)


def _half_the_lists_of_the_part() -> None:
    list_books = collaborative.top_n

    def dying_lists(*arguments: Any, **options: Any) -> Iterator[Any]:
        for number, block in enumerate(list_books(*arguments, block_users=50, **options)):
            if number == 1:
                die()
            yield block

    collaborative.top_n = dying_lists


def _half_the_lists() -> None:
    lists._LISTS_PER_PIPELINE = 50
    dying(lists, "pack", 75)


def _lists_of_the_second_batch_unsent() -> None:
    lists._LISTS_PER_PIPELINE = 50
    dying(redis.client.Pipeline, "execute", 2)


def _half_the_user_state() -> None:
    user_state._USERS_PER_PIPELINE = 50
    dying(user_records.UserRecord, "to_json", 75)


def _into(name: str) -> Callable[..., bool]:
    """Whether a rename leads to a file of this kind among the generations."""
    return lambda _path, target: Path(target).parent.name == "generations" and Path(target).name.endswith(name)


def _named(name: str) -> Callable[..., bool]:
    return lambda path, *_rest: path.name == name


def _of_key(words: str) -> Callable[..., bool]:
    return lambda _client, key, *_rest: words in key


def _of_an_artifact(path: Path, _target: Path) -> bool:
    return (path / "artifact.json").exists()


PLACES: dict[str, Callable[[], None]] = {
    "events written, not named": lambda: dying(Path, "rename", 1, lambda path, _: path.parent.name == "events"),
    "events on disk, stream not trimmed": lambda: dying(redis.Redis, "xtrim"),
    "snapshot half written": lambda: dying(snapshot, "_write_table", 2),
    "snapshot written, not current": lambda: dying(snapshot, "write_durably", 1, _named("current")),
    "half the catalog artifact": lambda: _half_an_artifact("build_catalog", catalog),
    "half the content artifact": lambda: _half_an_artifact("build_content", index),
    "half the popularity artifact": lambda: _half_an_artifact("build_popularity", popularity),
    "half the factors": lambda: _half_an_artifact("build_factors", factors),
    "half the evaluation": lambda: _half_an_artifact("build_evaluation", nightly_evaluation),
    "half the collaborative artifact": _half_the_lists_of_the_part,
    "first artifact without its artifact.json": lambda: dying(
        artifact_builder, "write_durably", 1, _named("artifact.json")
    ),
    "last artifact without its artifact.json": lambda: dying(
        artifact_builder, "write_durably", 6, _named("artifact.json")
    ),
    "first artifact whole, still in staging": lambda: dying(Path, "rename", 1, _of_an_artifact),
    "last artifact whole, still in staging": lambda: dying(Path, "rename", 6, _of_an_artifact),
    "some lists packed": _half_the_lists,
    "some lists in Redis": _lists_of_the_second_batch_unsent,
    "all lists in Redis, not marked": lambda: dying(redis.Redis, "set", 1, _of_key("cf-complete")),
    "some user state seeded": _half_the_user_state,
    "user state seeded, events not replayed": lambda: dying(user_state, "later_events", 2),
    "user state merged, not marked": lambda: dying(redis.Redis, "set", 1, _of_key("state-snapshot")),
    "manifest half written": lambda: dying(Path, "replace", 1, _into(".json")),
    "manifest written, not verified": lambda: dying(publish, "verify_generation"),
    "verified, not flipped": lambda: dying(redis.Redis, "eval"),
}
"""Places before the flip: the generation before stays the current one."""

PLACES_AFTER_THE_FLIP: dict[str, Callable[[], None]] = {
    "flipped in Redis, pointer file not begun": lambda: dying(publication, "write_durably", 1, _named("current")),
    "flipped in Redis, pointer file half written": lambda: dying(Path, "replace", 1, _into("current")),
}


def _run(order: dict[str, str]) -> None:
    """Run the night of an order; returns only if the place was never reached."""
    settings, place = Settings(**json.loads(order["settings"])), order["place"]
    if place not in STEP_NAMES:
        {**PLACES, **PLACES_AFTER_THE_FLIP}[place]()

    def on_step(step: str) -> None:
        if step == place:
            die()

    with connect_for_batch(str(settings.redis_url), settings.redis) as client:
        run_night(RunContext(settings, client=client), open_folder(Path(order["source"])), on_step)


def _serve() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                _run(json.loads(line))
            finally:
                os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


@dataclass(frozen=True)
class Executioner:
    """Has nights run and killed."""

    process: subprocess.Popen[str]

    def kill_night(self, settings: Settings, source: Path, place: str) -> None:
        """Run a night over this source, up to the place where it dies: a step's name, or one of `PLACES`."""
        order = {"settings": settings.model_dump_json(), "source": str(source), "place": place}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        status = self.process.stdout.readline().strip()
        assert status == str(-signal.SIGKILL), f"the night did not die at {place!r}: {status or 'no answer'}"


@contextmanager
def executioner() -> Iterator[Executioner]:
    """Start the script."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, __file__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:
        yield Executioner(process)
        process.stdin.close()


if __name__ == "__main__":
    _serve()
