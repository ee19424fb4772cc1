"""Ingest with events: they replace what the source said, stay without a source, and are never lost."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.worlds.ingested import BOOKS, folder_source, run


def store_events(data: Path, *events: tuple[str, ...], first: int = 1) -> None:
    """Durable events as intake leaves them: event, user, book, kind, value, time."""
    names = ("event_id", "user_id", "book_id", "kind", "value", "time")
    ids = [f"{first + i}-0" for i in range(len(events))]
    (data / "events").mkdir(parents=True, exist_ok=True)
    columns = {
        "stream_id": ids,
        **{name: list(values) for name, values in zip(names, zip(*events, strict=True), strict=True)},
    }
    pq.write_table(pa.table(columns), data / "events" / f"{ids[0]}-{ids[-1]}.parquet")


EVENTS = [
    ("e1", "u1", "b1", "rating", "4", "1700000000"),
    ("e2", "new reader", "b3", "purchase", "", "1700000001"),
    ("e3", "u1", "b404", "read", "", "1700000002"),
    ("e4", "u1", "b1", "rating", "7", "1700000003"),
    ("e5", "u1", "b1", "sniff", "", "1700000004"),
]


def test_events_replace_what_the_source_said_and_bad_ones_are_set_aside(tmp_path: Path) -> None:
    store_events(tmp_path / "data", *EVENTS)
    report, snapshot = run(tmp_path / "data", folder_source(tmp_path / "mini"))
    found = snapshot.load_interactions().fillna({"value": 0})
    assert list(found[["user_id", "book_number", "kind", "value"]].itertuples(index=False, name=None)) == [
        ("u2", 1, "rating", 3.0),
        ("u1", 0, "rating", 4.0),
        ("new reader", 2, "purchase", 0),
    ]
    assert found["event_id"].astype(object).where(found["event_id"].notna(), None).tolist() == [None, "e1", "e2"]
    assert report.rejected_by_reason == {"unknown book": 2, "rating is outside 1-5": 2, "unknown kind": 1}
    assert snapshot.manifest.events_through == "5-0"
    rejects = snapshot.load_rejects().to_pylist()
    assert [(r["row"], r["field"], r["value"]) for r in rejects if r["source"] == "events"] == [
        (5, "kind", "sniff"),
        (4, "value", "7"),
        (3, "book_id", "b404"),
    ]


def test_without_a_source_the_last_one_stands_and_events_are_added(tmp_path: Path) -> None:
    source = folder_source(tmp_path / "mini")
    run(tmp_path / "data", source)
    store_events(tmp_path / "data", *EVENTS)
    alone, snapshot = run(tmp_path / "data", None)
    assert alone.changed
    assert run(tmp_path / "data", None)[0].changed is False
    assert run(tmp_path / "data", source)[0].changed is False
    store_events(tmp_path / "fresh", *EVENTS)
    together, _ = run(tmp_path / "fresh", source)
    assert together == alone
    assert snapshot.manifest.source.name == "mini"
    # The row an event replaced is gone from the tables; another event must still come out as with the source.
    more = ("e6", "u1", "b1", "rating", "1", "1600000000")
    for data in ("data", "fresh"):
        store_events(tmp_path / data, more, first=6)
    assert run(tmp_path / "data", None)[0] == run(tmp_path / "fresh", source)[0]


def test_an_event_about_a_book_that_comes_later_is_not_lost(tmp_path: Path) -> None:
    store_events(tmp_path / "data", ("e1", "u1", "b4", "read", "", "1700000000"))
    assert run(tmp_path / "data", folder_source(tmp_path / "mini"))[0].rejected_by_reason["unknown book"] == 2
    folder_source(tmp_path / "mini", books=f"{BOOKS}b4,Four,,\n")
    _, snapshot = run(tmp_path / "data", tmp_path / "mini")
    assert snapshot.load_interactions()["event_id"].dropna().tolist() == ["e1"]
