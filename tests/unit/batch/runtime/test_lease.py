"""The lease: one run at a time, also with dead processes and clock changes."""

from __future__ import annotations

import os
import threading
import time

import pytest

from services.batch.runtime import lease
from services.batch.runtime.lease import holder, only_run, release, step_of
from shared.errors import RunActiveError
from shared.layout import DataFolder

MINUTES = 60.0
HOUR_SECONDS = 3600.0


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path / "data")


def has_begun(folder, run):
    with step_of(folder, run, lease_minutes=MINUTES):
        pass


def is_refused(folder, run):
    with pytest.raises(RunActiveError) as raised, step_of(folder, run, lease_minutes=MINUTES):
        raise AssertionError("it works")
    return raised.value


def last_sign(folder, *, seconds_ago):
    """Age the lease by this many seconds; negative values simulate a clock set back."""
    moment = time.time() - seconds_ago
    os.utime(folder.lease, (moment, moment))


def test_the_run_that_begins_keeps_the_folder_from_step_to_step(folder):
    has_begun(folder, "a")
    assert holder(folder) == "a"
    assert is_refused(folder, "b").where == str(folder.lease)
    has_begun(folder, "a")
    assert holder(folder) == "a"


def test_who_is_refused_is_told_who_has_it_and_how_to_end_that(folder):
    has_begun(folder, "nightly/2026-03-29")
    refused = is_refused(folder, "b")
    assert "The run nightly/2026-03-29 is active" in refused.what
    assert "nightshelf step release --run 'nightly/2026-03-29'" in refused.hint


def test_steps_of_one_run_work_beside_each_other(folder):
    with step_of(folder, "a", lease_minutes=MINUTES), step_of(folder, "a", lease_minutes=MINUTES):
        is_refused(folder, "b")
    assert holder(folder) == "a"


def test_a_step_that_fails_keeps_the_lease_for_its_next_try(folder):
    with pytest.raises(ZeroDivisionError), step_of(folder, "a", lease_minutes=MINUTES):
        raise ZeroDivisionError
    is_refused(folder, "b")
    has_begun(folder, "a")


@pytest.mark.parametrize("seconds_ago", [0.0, MINUTES * 60 - 30, -MINUTES * 60 + 30])
def test_a_run_that_was_heard_of_keeps_the_folder(folder, seconds_ago):
    has_begun(folder, "a")
    last_sign(folder, seconds_ago=seconds_ago)
    is_refused(folder, "b")
    with pytest.raises(RunActiveError, match="The run a is active"), only_run(folder, lease_minutes=MINUTES):
        pass


@pytest.mark.parametrize("seconds_ago", [MINUTES * 60 + 1, 30 * HOUR_SECONDS, -MINUTES * 60 - 30, -30 * HOUR_SECONDS])
def test_a_run_not_heard_of_has_lost_the_folder_also_when_the_clock_was_set_back(folder, seconds_ago):
    """A lease time too far in the future counts as expired."""
    has_begun(folder, "a")
    last_sign(folder, seconds_ago=seconds_ago)
    with only_run(folder, lease_minutes=MINUTES):
        assert holder(folder) == "a"
    has_begun(folder, "b")
    assert holder(folder) == "b"
    is_refused(folder, "a")


@pytest.mark.parametrize("seconds_ago", [30 * HOUR_SECONDS, -30 * HOUR_SECONDS])
def test_a_step_at_work_keeps_the_folder_whatever_the_clock_says(folder, seconds_ago):
    with step_of(folder, "a", lease_minutes=MINUTES):
        last_sign(folder, seconds_ago=seconds_ago)
        is_refused(folder, "b")
        with pytest.raises(RunActiveError), only_run(folder, lease_minutes=MINUTES):
            pass
        assert holder(folder) == "a"
    is_refused(folder, "b")


def test_a_step_at_work_keeps_the_folder_though_the_lease_was_given_back(folder):
    """A scheduler may release the run of a step that it believes dead."""
    with step_of(folder, "a", lease_minutes=MINUTES):
        assert release(folder, "a")
        is_refused(folder, "b")
    assert holder(folder) is None, "a step that ends does not take back what was given back"
    has_begun(folder, "b")


def test_a_step_gives_signs_of_life_while_it_works(folder, monkeypatch):
    monkeypatch.setattr(lease, "_HEARTBEAT_SECONDS", 0.01)
    with step_of(folder, "a", lease_minutes=MINUTES):
        last_sign(folder, seconds_ago=HOUR_SECONDS)
        deadline = time.monotonic() + 20
        while time.time() - folder.lease.stat().st_mtime > HOUR_SECONDS / 2:
            assert time.monotonic() < deadline, "no sign of life"
    assert not [thread for thread in threading.enumerate() if thread.name == "lease"]


def test_a_sign_that_cannot_be_given_does_not_stop_the_step(folder, monkeypatch):
    def refuse(*_arguments, **_options):
        raise PermissionError

    with step_of(folder, "a", lease_minutes=MINUTES):
        monkeypatch.setattr(lease.os, "utime", refuse)
    assert holder(folder) == "a"


def test_a_lease_is_given_back_by_its_run_alone_and_once(folder):
    assert not release(folder, "a")
    assert not folder.root.exists()
    has_begun(folder, "a")
    assert not release(folder, "b")
    assert holder(folder) == "a"
    assert release(folder, "a")
    assert not release(folder, "a")
    has_begun(folder, "b")


def test_a_whole_run_keeps_every_step_away_and_leaves_no_lease(folder):
    with only_run(folder, lease_minutes=MINUTES):
        assert "Another run is active" in is_refused(folder, "a").what
        with pytest.raises(RunActiveError), only_run(folder, lease_minutes=MINUTES):
            pass
    assert holder(folder) is None
    has_begun(folder, "a")


def test_of_many_that_begin_at_once_one_gets_the_folder(folder):
    """Each run requests the lease repeatedly, so that all interleavings occur."""
    n_runs, n_rounds = 8, 25
    start, end = threading.Barrier(n_runs), threading.Barrier(n_runs)
    winners = []

    def compete(run):
        for number in range(n_rounds):
            start.wait(20)
            try:
                with step_of(folder, run, lease_minutes=MINUTES):
                    winners.append(number)
            except RunActiveError:
                pass
            if end.wait(20) == 0:
                release(folder, holder(folder))

    threads = [threading.Thread(target=compete, args=(f"run-{number}",)) for number in range(n_runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert winners == list(range(n_rounds))
