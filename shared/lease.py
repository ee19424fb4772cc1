"""Whether a run is at work on the data folder: the lock that processes hold, and the lease that outlives them.

`services.batch.runtime.lease` is how runs take both; the API looks here before it moves the pointer under a run.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import orjson

from shared.errors import RunActiveError
from shared.layout import DataFolder

_READ_ONLY = (errno.EROFS, errno.EACCES)


def holder(folder: DataFolder) -> str | None:
    """The run that has the lease, however old it is."""
    try:
        return str(orjson.loads(folder.lease.read_bytes())["run"])
    except FileNotFoundError:
        return None


@contextmanager
def locked(folder: DataFolder, mode: int) -> Iterator[None]:
    """Hold the data folder's lock, shared or alone (`fcntl.LOCK_SH`, `fcntl.LOCK_EX`); a read-only folder will do.

    Raises:
        RunActiveError: another process holds it so that it cannot be had.
    """
    try:
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
        descriptor = os.open(folder.lock, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunActiveError(
                "Another run is active on this data folder.", where=str(folder.root), hint="Wait for it to end."
            ) from error
        yield
    finally:
        os.close(descriptor)


def refuse_other_run(folder: DataFolder, lease_minutes: float) -> None:
    """Make sure that no run of steps has the data folder.

    Raises:
        RunActiveError: one does, and it has given a sign of life in the last `lease_minutes`.
    """
    other = holder(folder)
    if other is None:
        return
    seconds = time.time() - folder.lease.stat().st_mtime
    if abs(seconds) < lease_minutes * 60:  # a sign from far in the future is as old as the setting back of the clock
        raise RunActiveError(
            f"The run {other} is active on this data folder; its last sign of life is {abs(seconds):.0f} s old.",
            where=str(folder.lease),
            hint=f"Wait for it to end. If it never will: `nightshelf step release --run '{other}'`.",
        )
