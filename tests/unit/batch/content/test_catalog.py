"""The catalog artifact: books round-trip with any title; withdrawn books are known but not found."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.batch.content.catalog import RECORD_FIELDS, build_catalog
from shared.artifacts.catalog import Catalog
from shared.errors import UnknownBookError

FULL = {
    "book_id": "0007119550",
    "title": 'The "Ünquoted" — Tide\\s of 📚',
    "authors": ["Ann One", "É. Two"],
    "year": 1998.0,
    "genres": ["tides", "science-fiction"],
    "series": "Tides",
    "series_position": 2.5,
    "description": "Line one.\nLine two\tand a tab.",
    "image_url": "https://example.org/a.jpg?x=1&y=2",
    "isbns": ["9780007119554"],
    "other_titles": ["Gezeiten"],
}
BARE = {
    "book_id": "080442957X", "title": "Bare", "authors": [], "year": math.nan, "genres": [], "series": None,
    "series_position": math.nan, "description": None, "image_url": None, "isbns": [], "other_titles": [],
}  # fmt: skip
NEVER = {"year": None, "series": None, "series_position": None, "description": None, "image_url": None}


def catalog_of(folder, *books, gone=()):
    frame = pd.DataFrame(list(books), columns=list(RECORD_FIELDS))
    frame["active"] = [book_id not in gone for book_id in frame["book_id"]]
    metadata = build_catalog(folder, frame)
    return Catalog.open(folder), metadata


def book(book_id, title="Some Title", authors=("Ann One",)):
    return {**BARE, "book_id": book_id, "title": title, "authors": list(authors)}


def test_a_record_is_what_the_source_said(tmp_path):
    catalog, metadata = catalog_of(tmp_path, FULL, BARE)
    assert catalog.record(0) == {**FULL, "year": 1998}
    assert catalog.record(1) == {**BARE, **NEVER}
    assert isinstance(catalog.record(0)["year"], int)
    assert (catalog.ids, catalog.titles) == (["0007119550", "080442957X"], [FULL["title"], "Bare"])
    assert catalog.authors == [["Ann One", "É. Two"], []]
    assert (metadata, catalog.n_books) == ({"books": 2, "active_books": 2, "works": 2}, 2)


def test_whole_positions_are_whole_and_parquets_own_types_become_json(tmp_path):
    typed = {
        **FULL,
        "authors": np.array(["Ann One"], object),
        "genres": np.array([], object),
        "series_position": np.float64(3.0),
        "year": pd.NA,
    }
    catalog, _ = catalog_of(tmp_path, typed)
    record = catalog.record(0)
    assert (record["authors"], record["genres"], record["year"]) == (["Ann One"], [], None)
    assert (record["series_position"], type(record["series_position"])) == (3, int)


def test_a_book_that_is_gone_keeps_its_number_and_record_and_is_not_found(tmp_path):
    catalog, metadata = catalog_of(tmp_path, book("a"), book("b"), book("c"), gone={"b"})
    assert [catalog.find(book_id) for book_id in ("a", "b", "c")] == [0, None, 2]
    assert catalog.active.tolist() == [True, False, True]
    assert catalog.record(1)["book_id"] == "b"
    assert metadata["active_books"] == 2
    with pytest.raises(UnknownBookError, match="no book 'b'"):
        catalog.number_of("b")


@pytest.mark.parametrize("book_id", ["", "A", "a ", "nobody", "0", "a\x00", "é"])
def test_an_id_that_no_book_has_is_unknown(tmp_path, book_id):
    catalog, _ = catalog_of(tmp_path, book("a"))
    assert catalog.find(book_id) is None
    with pytest.raises(UnknownBookError) as raised:
        catalog.number_of(book_id)
    assert raised.value.where == "book_id"
    assert repr(book_id) in raised.value.what


def test_editions_of_one_work_share_a_value_and_others_do_not(tmp_path):
    catalog, metadata = catalog_of(
        tmp_path,
        book("a", "The Lantern", ["Ann One"]),
        book("b", "The Lantern (Illustrated Edition)", ["Ann One"]),
        book("c", "The Lantern", ["Somebody Else"]),
    )
    first, second, third = catalog.work_id.tolist()
    assert first == second != third
    assert metadata["works"] == 2


def test_a_catalogue_without_books_opens(tmp_path):
    catalog, metadata = catalog_of(tmp_path)
    assert catalog.n_books == 0
    assert catalog.find("a") is None
    assert metadata == {"books": 0, "active_books": 0, "works": 0}


def test_the_same_books_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        catalog_of(tmp_path / name, FULL, BARE, gone={"080442957X"})
    one, two = ({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two


TEXT = st.text(min_size=1, max_size=30).filter(str.strip)
BOOKS = st.lists(
    st.fixed_dictionaries(
        {
            "book_id": TEXT,
            "title": TEXT,
            "authors": st.lists(TEXT, max_size=3),
            "year": st.none() | st.integers(-800, 2100),
            "genres": st.lists(TEXT, max_size=3),
            "series": st.none() | TEXT,
            "series_position": st.none() | st.floats(0, 1000).map(lambda position: round(position, 2)),
            "description": st.none() | st.text(max_size=200),
            "image_url": st.none() | TEXT,
            "isbns": st.lists(TEXT, max_size=2),
            "other_titles": st.lists(TEXT, max_size=2),
        }
    ),
    max_size=8,
    unique_by=lambda book: book["book_id"],
)


@settings(max_examples=60, deadline=None)
@given(BOOKS)
def test_whatever_goes_in_comes_out_under_its_number(books):
    with TemporaryDirectory() as folder:
        numbers = ("year", "series_position")  # in a table, an absent one is NaN
        rows = [one | {name: math.nan for name in numbers if one[name] is None} for one in books]
        catalog, _ = catalog_of(Path(folder), *rows)
        for number, one in enumerate(books):
            assert catalog.record(number) == one
            assert catalog.number_of(one["book_id"]) == number
