"""Runs `nightshelf step …` in the batch environment, in its own process group.

Its stderr goes to the log line by line. The last line of its stdout is the result of the step, a JSON object. Imports
only the standard library. `NIGHTSHELF_BIN` names the command; the default is `nightshelf` on the path.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, NoReturn

GRACE_SECONDS = 4.0  # Airflow kills a task five seconds after asking it to stop
_N_LINES_KEPT = 20
_NOT_HANDED_ON = ("AIRFLOW", "_AIRFLOW", "PYTHON", "VIRTUAL_ENV")


class StepFailedError(Exception):
    """The step failed; a retry may help."""


class GateRefusedError(StepFailedError):
    """The quality gate refused; a retry does not help."""


class RunActiveError(StepFailedError):
    """Another run has the data folder."""


class CommandMissingError(StepFailedError):
    """The command does not exist."""


class StepStoppedError(StepFailedError):
    """This process received SIGTERM and stopped the step."""


_ERRORS: dict[int, type[StepFailedError]] = {3: GateRefusedError, 75: RunActiveError}


def run_step(name: str, *options: str, log: Callable[[str], None]) -> dict[str, Any]:
    """Run one step and return its result.

    Call it in the main thread. An exception or SIGTERM first ends the step's whole process group.

    Args:
        name: the step, for instance `top-n`.
        options: its options.
        log: called with each line of its stderr.

    Raises:
        GateRefusedError, RunActiveError, StepFailedError: by its exit code, with the last lines of stderr; the last
            also if it succeeds without a result.
        CommandMissingError: the command does not exist.
        StepStoppedError: this process received SIGTERM.
    """
    words = [_command(), "step", name, *options]
    kept: deque[str] = deque(maxlen=_N_LINES_KEPT)
    with tempfile.TemporaryFile() as output, _raising_on_sigterm():
        process = subprocess.Popen(  # noqa: S603 - no shell; the options are ids from the DAG
            [*_dying_with_its_parent(), *words],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            for line in _lines(process):
                kept.append(line)
                log(line)
            exit_code = process.wait()
        except BaseException:
            _end_group(process)
            raise
        if exit_code != 0:
            error = _ERRORS.get(exit_code, StepFailedError)
            raise error(f"`{' '.join(words)}` {_in_words(exit_code)}\n" + "\n".join(kept))
        return _account(output, words)


def _command() -> str:
    wanted = os.environ.get("NIGHTSHELF_BIN") or "nightshelf"
    found = shutil.which(wanted)
    if found is None:
        raise CommandMissingError(
            f"The command {wanted!r} does not exist. Set NIGHTSHELF_BIN to the `nightshelf` of the batch environment."
        )
    return found


def _environment() -> dict[str, str]:
    """The environment without Airflow's secrets and variables that affect the other Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_HANDED_ON)}
    return kept | {"PYTHONUNBUFFERED": "1"}


def _dying_with_its_parent() -> list[str]:
    """A `setpriv` prefix that ends the command when this process dies, if available."""
    setpriv = shutil.which("setpriv")
    return [] if setpriv is None else [setpriv, "--pdeathsig", "TERM", "--"]


@contextmanager
def _raising_on_sigterm() -> Iterator[None]:
    """Raise on the first SIGTERM; later ones must not interrupt the cleanup."""

    def stop(_signal: int, _frame: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise StepStoppedError("Stopped by SIGTERM; the step was ended.")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """The lines of stderr, until the process closes it."""
    if process.stderr is None:
        return
    with process.stderr as stderr:
        for line in stderr:
            yield line.decode(errors="replace").rstrip()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask the whole group to end; kill what is left after the grace period."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _in_words(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with exit code {exit_code}:"
    hint = " (is there enough memory?)" if exit_code == -signal.SIGKILL else ""
    return f"was killed by signal {-exit_code}{hint}:"


def _account(output: IO[bytes], words: list[str]) -> dict[str, Any]:
    output.seek(0)
    lines = output.read().decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    try:
        account = json.loads(last)
    except ValueError:
        account = None
    if not isinstance(account, dict):
        raise StepFailedError(
            f"`{' '.join(words)}` succeeded, but its last line is not a JSON object: {last[:200]!r}. "
            "Is NIGHTSHELF_BIN the `nightshelf` of this version?"
        )
    return account
