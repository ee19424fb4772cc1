"""Steps of a night, each `nightshelf step …` in a process of its own, killed at any place one can name.

Run as a script it reads one order a line from its input, forks a process for each command of the order, lets them start
at one moment, and answers with their exit codes. As in `dying_nights`, a fork costs a moment where an interpreter with
pandas and FAISS in it costs seconds. Nothing differs from the real command but the embedding model: its vectors, which
mean nothing here, are made of the text's hash.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.batch.content import vectors as vector_store
from services.batch.night import inputs
from services.batch.night.step_table import STEPS
from services.cli import main as cli
from tests.paths import ROOT
from tests.servers.server import environment
from tests.servers.step_places import ALL_PLACES, set_clock
from tests.worlds.library import Library

_DIMENSIONS = 384


class QuickEmbedder:
    """Unit vectors that only depend on the text."""

    model_key = "quick"
    dimensions = _DIMENSIONS
    max_tokens = 1_000_000

    def encode(self, texts: Sequence[str], advance: Callable[[int], None]) -> NDArray[np.float32]:
        """See `services.batch.content.embedder.Embedder`."""
        seeds = [int.from_bytes(vector_store.digest_of(text)[:8], "big") for text in texts]
        vectors = np.array([np.random.default_rng(seed).normal(size=_DIMENSIONS) for seed in seeds], np.float32)
        advance(len(texts))
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


# The script


def _run(order: dict[str, Any], number: int) -> int:
    """Be one command of the order; returns its exit code."""
    for descriptor, name in ((1, "out"), (2, "err")):
        with (Path(order["folder"]) / f"{number}.{name}").open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(order["environment"])
    set_clock(order["clock_hours"])
    if order["place"] is not None:
        ALL_PLACES[order["place"]]()
    sys.argv = ["nightshelf", *order["commands"][number]]
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _serve() -> None:
    inputs.open_embedder = lambda _name, **_options: QuickEmbedder()
    for line in sys.stdin:
        order = json.loads(line)
        gate, go = os.pipe()
        children = []
        for number in range(len(order["commands"])):
            child = os.fork()
            if child == 0:
                code = 99
                try:
                    os.close(go)
                    os.read(gate, 1)  # until the parent closes its end
                    code = _run(order, number)
                finally:
                    os._exit(code)
            children.append(child)
        os.close(go)
        os.close(gate)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps(codes), flush=True)


# The side of the tests


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit code (negative: the signal that killed it), last line of output, error output."""

    code: int
    account: dict[str, Any]
    errors: str


@dataclass(frozen=True)
class StepProcesses:
    """Has commands run."""

    process: subprocess.Popen[str]
    folder: Path

    def together(
        self, library: Library, *commands: Sequence[str], place: str | None = None, clock_hours: float = 0.0
    ) -> list[Outcome]:
        """Run commands on a library at one moment, to their end.

        Args:
            library: whose data folder and Redis.
            commands: words behind `nightshelf`.
            place: where they die, or what befalls them: see this module.
            clock_hours: how far their clock is ahead.
        """
        order = {
            "commands": commands,
            "environment": environment(**variables(library)),
            "folder": str(self.folder),
            "place": place,
            "clock_hours": clock_hours,
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        codes = json.loads(self.process.stdout.readline())
        return [self._outcome(number, code) for number, code in enumerate(codes)]

    def _outcome(self, number: int, code: int) -> Outcome:
        lines = (self.folder / f"{number}.out").read_text().splitlines()
        is_account = code == 0 and lines and lines[-1].startswith("{")
        account = json.loads(lines[-1]) if is_account else {}
        return Outcome(code, account, (self.folder / f"{number}.err").read_text())


def variables(library: Library) -> dict[str, str]:
    """The settings of a library that differ from those shipped, as a process gets them."""
    chosen = library.settings.model_dump(mode="json", exclude_unset=True)
    return {
        f"NIGHTSHELF_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in chosen.items()
    }


@contextmanager
def step_processes(folder: Path) -> Iterator[StepProcesses]:
    """Start the script; outputs of commands go to files in this folder."""
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=surroundings,
    ) as process:
        yield StepProcesses(process, folder)
        process.stdin.close()


NIGHT = tuple(step.name for step in STEPS)
NEW_BOOKS = tuple(step.name for step in STEPS if step.hourly)
_ONLY_THE_RUN = ("collect", "release")
_ABOUT_SERVED = ("gate", "publish")


@dataclass
class Run:
    """A run as a scheduler makes it: it hands on what ingest told to the steps after."""

    processes: StepProcesses
    library: Library
    name: str
    fresh: bool = False
    accept: str | None = None
    date: str | None = None
    keep_collaborative: bool = False
    clock_hours: float = 0.0
    begun: dict[str, Any] = field(default_factory=dict)

    def command(self, step: str) -> list[str]:
        """The words of a step, behind `nightshelf`."""
        given: dict[str, str | None] = {"run": self.name}
        flags = []
        if step == "ingest":
            given |= {"source": str(self.library.world.write(self.library.source_folder)), "date": self.date}
            flags = ["--fresh"] if self.fresh else []
        elif step not in _ONLY_THE_RUN:
            given["snapshot"] = self.begun["snapshot"]
        if step in _ABOUT_SERVED:
            given |= {"served": self.begun["served"], "accept": self.accept}
        if step == "publish":
            given |= {"generation": self.begun["generation"], "date": self.date}
            flags = ["--keep-collaborative"] if self.keep_collaborative else []
        options = [word for name, value in given.items() if value is not None for word in (f"--{name}", value)]
        return ["step", step, *options, *flags]

    def step(self, step: str, place: str | None = None) -> Outcome:
        """Run a step to its end, whatever that is."""
        command = self.command(step)
        [outcome] = self.processes.together(self.library, command, place=place, clock_hours=self.clock_hours)
        if step == "ingest" and outcome.code == 0:
            self.begun = outcome.account
        return outcome

    def done(self, *steps: str) -> dict[str, dict[str, Any]]:
        """Run steps that must succeed; returns their accounts."""
        outcomes = {}
        for step in steps:
            outcomes[step] = self.step(step)
            assert outcomes[step].code == 0, f"{step}: {outcomes[step]}"
        return {step: outcome.account for step, outcome in outcomes.items()}

    def whole(self) -> dict[str, dict[str, Any]]:
        """A whole night, to the release."""
        return self.done(*NIGHT, "release")

    def new_books(self) -> dict[str, dict[str, Any]]:
        """What an hourly run does."""
        self.keep_collaborative = True
        return self.done(*NEW_BOOKS, "release")


if __name__ == "__main__":
    _serve()
