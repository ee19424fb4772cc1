"""Text to values: titles with a series, years, lists, ratings, times, ids."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.batch.sources.book_ids import own_id
from services.batch.sources.book_rows import (
    BookFormat,
    clean_books,
    clean_text,
    parse_year,
    split_list,
    split_series,
)
from services.batch.sources.interaction_rows import InteractionFormat, clean_interactions
from services.batch.sources.number_texts import parse_numbers
from services.batch.sources.rejects import RejectLog


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("The Hunger Games (The Hunger Games, #1)", ("The Hunger Games", "The Hunger Games", 1.0)),
        ("Queen's Shadow (The Kestrel Cycle #0.5)", ("Queen's Shadow", "The Kestrel Cycle", 0.5)),
        ("Ranma ½, Vol. 1 (Ranma ½ (US 2nd), #1)", ("Ranma ½, Vol. 1", "Ranma ½ (US 2nd)", 1.0)),
        ("Guards! Guards! (Discworld, #8; City Watch #1)", ("Guards! Guards!", "Discworld", 8.0)),
        ("Two Tales (Bis) (Tales, #2)", ("Two Tales (Bis)", "Tales", 2.0)),
        ("Boxed Set (Harry Potter, #1-7)", ("Boxed Set", "Harry Potter", None)),
        ("The Theban Plays (The Theban Plays, #1\N{EN DASH}3)", ("The Theban Plays", "The Theban Plays", None)),
        (
            "Order of the Phoenix (Harry Potter, #5, Part 1)",
            ("Order of the Phoenix (Harry Potter, #5, Part 1)", None, None),
        ),
        ("Saga #1", ("Saga #1", None, None)),
        ("(Untitled, #1)", ("(Untitled, #1)", None, None)),
        ("The Firm (Penguin Readers, Level 5)", ("The Firm (Penguin Readers, Level 5)", None, None)),
    ],
)
def test_series_suffix(title: str, expected: tuple[str, str | None, float | None]) -> None:
    found, series, position = split_series(title)
    assert (found, series, None if math.isnan(position) else position) == expected


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_title_breaks_the_series_parser_or_loses_its_beginning(title: str) -> None:
    found, _, _ = split_series(title)
    assert title.startswith(found)


def test_texts_made_to_hurt_a_pattern_are_read_like_any_other() -> None:
    for title in ("(a" * 20_000 + "#", "a (" + "#" * 20_000 + "(", "a " * 20_000 + "(#)x"):
        assert split_series(title)[0] == title
    assert clean_text("<!--" * 50_000) == "<!--" * 50_000


@pytest.mark.parametrize(
    ("text", "year"),
    [("2008.0", 2008), ("1954", 1954), ("-750.0", -750), ("2008-09-14", 2008), ("", 0), ("0", 0), ("-9000", 0)],
)
def test_years(text: str, year: int) -> None:
    assert parse_year(text) == year


def test_a_year_to_come_is_none_and_prose_is_no_year() -> None:
    this_year = datetime.now(tz=UTC).year
    assert parse_year(str(this_year)) == this_year
    assert parse_year(str(this_year + 1)) == 0
    assert parse_year("DK Publishing Inc") is None


def test_descriptions_lose_tags_entities_and_blanks_but_not_a_lone_less_than() -> None:
    assert (
        clean_text("<p>A <b>bold</b>\n tale &amp; more<br/>of <i>it</i></p> 1 < 2 &lt;3\x07")
        == "A bold tale & more of it 1 < 2 <3"
    )


def test_lists_are_split_trimmed_and_each_part_kept_once() -> None:
    assert split_list("J.K. Rowling, Mary GrandPré,, J.K. Rowling", ", ") == ["J.K. Rowling", "Mary GrandPré"]
    assert split_list("Le Guin, Ursula K.", None) == ["Le Guin, Ursula K."]
    assert split_list("", ",") == []


def books(rejects: RejectLog, *rows: dict[str, str], **options: object) -> pd.DataFrame:
    raw = pd.DataFrame([{"row": i, **row} for i, row in enumerate(rows, 1)]).fillna("")
    return clean_books(raw, BookFormat("b.csv", {"book_id": "ISBN"}, **options), rejects)  # type: ignore[arg-type]


def test_books_need_an_id_and_a_title_and_nothing_else() -> None:
    rejects = RejectLog()
    frame = books(
        rejects,
        {"book_id": "000123X", "title": " The  Title "},
        {"book_id": "", "title": "No id"},
        {"book_id": "2", "title": " "},
        {"book_id": "x" * 201, "title": "Long"},
        {"book_id": "a\x00b", "title": "Control"},
        {"book_id": "x" * 200, "title": "Just right", "year": "unknown", "image_url": "javascript:alert(1)"},
    )
    assert frame["book_id"].tolist() == ["000123X", own_id("no id", ""), "x" * 200]
    assert frame["title"].tolist() == ["The Title", "No id", "Just right"]
    first = frame.iloc[0]
    assert (first["authors"], first["genres"], first["series"], first["description"]) == ([], [], None, None)
    assert math.isnan(first["year"])
    assert frame["image_url"].tolist() == [None, None, None]
    assert [(reject["row"], reject["field"], reject["reason"]) for reject in rejects.table().to_pylist()] == [
        (2, "ISBN", "id is missing; kept under an id of its own"),
        (3, "title", "title is missing"),
        (4, "ISBN", "id is longer than 200 characters"),
        (5, "ISBN", "control character in id"),
        (6, "year", "not a year; left empty"),
    ]


def test_published_averages_are_mapped_to_five_stars_and_nonsense_is_left_out() -> None:
    rows = [{"book_id": str(i), "title": "T", "average_rating": text} for i, text in enumerate(["10", "1", "11", "?"])]
    averages = books(RejectLog(), *rows, average_scale=(1.0, 10.0))["average_rating"].tolist()
    assert averages[:2] == [5.0, 1.0]
    assert all(math.isnan(average) for average in averages[2:])


def test_isbns_of_any_column_are_kept_once_and_an_original_title_unless_it_is_the_title() -> None:
    frame = books(
        RejectLog(),
        {"book_id": "1", "title": "One", "isbn": '="0439023483"', "isbn13": "9780439023481", "original_title": "Uno"},
        {"book_id": "080442957X", "title": "Two", "isbn13": "9.78E+12", "original_title": "Two"},
        {"book_id": "439023483", "title": "Three"},
    )
    assert frame["isbns"].tolist() == [["9780439023481"], ["9780804429573"], []]
    assert frame["other_titles"].tolist() == [["Uno"], [], []]


def interactions(form: InteractionFormat, rejects: RejectLog, **columns: list[str]) -> pd.DataFrame:
    n_rows = len(next(iter(columns.values())))
    batch = pa.table({**columns, "row": pa.array(range(1, n_rows + 1), pa.int64())})
    return clean_interactions([batch.slice(0, 2), batch.slice(2)], form, rejects)


NAMES = {"user_id": "User-ID", "book_id": "ISBN", "value": "Book-Rating"}


def test_each_unusable_interaction_is_set_aside_with_its_first_fault() -> None:
    rejects = RejectLog()
    frame = interactions(
        InteractionFormat("r.csv", NAMES),
        rejects,
        user_id=["u1", "", "u3", "u4", "u5", "u6", "u7"],
        book_id=["0001X", "b", "", "b", "b", "b", "b"],
        value=["5", "9", "3", "6", "good", "", "4,5"],
    )
    assert frame["user_id"].tolist() == ["u1", "u7"]
    assert frame["book_id"].tolist() == ["0001X", "b"]
    assert frame["value"].tolist() == [5.0, 4.5]
    assert frame["time"].tolist() == [1.0, 7.0]
    assert [tuple(reject.values()) for reject in rejects.table().to_pylist()] == [
        ("r.csv", 2, "User-ID", "", "id is missing"),
        ("r.csv", 3, "ISBN", "", "id is missing"),
        ("r.csv", 6, "Book-Rating", "", "rating is missing"),
        ("r.csv", 5, "Book-Rating", "good", "rating is not a number"),
        ("r.csv", 4, "Book-Rating", "6", "rating is outside 1-5"),
    ]


def test_ten_points_become_five_stars_and_zero_a_book_without_a_rating() -> None:
    form = InteractionFormat("r.csv", NAMES, scale=(1.0, 10.0), zero_is_read=True)
    rejects = RejectLog()
    values = ["0", "1", "5.5", "10", "11", "-1"]
    frame = interactions(form, rejects, user_id=list("uvwxyz"), book_id=["b"] * 6, value=values)
    assert frame["kind"].tolist() == ["read", "rating", "rating", "rating"]
    assert frame["value"].tolist()[1:] == [1.0, 3.0, 5.0]
    assert math.isnan(frame["value"].iloc[0])
    assert rejects.counts == {"rating is outside 1-10": 2}


def test_kinds_are_translated_and_only_ratings_have_a_value() -> None:
    form = InteractionFormat("r.csv", {**NAMES, "kind": "what"}, kinds={"lent": "read", "stars": "rating"})
    rejects = RejectLog()
    kinds = ["Lent", "stars", "stolen"]
    frame = interactions(form, rejects, user_id=["u"] * 3, book_id=["b"] * 3, value=["3", "3", "3"], kind=kinds)
    assert frame["kind"].tolist() == ["read", "rating"]
    assert frame["value"].isna().tolist() == [True, False]
    assert rejects.counts == {"unknown kind": 1}


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_python_reads_them(number: float) -> None:
    assert parse_numbers(pa.array([repr(number)])).tolist() == [number]


def test_a_file_without_rows_is_an_empty_frame_of_the_same_columns() -> None:
    frame = clean_interactions([], InteractionFormat("r.csv", NAMES), RejectLog())
    assert len(frame) == 0
    assert list(frame.columns) == ["user_id", "book_id", "kind", "value", "time", "row", "file"]
