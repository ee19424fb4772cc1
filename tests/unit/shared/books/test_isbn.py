"""ISBNs in every spelling become one ISBN-13; what is no ISBN becomes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import isbn as stdnum_isbn

from shared.books.isbn import isbn13, isbns_in

HUNGER_GAMES = "9780439023481"


@pytest.mark.parametrize(
    "text",
    [
        "9780439023481", "0439023483", "978-0-439-02348-1", "0 439 02348 3", '="9780439023481"', '="0439023483"',
        "439023483", "439023483.0", "9780439023481.0", "ISBN 0-439-02348-3", "ISBN-13: 9780439023481",
        "urn:isbn:0439023483", " 0439023483 ",
    ],
)  # fmt: skip
def test_every_spelling_is_one_isbn(text: str) -> None:
    assert isbn13(text) == HUNGER_GAMES


@pytest.mark.parametrize(
    "text",
    ["", '=""', "9.78E+12", "9999999999999", "0000000000", "1111111111", "9780439023482", "B00X47ZVXM", "12", "x"],
)
def test_what_is_no_isbn_becomes_nothing(text: str) -> None:
    assert isbn13(text) is None


def test_several_isbns_in_one_cell_and_several_cells_are_distinct_and_in_order() -> None:
    assert isbns_in("0439023483, 080442957X", "", "9780439023481") == [HUNGER_GAMES, "9780804429573"]


@given(st.integers(0, 999_999_999).filter(lambda number: number > 999))
def test_isbn_10_with_or_without_its_zeros_and_isbn_13_meet(number: int) -> None:
    body = f"{number:09d}"
    whole = body + stdnum_isbn._calc_isbn10_check_digit(body)
    if len(set(whole)) == 1:
        return
    expected = stdnum_isbn.to_isbn13(whole)
    assert isbn13(whole) == isbn13(expected) == expected
    stripped = whole.lstrip("0")
    assert isbn13(stripped) == (expected if len(stripped) >= 7 else None)
