"""The records of the last run's steps, as they are read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.layout import DataFolder
from shared.run_log import StepRecord, read_last_run, write_record


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path)


def record(run, step, minute, status="done"):
    return StepRecord(run=run, step=step, status=status, began_at=datetime(2026, 1, 1, 3, minute, tzinfo=UTC))


def test_before_the_first_run_there_is_nothing(folder):
    assert read_last_run(folder) == []


def test_the_last_run_is_that_whose_step_began_last_in_the_order_of_its_steps(folder):
    for one in (record("a", "user state", 0), record("b", "publish", 3), record("b", "embed", 2)):
        write_record(folder, one)
    assert [(one.run, one.step) for one in read_last_run(folder)] == [("b", "embed"), ("b", "publish")]
    assert (folder.last_run / "user-state.json").exists()


def test_a_record_replaces_the_one_before(folder):
    for status in ("running", "failed"):
        write_record(folder, record("a", "embed", 0, status))
    assert [one.status for one in read_last_run(folder)] == ["failed"]


def test_what_cannot_be_read_is_left_out(folder):
    write_record(folder, record("a", "embed", 0))
    (folder.last_run / "ingest.json").write_text("{")
    (folder.last_run / "publish.json").mkdir()
    assert read_last_run(folder) == [record("a", "embed", 0)]
