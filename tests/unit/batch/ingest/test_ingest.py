"""Ingest: the same twice changes nothing, the latest wins, numbers stay, and nothing half-written is ever current."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.batch.ingest.ingest import IngestReport, ingest
from services.batch.ingest.item_index import number_books
from services.batch.ingest.snapshot import BOOKS_SCHEMA, INTERACTIONS_SCHEMA, Snapshot, current_snapshot
from services.batch.runtime.context import RunContext
from services.batch.sources.folder import open_folder
from services.batch.sources.rejects import RejectLog
from services.batch.sources.source import BOOK_COLUMNS
from shared.errors import ArtifactError, SourceError
from shared.layout import DataFolder
from shared.settings import Settings

BOOKS = "book_id,title,authors,original_publication_year\nb1,One,Ann,1901\nb2,Two (Set #2),,\nb3,Three,Cid,1903\n"
RATINGS = "user_id,book_id,rating\nu1,b1,5\nu2,b2,3\nu1,b1,2\nu1,b9,4\nu2,b3,9\n"


class ListSource:
    """A source out of Python lists, the way a program makes one: plain columns, no rows and files."""

    kind, name, rating_scale, has_clock_time, simulated_readers = "list", "list", "1-5", True, True

    def __init__(self, book_ids: Sequence[str], rows: Sequence[tuple[str, str, str, float, float]] = ()) -> None:
        self.book_ids = list(book_ids)
        self.rows = list(rows) or [("u", self.book_ids[0], "read", math.nan, 1.0)]
        self.n_parsed = 0

    def fingerprint(self) -> str:
        return repr((self.book_ids, self.rows))

    def books(self, rejects: RejectLog) -> pd.DataFrame:  # noqa: ARG002 - the interface
        self.n_parsed += 1
        n = len(self.book_ids)
        columns = {name: pd.Series([None] * n, dtype=object) for name in ("series", "description", "image_url")}
        columns |= {
            name: pd.Series([math.nan] * n) for name in ("year", "series_position", "average_rating", "n_ratings")
        }
        columns |= {name: pd.Series([[] for _ in range(n)], dtype=object) for name in ("authors", "genres")}
        titles = [f"Title of {book_id}" for book_id in self.book_ids]
        return pd.DataFrame({"book_id": self.book_ids, "title": titles, **columns})[list(BOOK_COLUMNS)]

    def interactions(self, rejects: RejectLog) -> pd.DataFrame:  # noqa: ARG002 - the interface
        return pd.DataFrame(self.rows, columns=["user_id", "book_id", "kind", "value", "time"])


def folder_source(path: Path, books: str = BOOKS, ratings: str = RATINGS) -> Path:
    path.mkdir(exist_ok=True)
    (path / "books.csv").write_text(books)
    (path / "ratings.csv").write_text(ratings)
    return path


def run(data: Path, source: Path | ListSource | None) -> tuple[IngestReport, Snapshot]:
    opened = open_folder(source) if isinstance(source, Path) else source
    report = ingest(RunContext(Settings(data_dir=data)), opened)
    snapshot = current_snapshot(DataFolder(data))
    assert snapshot is not None
    assert snapshot.id == report.snapshot_id
    return report, snapshot


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
    )
    assert snapshot.manifest.source.model_dump() == {
        "kind": "goodbooks",
        "name": "mini",
        "fingerprint": open_folder(tmp_path / "mini").fingerprint(),
        "rating_scale": "1-5",
        "has_clock_time": False,
        "simulated_readers": False,
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
    books = "book_id,title\nb1,Old\nb2,Other\nb1,New\n"
    report, snapshot = run(
        tmp_path / "data", folder_source(tmp_path / "mini", books, "user_id,book_id,rating\nu,b1,3\n")
    )
    assert sorted(snapshot.load_books()["title"]) == ["New", "Other"]
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


def test_nothing_to_ingest_from_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"--source FOLDER, or run `nightshelf demo`"):
        ingest(RunContext(Settings(data_dir=tmp_path)), None)


@pytest.mark.parametrize(
    ("books", "ratings", "message"),
    [
        ("book_id,title\n1,\n2\n", RATINGS, r"no usable book\. Rejected: .*title is missing \(1\)"),
        ("book_id,title\n", RATINGS, r"no usable book\. Its table has no rows"),
        (
            BOOKS,
            "user_id,book_id,rating\nu,b1,x\nu,b7,3\n",
            r"no usable interaction\. .*not a number \(1\); unknown book \(1\)",
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


def test_a_damaged_snapshot_is_refused_by_name(tmp_path: Path) -> None:
    _, snapshot = run(tmp_path, ListSource(["a"]))
    (snapshot.path / "books.parquet").write_bytes(b"PAR1")
    with pytest.raises(ArtifactError, match="table books of snapshot"):
        snapshot.load_books()
    (snapshot.path / "snapshot.json").unlink()
    with pytest.raises(ArtifactError, match=f"snapshot {snapshot.id} cannot be read"):
        current_snapshot(DataFolder(tmp_path))


IDS = st.lists(st.sampled_from([f"{number:03d}X" for number in range(12)]), min_size=1, max_size=12, unique=True)


@settings(deadline=None)
@given(st.lists(IDS, min_size=1, max_size=8))
def test_numbers_never_change_over_any_sequence_of_sources(rounds: list[list[str]]) -> None:
    known: pd.DataFrame | None = None
    given_numbers: dict[str, int] = {}
    for ids in rounds:
        known = number_books(known, ListSource(ids).books(RejectLog()))
        assert known["book_number"].tolist() == list(range(len(known)))
        numbers = dict(zip(known["book_id"], known["book_number"].tolist(), strict=True))
        new = [book_id for book_id in ids if book_id not in given_numbers]
        assert [numbers[book_id] for book_id in new] == list(range(len(given_numbers), len(given_numbers) + len(new)))
        assert given_numbers.items() <= numbers.items()
        assert set(known.loc[known["active"], "book_id"]) == set(ids)
        given_numbers = numbers


@settings(max_examples=8, deadline=None)
@given(rounds=st.lists(IDS, min_size=1, max_size=4))
def test_numbers_never_change_over_any_sequence_of_ingests(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[list[str]]
) -> None:
    data = tmp_path_factory.mktemp("data")
    given_numbers: dict[str, int] = {}
    for ids in rounds:
        rows = [("u", book_id, "read", math.nan, float(time)) for time, book_id in enumerate(ids)]
        _, snapshot = run(data, ListSource(ids, rows))
        books = snapshot.load_books()
        numbers = dict(zip(books["book_id"], books["book_number"].tolist(), strict=True))
        assert given_numbers.items() <= numbers.items()
        assert snapshot.load_interactions()["book_number"].tolist() == [numbers[book_id] for book_id in ids]
        given_numbers = numbers


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_deduplication_keeps_what_a_plain_dictionary_would(seed: int) -> None:
    from services.batch.ingest.interaction_table import latest
    from services.batch.sources.interaction_rows import KIND_DTYPE

    random = np.random.default_rng(seed)
    n = 60
    frame = pd.DataFrame(
        {
            "user_id": pd.Series(random.choice(["u", "v", "w"], n)).astype("category"),
            "book_number": random.integers(0, 4, n).astype(np.int32),
            "kind": pd.Series(random.choice(["view", "rating", "dismiss"], n)).astype(KIND_DTYPE),
            "value": np.arange(n, dtype=float),
            "time": random.integers(0, 10, n).astype(float),
            "event_id": pd.Series([None] * n).astype("category"),
        }
    )
    by_time = sorted(frame.itertuples(index=False), key=lambda row: row.time)
    expected = {(row.user_id, row.book_number, row.kind): (row.value, row.time) for row in by_time}
    found = latest(frame, n_books=4)
    assert found["time"].is_monotonic_increasing
    assert {
        (row.user_id, row.book_number, row.kind): (row.value, row.time) for row in found.itertuples(index=False)
    } == expected
    assert len(found) == len(expected)
