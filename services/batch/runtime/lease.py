"""One run at a time on a data folder, whether it is one process or a chain of steps in processes of their own.

A process holds a lock while it works, a whole night for itself alone, the steps of one run beside each other; the
system lets go of it however the process ends. Between its steps a run keeps the folder by a *lease*, a small file with
its name, which each step gives a new time while it works. A run that gives no sign of life for `lease_minutes` has lost
it to whoever asks next, unless one of its steps is at work all the same: locks know no clock, and clocks are set.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import orjson

from shared.layout import DataFolder, write_durably
from shared.lease import holder, locked, refuse_other_run

_SIGN_OF_LIFE_SECONDS = 30.0


@contextmanager
def only_run(folder: DataFolder, *, lease_minutes: float) -> Iterator[None]:
    """Keep every other run and step away from this data folder.

    Raises:
        RunActiveError: another run has it.
    """
    with ExitStack() as held:
        with _alone(folder):
            held.enter_context(locked(folder, fcntl.LOCK_EX))
            refuse_other_run(folder, lease_minutes)
        yield


@contextmanager
def step_of(folder: DataFolder, run: str, *, lease_minutes: float) -> Iterator[None]:
    """Be a step of this run: take its lease or keep it, and give signs of life while working.

    Raises:
        RunActiveError: another run has the data folder.
    """
    with ExitStack() as held:
        with _alone(folder):
            if holder(folder) != run:
                refuse_other_run(folder, lease_minutes)
                with locked(folder, fcntl.LOCK_EX):  # nobody else is at work, whatever became of their lease
                    write_durably(folder.lease, orjson.dumps({"run": run}))
            held.enter_context(locked(folder, fcntl.LOCK_SH))
        _heartbeat(folder, run)
        stop = threading.Event()
        signs = threading.Thread(target=_heartbeats, args=(folder, run, stop), name="lease", daemon=True)
        signs.start()
        try:
            yield
        finally:
            stop.set()
            signs.join()
            _heartbeat(folder, run)


@contextmanager
def exclusive_step(folder: DataFolder, step: str) -> Iterator[None]:
    """Wait for an earlier process of this step: a scheduler may begin one again that it takes for dead."""
    with folder.lease.with_suffix(f".{step}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def release(folder: DataFolder, run: str) -> bool:
    """Give the lease of this run back; returns whether it still had it."""
    if holder(folder) != run:
        return False
    with _alone(folder):
        if holder(folder) != run:
            return False
        folder.lease.unlink()
        return True


@contextmanager
def _alone(folder: DataFolder) -> Iterator[None]:
    """Look at lease and lock and take them in one go: first steps of two runs may come at the same time."""
    folder.root.mkdir(parents=True, exist_ok=True)
    with folder.lease.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _heartbeat(folder: DataFolder, run: str) -> None:
    """Renew the lease, if it is still this run's. Needs no room on the disk; a sign that fails is no reason to stop."""
    with suppress(OSError), _alone(folder):
        if holder(folder) == run:
            os.utime(folder.lease)


def _heartbeats(folder: DataFolder, run: str, stop: threading.Event) -> None:
    while not stop.wait(_SIGN_OF_LIFE_SECONDS):
        _heartbeat(folder, run)
