"""Files as shops export them, from `tests/cases`: the right books, and every row that is set aside is counted."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from services.batch.ingest.snapshot import Snapshot
from services.batch.ingest.snapshot_manifest import SourceFindings
from tests.paths import ROOT
from tests.worlds.ingested import run

CASES = ROOT / "tests" / "cases"


def findings(snapshot: Snapshot) -> SourceFindings:
    assert snapshot.manifest.findings is not None
    return snapshot.manifest.findings


def test_ratings_join_the_column_they_refer_to(tmp_path: Path) -> None:
    report, snapshot = run(tmp_path, CASES / "goodbooks-two-ids")
    books, interactions = snapshot.load_books(), snapshot.load_interactions()
    written = pd.read_csv(CASES / "goodbooks-two-ids" / "ratings.csv", dtype=str)
    titles = pd.read_csv(CASES / "goodbooks-two-ids" / "books.csv", dtype=str).set_index("id")["title"]
    expected = set(zip(written["user_id"], written["book_id"].map(titles), strict=True))
    assert (report.n_interactions, report.n_rejected) == (480, 0)
    assert set(zip(interactions["user_id"], books["title"][interactions["book_number"]], strict=True)) == expected
    assert 'books_id = "id"' in [guess.setting for guess in findings(snapshot).guesses]


def test_books_without_an_isbn_stay_apart_and_keep_their_ratings(tmp_path: Path) -> None:
    report, snapshot = run(tmp_path, CASES / "goodreads-shop")
    books = snapshot.load_books()
    assert len(books) == books["title"].nunique() == 12
    assert books["book_id"].str.fullmatch(r"978\d{10}|own-[0-9a-f]{16}").all()
    assert report.rejected_by_reason == {"id is missing; kept under an id of its own": 9}
    written = pd.read_csv(CASES / "goodreads-shop" / "export.csv", dtype=str)
    interactions = snapshot.load_interactions()
    titles = books["title"][interactions["book_number"]]
    expected = written["Title"].str.replace(r" \(.*\)$", "", regex=True)
    assert set(zip(interactions["user_id"], titles, strict=True)) == set(zip(written["Reader"], expected, strict=True))


@pytest.mark.parametrize("case", ["float-ids", "lost-zero", "toml-with-bom"])
def test_every_rating_finds_its_book(tmp_path: Path, case: str) -> None:
    report, snapshot = run(tmp_path, CASES / case)
    assert (report.n_books, report.n_users, report.n_interactions, report.n_rejected) == (12, 6, 16, 0)
    written = pd.read_csv(CASES / case / "ratings.csv", dtype=str)
    numbers = written["book_id"].str.removesuffix(".0").str.lstrip("0")
    ids = snapshot.load_books()["book_id"][snapshot.load_interactions()["book_number"]]
    assert sorted(ids.str.lstrip("0")) == sorted(numbers)
    assert findings(snapshot).interactions_respelled == (16 if case == "lost-zero" else 0)
