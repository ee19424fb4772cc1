"""Different books never share an id, whatever the file says."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from services.batch.sources.book_ids import own_id
from services.batch.sources.book_rows import BookFormat, clean_books
from services.batch.sources.rejects import RejectLog

NO_IDS = ["", '=""', "NULL", "nan", "9.78E+12", "9999999999999", "0000000000"]


def books(*rows: tuple[str, str, str]) -> tuple[pd.DataFrame, RejectLog]:
    raw = pd.DataFrame(rows, columns=["book_id", "title", "authors"]).assign(row=range(1, len(rows) + 1))
    rejects = RejectLog()
    return clean_books(raw, BookFormat("b.csv", {}, series_in_title=True), rejects), rejects


def ids(*rows: tuple[str, str, str]) -> list[str]:
    return books(*rows)[0]["book_id"].tolist()


def test_books_whose_id_says_nothing_are_kept_apart_and_counted() -> None:
    frame, rejects = books(*((text, f"Title {i}", "Ann") for i, text in enumerate(NO_IDS)), ("7", "Seven", "Bea"))
    assert frame["book_id"].nunique() == len(NO_IDS) + 1
    assert frame["book_id"].iloc[-1] == "7"
    assert rejects.counts == {
        "id is missing; kept under an id of its own": 4,
        "id lost its digits; kept under an id of its own": 1,
        "id is a placeholder; kept under an id of its own": 2,
    }


def test_an_id_of_ones_own_is_the_same_next_night_in_any_row_and_spelling() -> None:
    first = ids(("", "The Hobbit", "Tolkien, J.R.R."), ("", "Dune", "Herbert"))
    second = ids(("7", "New", ""), ("NULL", "Dune", "Herbert"), ('=""', "The hobbit", "Tolkien, J. R. R."))
    assert second[1:] == first[::-1]


def test_floats_become_whole_numbers_only_if_all_are_floats() -> None:
    assert ids(("1.0", "One", ""), ("12.0", "Twelve", "")) == ["1", "12"]
    assert ids(("1.0", "One", ""), ("1.5", "Twelve", "")) == ["1.0", "1.5"]


def test_one_id_with_two_titles_stays_with_the_first_and_is_told() -> None:
    frame, rejects = books(("5", "Dune", "Herbert"), ("5", "Dune Messiah", "Herbert"), ("6", "Emma", "Austen"))
    assert frame["book_id"].tolist() == ["5", own_id("dune messiah", "herbert"), "6"]
    assert rejects.counts == {"id of a book with another title; kept under an id of its own": 1}


def test_an_id_with_many_titles_by_many_authors_is_a_placeholder() -> None:
    found = ids(*(("TBA", title, author) for title, author in (("One", "Ann"), ("Two", "Bea"), ("Three", "Cid"))))
    assert "TBA" not in found
    assert len(set(found)) == 3


def test_a_corrected_title_is_one_book() -> None:
    pairs = [
        ("Harry Poter and the Stone", "Harry Potter and the Stone"),
        ("Sapiens", "Sapiens: A Brief History of Humankind"),
        ("The Hobbit", "THE HOBBIT"),
        ("The Lantern (Lanterns, #1)", "The Lantern"),
        ("!!!", "!!!"),
    ]
    for before, after in pairs:
        assert ids(("5", before, "Ann"), ("5", after, "Ann")) == ["5", "5"]
    for before, after in [("Henry IV, Part 1", "Henry IV, Part 2"), ("The Northern River", "The Southern River")]:
        assert len(set(ids(("5", before, "Ann"), ("5", after, "Ann")))) == 2


@given(st.lists(st.tuples(st.sampled_from([*NO_IDS, "1", "2"]), st.sampled_from("ABCDE"), st.sampled_from("xyz"))))
def test_no_two_titles_share_an_id_and_no_row_is_lost(rows: list[tuple[str, str, str]]) -> None:
    frame, _ = books(*rows)
    assert len(frame) == len(rows)
    assert frame["book_id"].nunique() == len(frame.drop_duplicates(["book_id", "title"]))
