"""The run log."""

from __future__ import annotations

import pytest

from services.batch.runtime.run_log import run_log
from shared.errors import SourceError
from shared.layout import DataFolder
from shared.run_log import read_last_run


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path / "data")


def test_a_step_says_that_it_began_how_it_ended_and_what_it_counted(folder):
    with run_log(folder, "first", "ingest") as facts:
        (running,) = read_last_run(folder)
        facts["books"] = 3
    (done,) = read_last_run(folder)
    assert (running.status, running.seconds, running.facts) == ("running", None, {})
    assert (done.status, done.facts, done.error) == ("done", {"books": 3}, None)
    assert done.seconds >= 0


def test_a_step_that_fails_says_why_in_plain_words(folder):
    with pytest.raises(SourceError), run_log(folder, "first", "ingest"):
        raise SourceError("The file has no rows.", where="books.csv")
    with pytest.raises(ZeroDivisionError), run_log(folder, "first", "embed"):
        _ = 1 / 0
    assert [(step.status, step.error) for step in read_last_run(folder)] == [
        ("failed", "The file has no rows."),
        ("failed", "ZeroDivisionError: division by zero"),
    ]


def test_only_the_last_run_is_told_in_the_order_its_steps_began(folder):
    for run, steps in (("first", ("ingest", "embed", "user state")), ("second", ("ingest", "embed"))):
        for step in steps:
            with run_log(folder, run, step):
                pass
    assert [(step.run, step.step) for step in read_last_run(folder)] == [("second", "ingest"), ("second", "embed")]


def test_before_the_first_run_there_is_nothing(folder):
    assert read_last_run(folder) == []


def test_what_cannot_be_read_is_left_out(folder):
    with run_log(folder, "first", "ingest"):
        pass
    (folder.last_run / "embed.json").write_text("{")
    assert [step.step for step in read_last_run(folder)] == ["ingest"]


def test_an_account_that_cannot_be_written_stops_no_run(folder):
    folder.root.mkdir()
    folder.last_run.write_text("a file where the folder should be")
    with run_log(folder, "first", "ingest") as facts:
        facts["books"] = 3
    assert read_last_run(folder) == []
