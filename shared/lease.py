"""Whether a run is active on the data folder: the lock that processes hold, and the lease that outlives them.

`services.batch.runtime.lease` takes both for a run. The API checks them before it moves the pointer.

The lock is `flock`, not `filelock`: steps of one run share it, and `filelock.FileLock` is exclusive only. The
`ReadWriteLock` of `filelock` needs a writable SQLite file and does not work after a fork.
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
    """Name of the run that has the lease, even an expired one."""
    try:
        return str(orjson.loads(folder.lease.read_bytes())["run"])
    except FileNotFoundError:
        return None


@contextmanager
def locked(folder: DataFolder, mode: int) -> Iterator[None]:
    """Hold the data folder's lock, shared or exclusive (`fcntl.LOCK_SH`, `fcntl.LOCK_EX`). Works if it is read-only.

    Raises:
        RunActiveError: another process holds it in a mode that excludes this one.
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
    """Fail if another run has the data folder.

    Raises:
        RunActiveError: a run has the lease and touched it within the last `lease_minutes`.
    """
    other = holder(folder)
    if other is None:
        return
    seconds = time.time() - folder.lease.stat().st_mtime
    if abs(seconds) < lease_minutes * 60:  # abs: a lease from the future means that the clock was set back
        raise RunActiveError(
            f"The run {other} is active on this data folder; it was last seen {abs(seconds):.0f} s ago.",
            where=str(folder.lease),
            hint=f"Wait for it to end. If it crashed: `nightshelf step release --run '{other}'`.",
        )
