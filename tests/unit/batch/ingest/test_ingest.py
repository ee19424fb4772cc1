"""Ingest: the same twice changes nothing, the latest wins, numbers stay, and nothing half-written is ever current."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from services.batch.ingest.ingest import IngestReport, ingest
from services.batch.ingest.snapshot import BOOKS_SCHEMA, INTERACTIONS_SCHEMA, current_snapshot
from services.batch.runtime.context import RunContext
from services.batch.sources.folder import open_folder
from shared.errors import SourceError
from shared.layout import DataFolder
from shared.settings import Settings
from tests.worlds.ingested import BOOKS, RATINGS, ListSource, folder_source, run


def test_a_folder_becomes_the_tables_of_the_contract(tmp_path: Path) -> None:
    report, snapshot = run(tmp_path / "data", folder_source(tmp_path / "mini"))
    assert pq.read_schema(snapshot.path / "books.parquet") == BOOKS_SCHEMA
    assert pq.read_schema(snapshot.path / "interactions.parquet") == INTERACTIONS_SCHEMA
    books, interactions = snapshot.load_books(), snapshot.load_interactions()
    assert books["book_number"].tolist() == [0, 1, 2]
    assert books[["book_id", "title", "authors", "series"]].to_numpy().tolist() == [
        ["b1", "One", ["Ann"], None],
        ["b2", "Two", [], "Set"],
        ["b3", "Three", ["Cid"], None],
    ]
    rows = interactions[["user_id", "book_number", "kind", "value", "time"]].itertuples(index=False, name=None)
    assert list(rows) == [("u2", 1, "rating", 3.0, 2.0), ("u1", 0, "rating", 2.0, 3.0)]
    assert interactions["event_id"].isna().all()
    assert snapshot.load_rejects().to_pylist() == [
        {"source": "ratings.csv", "row": 5, "field": "rating", "value": "9", "reason": "rating is outside 1-5"},
        {"source": "ratings.csv", "row": 4, "field": "book_id", "value": "b9", "reason": "unknown book"},
    ]
    assert report == IngestReport(
        snapshot_id=snapshot.id,
        n_books=3,
        n_active_books=3,
        n_users=2,
        n_interactions=2,
        n_rejected=2,
        n_duplicates=1,
        n_events=0,
        rejected_by_reason={"rating is outside 1-5": 1, "unknown book": 1},
        changed=True,
        findings=snapshot.manifest.findings,
    )
    assert snapshot.manifest.source.model_dump() == {
        "kind": "goodbooks",
        "name": "mini",
        "fingerprint": open_folder(tmp_path / "mini").fingerprint(),
        "rating_scale": "1-5",
        "order": "time",
        "simulated_readers": False,
        "id": None,
    }
    assert snapshot.manifest.events_through is None


def test_the_same_source_again_is_not_even_parsed(tmp_path: Path) -> None:
    source = ListSource(["a", "b"])
    first, _ = run(tmp_path, source)
    again, _ = run(tmp_path, source)
    assert (first.changed, again.changed, source.n_parsed) == (True, False, 1)
    assert again.snapshot_id == first.snapshot_id
    assert [path.name for path in (tmp_path / "snapshots").iterdir() if path.is_dir()] == [first.snapshot_id]


def test_the_same_source_has_the_same_id_in_any_installation(tmp_path: Path) -> None:
    source = folder_source(tmp_path / "mini")
    assert run(tmp_path / "x", source)[0].snapshot_id == run(tmp_path / "y", source)[0].snapshot_id
    folder_source(tmp_path / "mini", ratings=RATINGS + "u3,b3,1\n")
    assert (
        run(tmp_path / "y", source)[0].snapshot_id
        != run(tmp_path / "x", folder_source(tmp_path / "mini"))[0].snapshot_id
    )


def test_a_change_that_does_not_matter_keeps_the_id_and_is_remembered(tmp_path: Path) -> None:
    source = folder_source(tmp_path / "mini")
    first, _ = run(tmp_path / "data", source)
    folder_source(tmp_path / "mini", ratings=RATINGS + "u3,b7,1\n")
    second, snapshot = run(tmp_path / "data", source)
    assert (second.snapshot_id, second.changed) == (first.snapshot_id, False)
    assert (second.n_rejected, len(snapshot.load_rejects())) == (3, 3)
    assert snapshot.manifest.source.fingerprint == open_folder(source).fingerprint()


def test_books_that_vanish_keep_their_number_and_return_to_it(tmp_path: Path) -> None:
    run(tmp_path, ListSource(["a", "b", "c"], [("u", "b", "read", math.nan, 1.0)]))
    _, without = run(tmp_path, ListSource(["c", "d"], [("u", "c", "read", math.nan, 1.0)]))
    books = without.load_books()
    assert books["book_id"].tolist() == ["a", "b", "c", "d"]
    assert books["active"].tolist() == [False, False, True, True]
    assert books["title"].tolist()[0] == "Title of a"
    _, back = run(tmp_path, ListSource(["b"], [("u", "b", "read", math.nan, 1.0)]))
    assert back.load_books()["active"].tolist() == [False, True, False, False]
    assert back.load_interactions()["book_number"].tolist() == [1]


def test_a_book_listed_twice_is_one_book_with_the_later_facts(tmp_path: Path) -> None:
    books = "book_id,title\nb1,Name\nb2,Other\nb1,Name: Story of a Book\n"
    report, snapshot = run(
        tmp_path / "data", folder_source(tmp_path / "mini", books, "user_id,book_id,rating\nu,b1,3\n")
    )
    assert sorted(snapshot.load_books()["title"]) == ["Name: Story of a Book", "Other"]
    assert report.n_duplicates == 1


def test_the_latest_by_the_clock_wins_whatever_the_order_of_rows(tmp_path: Path) -> None:
    rows = [("u", "a", "rating", 5.0, 30.0), ("u", "a", "rating", 1.0, 10.0), ("u", "a", "read", math.nan, 5.0)]
    report, snapshot = run(
        tmp_path, ListSource(["a"], [*rows, ("v", "a", "rating", 2.0, 10.0), ("v", "a", "rating", 3.0, 10.0)])
    )
    found = snapshot.load_interactions()[["user_id", "kind", "value", "time"]].fillna({"value": 0})
    assert list(found.itertuples(index=False, name=None)) == [
        ("u", "read", 0, 5.0),
        ("v", "rating", 3.0, 10.0),
        ("u", "rating", 5.0, 30.0),
    ]
    assert report.n_duplicates == 2


def test_nothing_to_ingest_from_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"--source FOLDER, or run `nightshelf demo`"):
        ingest(RunContext(Settings(data_dir=tmp_path)), None)


@pytest.mark.parametrize(
    ("books", "ratings", "message"),
    [
        ("book_id,title\n1,\n2\n", RATINGS, r"no valid book\. Rejected: .*title is missing \(1\)"),
        ("book_id,title\n", RATINGS, r"no valid book\. Its table has no rows"),
        (
            BOOKS,
            "user_id,book_id,rating\nu,b1,x\nu,b7,3\n",
            r"no valid interaction\. .*not a number \(1\); unknown book \(1\)",
        ),
    ],
)
def test_a_source_without_a_usable_row_stops_and_leaves_the_last_snapshot(
    tmp_path: Path, books: str, ratings: str, message: str
) -> None:
    before, _ = run(tmp_path / "data", folder_source(tmp_path / "mini"))
    with pytest.raises(SourceError, match=message):
        run(tmp_path / "data", folder_source(tmp_path / "mini", books, ratings))
    after = current_snapshot(DataFolder(tmp_path / "data"))
    assert after is not None
    assert after.id == before.snapshot_id


@pytest.mark.parametrize("step", ["_write_table", "write_durably", "fsync_folder"])
def test_an_ingest_killed_while_writing_leaves_the_last_snapshot_and_the_next_run_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before, _ = run(tmp_path / "data", folder_source(tmp_path / "mini"))
    source = folder_source(tmp_path / "mini", ratings=f"{RATINGS}u9,b3,1\n")

    def die(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"services.batch.ingest.snapshot.{step}", die)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "data", source)
    after = current_snapshot(DataFolder(tmp_path / "data"))
    assert after is not None
    assert after.id == before.snapshot_id
    report, snapshot = run(tmp_path / "data", source)
    assert (report.changed, len(snapshot.load_interactions())) == (True, 3)
    assert not (tmp_path / "data" / "snapshots" / ".staging").exists()
