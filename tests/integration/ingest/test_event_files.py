"""The files of stored events: they stay few, a merge that dies loses nothing, and each event counts once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet as pq
import pytest

from services.batch.ingest.event_files import event_files
from services.batch.ingest.event_log import clean_events, read_events, take_events
from services.batch.ingest.ingest import ingest_lock, store_events
from services.batch.runtime.context import RunContext
from services.batch.sources.rejects import RejectLog
from shared.feedback import UNDO_EVENT_ID, UNDO_KIND
from shared.keys import Keys
from shared.layout import DataFolder
from shared.settings import Settings


class CrashError(Exception):
    """Stands for a process that is gone."""


@pytest.fixture
def report(client, prefix):
    """Put an event into the stream as the API does."""

    def put(event_id, **fields):
        event = {"event": event_id, "user": "u1", "book": "b1", "kind": "read", "value": "", "time": "1700000000.5"}
        client.xadd(Keys(prefix).events, event | fields)

    return put


@pytest.fixture
def take(client, prefix, tmp_path):
    """Move the stream into files."""
    return lambda: take_events(tmp_path, client, Keys(prefix).events)


def stored(folder):
    return [event_id for path in event_files(folder) for event_id in pq.read_table(path)["event_id"].to_pylist()]


def test_storing_opens_as_many_files_after_a_year_as_after_a_day(report, take, tmp_path, monkeypatch):
    """A run every few minutes stores an event or two."""
    opened = []
    read_table = pq.read_table

    def counting(*arguments, **options):
        opened[-1] += 1
        return read_table(*arguments, **options)

    monkeypatch.setattr("services.batch.ingest.event_files.pq.read_table", counting)
    monkeypatch.setattr("services.batch.ingest.event_files.fsync_folder", lambda _folder: None)
    monkeypatch.setattr("services.batch.ingest.event_files.os.fsync", lambda _file: None)
    n_runs = 400
    for run in range(n_runs):
        opened.append(0)
        report(f"e{run}", user=f"u{run % 7}")
        assert take() == 1
    assert max(opened[:100]) <= 16 >= max(opened[-100:])
    assert len(event_files(tmp_path)) <= 16
    assert read_events(tmp_path).table["event_id"].to_pylist() == [f"e{run}" for run in range(n_runs)]


@pytest.mark.parametrize("step", ["write_durably", "write_file"])
def test_a_merge_that_dies_neither_loses_nor_doubles(report, take, client, tmp_path, monkeypatch, step):
    for run in range(7):
        report(f"e{run}")
        take()
    before = [path.name for path in event_files(tmp_path)]
    assert len(before) == 7
    report("e7")

    def crash(*_arguments: object):
        raise CrashError

    def crash_in_the_merge():
        monkeypatch.setattr(f"services.batch.ingest.event_files.{step}", crash)

    original = client.xtrim
    monkeypatch.setattr(client, "xtrim", lambda *a, **o: (crash_in_the_merge(), original(*a, **o))[1])
    with pytest.raises(CrashError):
        take()
    monkeypatch.undo()
    assert sorted(stored(tmp_path)) == [f"e{run}" for run in range(8)]
    report("e8")
    assert take() == 1
    assert sorted(stored(tmp_path)) == [f"e{run}" for run in range(9)]
    assert len(list(tmp_path.glob("*.parquet"))) == 1, "the parts are gone"
    assert not (tmp_path / ".merge.json").exists()


def test_a_merge_half_cleared_away_is_read_once(report, take, tmp_path):
    for run in range(7):
        report(f"e{run}")
        take()
    parts = event_files(tmp_path)
    copies = {path.name: path.read_bytes() for path in parts}
    report("e7")
    take()
    [merged] = event_files(tmp_path)
    for path in parts[:3]:
        path.write_bytes(copies[path.name])
    names = json.dumps({"merged": merged.name, "parts": [path.name for path in parts]})
    (tmp_path / ".merge.json").write_text(names)
    assert event_files(tmp_path) == [merged]
    assert stored(tmp_path) == [f"e{run}" for run in range(8)]


def test_an_event_id_counts_once_for_each_user_and_however_late_it_comes_again(report, take, tmp_path):
    report("e", user="u1")
    report("e", user="u2")
    assert take() == 2
    for run in range(40):
        report(f"e{run}")
        take()
    report("e", user="u1", book="b2")
    take()
    events = clean_events(read_events(tmp_path), RejectLog())
    assert events[events["event_id"] == "e"][["user_id", "book_id"]].to_numpy().tolist() == [["u1", "b1"], ["u2", "b1"]]


def test_an_undone_event_is_left_out(report, take, tmp_path):
    for user in ("u1", "u2"):
        report("e", user=user)
    report(UNDO_EVENT_ID.format("e"), user="u1", kind=UNDO_KIND, value="read")
    take()
    rejects = RejectLog()
    assert clean_events(read_events(tmp_path), rejects)["user_id"].tolist() == ["u2"]
    assert rejects.total == 0


def test_storing_events_does_not_wait_for_an_ingest(report, client, prefix, tmp_path):
    folder = DataFolder(tmp_path)
    report("e")
    context = RunContext(Settings(data_dir=tmp_path, redis_prefix=prefix), client=client)
    with ingest_lock(folder), ThreadPoolExecutor(1) as other:
        assert other.submit(store_events, context).result(timeout=60) == 1
