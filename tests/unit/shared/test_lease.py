"""The lock and the lease as their readers see them; `services.batch.runtime.lease` takes them."""

from __future__ import annotations

import fcntl
import os
import time

import orjson
import pytest

from shared.errors import RunActiveError
from shared.layout import DataFolder
from shared.lease import holder, locked, refuse_other_run

MINUTES = 60.0


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path)


def heard_of(folder, seconds_ago):
    folder.lease.write_bytes(orjson.dumps({"run": "a"}))
    moment = time.time() - seconds_ago
    os.utime(folder.lease, (moment, moment))


def test_without_a_lease_no_run_is_active(folder):
    assert holder(folder) is None
    refuse_other_run(folder, MINUTES)


@pytest.mark.parametrize("seconds_ago", [0, MINUTES * 60 - 30, -MINUTES * 60 + 30])
def test_a_run_that_was_heard_of_is_active(folder, seconds_ago):
    heard_of(folder, seconds_ago)
    with pytest.raises(RunActiveError, match=r"run a is active .* last seen \d+ s ago") as refused:
        refuse_other_run(folder, MINUTES)
    assert refused.value.where == str(folder.lease)
    assert "nightshelf step release --run 'a'" in refused.value.hint


@pytest.mark.parametrize("seconds_ago", [MINUTES * 60 + 1, -MINUTES * 60 - 30])
def test_a_run_not_heard_of_is_not_active_though_it_has_the_lease(folder, seconds_ago):
    heard_of(folder, seconds_ago)
    refuse_other_run(folder, MINUTES)
    assert holder(folder) == "a"


@pytest.mark.parametrize(
    ("held", "asked", "refused"),
    [
        (fcntl.LOCK_SH, fcntl.LOCK_SH, False),
        (fcntl.LOCK_SH, fcntl.LOCK_EX, True),
        (fcntl.LOCK_EX, fcntl.LOCK_SH, True),
    ],
)
def test_the_lock_is_shared_or_exclusive(folder, held, asked, refused):
    with locked(folder, held):
        if refused:
            with pytest.raises(RunActiveError, match="Another run is active") as error, locked(folder, asked):
                pass
            assert error.value.where == str(folder.root)
        else:
            with locked(folder, asked):
                pass
    with locked(folder, fcntl.LOCK_EX):
        pass


def test_a_folder_that_cannot_be_written_to_is_locked_too(folder, monkeypatch):
    """Root may write anywhere, so that the refusal of the system is made up."""
    folder.lock.touch()
    open_file = os.open

    def read_only(path, flags, *mode):
        if flags & os.O_RDWR:
            raise PermissionError(13, "read-only")
        return open_file(path, flags, *mode)

    monkeypatch.setattr(os, "open", read_only)
    with locked(folder, fcntl.LOCK_SH):
        pass


def test_a_folder_that_is_not_there_is_no_run(folder):
    with pytest.raises(FileNotFoundError), locked(DataFolder(folder.root / "absent"), fcntl.LOCK_SH):
        pass
