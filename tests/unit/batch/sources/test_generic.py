"""Tables of any shape, through a `nightshelf.toml`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.batch.sources.folder import open_folder
from services.batch.sources.rejects import RejectLog
from shared.errors import SourceError

MAPPING = """
name = "Town library"

[books]
file = "catalogue.csv"
columns = { book_id = "Item", title = "name", authors = "writers", year = "published", genres = "shelf", series="set" }
author_separator = ";"
genre_separator = "|"

[[interactions]]
file = "loans.csv"
kind = "read"
columns = { user_id = "member", book_id = "item", time = "returned" }
time_format = "%d.%m.%Y"

[[interactions]]
file = "stars.csv"
columns = { user_id = "member", book_id = "item", value = "stars", kind = "what", time = "at" }
kinds = { Starred = "rating", hidden = "dismiss" }
rating_scale = [0, 10]
"""
CATALOGUE = (
    "item,name,writers,published,shelf,set\n"
    'A/1,"Emma","Austen, Jane; Editor, An",1815,Classics|Romance,\n'
    "A/2,Persuasion,,,,The Novels\n"
)
LOANS = "member,item,returned\nm1,A/1,24.12.2023\nm2,A/2,yesterday\n"
STARS = (
    "member,item,stars,what,at\nm1,A/2,10,starred,1700000000\nm2,A/1,0,starred,1700000001\nm3,A/1,,hidden,1700000002\n"
)


def lay_out(folder: Path, mapping: str = MAPPING, **files: str) -> Path:
    contents = {"catalogue": CATALOGUE, "loans": LOANS, "stars": STARS, **files}
    for name, content in contents.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    (folder / "nightshelf.toml").write_text(mapping, encoding="utf-8")
    return folder


def test_mapped_tables_are_read_with_their_own_separators_scales_and_times(tmp_path: Path) -> None:
    source = open_folder(lay_out(tmp_path))
    rejects = RejectLog()
    books, interactions = source.books(rejects), source.interactions(rejects)
    assert (source.kind, source.name, source.rating_scale, source.order) == (
        "generic",
        "Town library",
        "0-10",
        None,
    )
    assert books["book_id"].tolist() == ["A/1", "A/2"]
    assert books["authors"].tolist() == [["Austen, Jane", "Editor, An"], []]
    assert books["genres"].tolist() == [["classics", "romance"], []]
    assert books["series"].tolist() == [None, "The Novels"]
    rows = interactions[["user_id", "book_id", "kind", "value", "time", "file"]].fillna({"value": -1})
    assert list(rows.itertuples(index=False, name=None)) == [
        ("m1", "A/1", "read", -1, 1_703_376_000.0, "loans.csv"),
        ("m1", "A/2", "rating", 5.0, 1_700_000_000.0, "stars.csv"),
        ("m2", "A/1", "rating", 1.0, 1_700_000_001.0, "stars.csv"),
        ("m3", "A/1", "dismiss", -1, 1_700_000_002.0, "stars.csv"),
    ]
    assert [(r["source"], r["field"], r["value"]) for r in rejects.table().to_pylist()] == [
        ("loans.csv", "returned", "yesterday")
    ]


def test_without_times_the_files_follow_each_other_in_order(tmp_path: Path) -> None:
    mapping = """
        [books]
        file = "catalogue.csv"
        columns = { book_id = "item", title = "name" }
        [[interactions]]
        file = "loans.csv"
        kind = "read"
        columns = { user_id = "member", book_id = "item" }
        [[interactions]]
        file = "stars.csv"
        kind = "view"
        columns = { user_id = "member", book_id = "item" }
    """
    source = open_folder(lay_out(tmp_path, mapping))
    assert (source.order, source.rating_scale, source.name) == (None, "none", tmp_path.name)
    assert source.interactions(RejectLog())["time"].tolist() == [1, 2, 3, 4, 5]


def test_one_wide_table_may_serve_as_books_and_interactions(tmp_path: Path) -> None:
    mapping = """
        [books]
        file = "stars.csv"
        columns = { book_id = "item", title = "item" }
        [[interactions]]
        file = "stars.csv"
        kind = "view"
        columns = { user_id = "member", book_id = "item" }
    """
    source = open_folder(lay_out(tmp_path, mapping))
    assert source.books(RejectLog())["title"].tolist() == ["A/2", "A/1", "A/1"]


SHELF = """
    [books]
    file = "shelf.csv"
    columns = { book_id = "id", title = "id" }
    [[interactions]]
    file = "shelf.csv"
    columns = { user_id = "id", book_id = "id", value = "stars", time = ["year", "month"] }
"""


def test_a_shelf_counts_unrated_books_as_read_and_dates_rows_by_another_column(tmp_path: Path) -> None:
    rows = "id,stars,year,month,Date Added\na,4,2023,11,2001-01-01\nb,,,,2020-05-06\nc,,2022,,2001-01-01\n"
    source, rejects = open_folder(lay_out(tmp_path, SHELF, shelf=rows)), RejectLog()
    frame = source.interactions(rejects)
    assert frame["kind"].tolist() == ["rating", "read", "read"]
    days = [f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}" for seconds in frame["time"]]
    assert days == ["2023-11-01", "2020-05-06", "2022-01-01"]
    assert [guess.value for guess in rejects.guesses] == ["Date Added"]
    own = SHELF.replace('"month"] }', '"month"], time_else = "year" }\nempty_is_read = false')
    source, rejects = open_folder(lay_out(tmp_path, own, shelf=rows)), RejectLog()
    assert source.interactions(rejects)["book_id"].tolist() == ["a"]
    assert rejects.counts == {"rating is missing": 2}
    assert rejects.guesses == []


def test_the_mapping_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    before = open_folder(lay_out(tmp_path)).fingerprint()
    assert open_folder(lay_out(tmp_path)).fingerprint() == before
    assert open_folder(lay_out(tmp_path, MAPPING.replace("[0, 10]", "[0, 5]"))).fingerprint() != before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[books]", "[books", "not TOML"),
        ('title = "name", ', "", "columns names no title"),
        ('user_id = "member", ', "", "columns names no user_id"),
        ('file = "loans.csv"', 'file = "gone.csv"', r"names gone\.csv, which is not in the folder; its files are cat"),
        ('file = "loans.csv"', 'file = "../loans.csv"', "in the same folder"),
        ('title = "name"', 'title = "label"', r"catalogue\.csv has no column 'label'; its columns are item, name"),
        ('kind = "read"', 'kind = "lent"', r"interactions\.0\.kind"),
        ('kind = "read"\n', "", "ratings need a column value"),
        ('kind = "read"', 'kind = "read"\nkinds = { a = "read" }', "kinds needs a column kind"),
        (', kind = "what"', ', kind = "what" }\nkind = "read"\nextra = { a = "b"', "extra"),
        (', time = "at"', "", "or none"),
        ('time = "at"', "time = []", "time is in 1 to 6 columns, not 0"),
        ('time = "returned"', 'time_else = "returned"', "time_else dates rows without a time"),
        ("[0, 10]", "[10, 0]", "from its lowest to its highest"),
        ('author_separator = ";"', 'colour = "red"', "colour"),
    ],
)
def test_a_wrong_mapping_is_refused_with_the_reason(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert MAPPING.count(old) > 0
    with pytest.raises(SourceError, match=message):
        open_folder(lay_out(tmp_path, MAPPING.replace(old, new, 1)))
