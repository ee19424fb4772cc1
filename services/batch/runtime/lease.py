"""One run at a time on a data folder, whether it is one process or a chain of steps in processes of their own.

A process holds the folder's lock while it works: a whole night exclusively, the steps of one run together. The kernel
releases the lock when the process ends, however it ends. Between steps the run keeps the folder by a *lease*, a small
file with its name, which each step touches while it works. A run that does not touch it for `lease_minutes` loses it to
the next run that asks, unless one of its steps still holds the lock: locks do not depend on the clock.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import orjson
from filelock import FileLock

from shared.layout import DataFolder, write_durably
from shared.lease import holder, locked, refuse_other_run

_HEARTBEAT_SECONDS = 30.0
_POLL_SECONDS = 0.005  # the lease is only ever locked for a few file operations


@contextmanager
def only_run(folder: DataFolder, *, lease_minutes: float) -> Iterator[None]:
    """Hold the data folder exclusively: no other run and no step may work on it.

    Raises:
        RunActiveError: another run has it.
    """
    with ExitStack() as held:
        with _lease_lock(folder):
            held.enter_context(locked(folder, fcntl.LOCK_EX))
            refuse_other_run(folder, lease_minutes)
        yield


@contextmanager
def step_of(folder: DataFolder, run: str, *, lease_minutes: float) -> Iterator[None]:
    """Work as a step of this run: take or keep its lease, and touch it while working.

    Raises:
        RunActiveError: another run has the data folder.
    """
    with ExitStack() as held:
        with _lease_lock(folder):
            if holder(folder) != run:
                refuse_other_run(folder, lease_minutes)
                with locked(folder, fcntl.LOCK_EX):  # no process works on the folder, whatever its lease says
                    write_durably(folder.lease, orjson.dumps({"run": run}))
            held.enter_context(locked(folder, fcntl.LOCK_SH))
        _heartbeat(folder, run)
        stop = threading.Event()
        heart = threading.Thread(target=_heartbeats, args=(folder, run, stop), name="lease", daemon=True)
        heart.start()
        try:
            yield
        finally:
            stop.set()
            heart.join()
            _heartbeat(folder, run)


@contextmanager
def exclusive_step(folder: DataFolder, step: str) -> Iterator[None]:
    """Wait until no other process runs this step: a scheduler may restart one that it wrongly believes dead."""
    with FileLock(_lock_file(folder, f".{step}.lock")):
        yield


def release(folder: DataFolder, run: str) -> bool:
    """Release the lease of this run; returns whether the run still had it."""
    if holder(folder) != run:
        return False
    with _lease_lock(folder):
        if holder(folder) != run:
            return False
        folder.lease.unlink()
        return True


@contextmanager
def _lease_lock(folder: DataFolder) -> Iterator[None]:
    """Read and change lease and lock as one operation: the first steps of two runs may start at the same time."""
    with FileLock(_lock_file(folder, ".lock"), poll_interval=_POLL_SECONDS):
        yield


def _lock_file(folder: DataFolder, suffix: str) -> Path:
    folder.root.mkdir(parents=True, exist_ok=True)
    return folder.lease.with_suffix(suffix)


def _heartbeat(folder: DataFolder, run: str) -> None:
    """Touch the lease if this run still has it. Works on a full disk; a failure does not stop the step."""
    with suppress(OSError), _lease_lock(folder):
        if holder(folder) == run:
            os.utime(folder.lease)


def _heartbeats(folder: DataFolder, run: str, stop: threading.Event) -> None:
    while not stop.wait(_HEARTBEAT_SECONDS):
        _heartbeat(folder, run)
