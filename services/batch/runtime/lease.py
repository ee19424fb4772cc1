"""Allows one run at a time on a data folder, as one process or as a chain of step processes.

A working process holds the folder's lock: a whole night holds it exclusively, the steps of one run share it. The kernel
releases the lock when the process ends. Between steps, the run holds a *lease*, a small file with the run's name. Each
working step touches it. If a run does not touch the lease for `lease_minutes`, another run can take it, unless a step
of the first run still holds the lock. The lock does not depend on the clock.
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
_POLL_SECONDS = 0.005  # the lease is locked only for a few file operations


@contextmanager
def only_run(folder: DataFolder, *, lease_minutes: float) -> Iterator[None]:
    """Hold the data folder exclusively, against other runs and steps.

    Raises:
        RunActiveError: another run holds the data folder.
    """
    with ExitStack() as held:
        with _lease_lock(folder):
            held.enter_context(locked(folder, fcntl.LOCK_EX))
            refuse_other_run(folder, lease_minutes)
        yield


@contextmanager
def step_of(folder: DataFolder, run: str, *, lease_minutes: float) -> Iterator[None]:
    """Work as a step of this run: acquire or renew its lease, and touch it during the work.

    Raises:
        RunActiveError: another run holds the data folder.
    """
    with ExitStack() as held:
        with _lease_lock(folder):
            if holder(folder) != run:
                refuse_other_run(folder, lease_minutes)
                with locked(folder, fcntl.LOCK_EX):  # no process works on the folder, even if there is a lease
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
    """Wait until no other process runs this step: a scheduler may restart a step that is still alive."""
    with FileLock(_lock_file(folder, f".{step}.lock")):
        yield


def release(folder: DataFolder, run: str) -> bool:
    """Release the lease of this run; returns whether the run still held it."""
    if holder(folder) != run:
        return False
    with _lease_lock(folder):
        if holder(folder) != run:
            return False
        folder.lease.unlink()
        return True


@contextmanager
def _lease_lock(folder: DataFolder) -> Iterator[None]:
    """Make changes of lease and lock atomic: the first steps of two runs may start at the same time."""
    with FileLock(_lock_file(folder, ".lock"), poll_interval=_POLL_SECONDS):
        yield


def _lock_file(folder: DataFolder, suffix: str) -> Path:
    folder.root.mkdir(parents=True, exist_ok=True)
    return folder.lease.with_suffix(suffix)


def _heartbeat(folder: DataFolder, run: str) -> None:
    """Touch the lease if this run still holds it. Works on a full disk; a failure does not stop the step."""
    with suppress(OSError), _lease_lock(folder):
        if holder(folder) == run:
            os.utime(folder.lease)


def _heartbeats(folder: DataFolder, run: str, stop: threading.Event) -> None:
    while not stop.wait(_HEARTBEAT_SECONDS):
        _heartbeat(folder, run)
