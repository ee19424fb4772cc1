"""Ids as files write them: what says nothing is no id, and spellings of one id meet where that is safe."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.sources.ids import CONTROL, LOST_DIGITS, MISSING, PLACEHOLDER, clean_id, match_by_spelling, sure_key

DECOMPOSED, COMPOSED = (unicodedata.normalize(form, "café") for form in ("NFD", "NFC"))


@pytest.mark.parametrize(
    "text", ["", '=""', '""', "NULL", "nan", "NaN", "None", "N/A", r"\N", "<NA>", "\ufeff", "#REF!"]
)
def test_words_for_nothing_are_no_ids(text: str) -> None:
    assert clean_id(text)[1] == MISSING


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("9.78E+12", LOST_DIGITS), ("9.78044e+12", LOST_DIGITS), ("1E+05", LOST_DIGITS), ("9,78E+12", LOST_DIGITS),
        ("9999999999999", PLACEHOLDER), ("0000000000", PLACEHOLDER), ("0000", PLACEHOLDER), ("a\x00b", CONTROL),
    ],
)  # fmt: skip
def test_ids_that_lost_their_digits_and_placeholders_are_refused(text: str, reason: str) -> None:
    assert clean_id(text)[1] == reason


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ('="9780439023481"', "9780439023481"), ('="0439023483"', "0439023483"), ("\ufeff7", "7"),
        (DECOMPOSED, COMPOSED), ("no-id", "no-id"),
        ("1.2345678e+07", "12345678"), ("080442957X", "080442957X"), ("12e5", "12e5"), ("4E10", "4E10"), ("-5", "-5"),
        ("'0439023483", "0439023483"), ("9.780439023481E12", "9780439023481"), ("'tis", "'tis"),
        ("0", "0"), ("777", "777"), ("na", "na"), ("{x}", "{x}"), ("a/b", "a/b"), ("12.0", "12.0"),
    ],
)  # fmt: skip
def test_other_ids_keep_their_spelling(text: str, cleaned: str) -> None:
    assert clean_id(text) == (cleaned, None)


@given(st.text(max_size=30))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    cleaned, reason = clean_id(text)
    if reason is None:
        assert clean_id(cleaned) == (cleaned, None)


@pytest.mark.parametrize(
    ("written", "book"),
    [
        ("12.0", "12"), ("12", "12.0"), ("012", "12"), ("12", "00012"), ("439023483", "0439023483"),
        ("0439023483", "9780439023481"), ("9780439023481", "0-439-02348-3"), ("0439023483.0", "9780439023481"),
        (DECOMPOSED, COMPOSED), ("439023000", "0439023000"), ("1,234", "1234"), ("080442957x", "080442957X"),
    ],
)  # fmt: skip
def test_spellings_of_one_id_meet(written: str, book: str) -> None:
    assert match_by_spelling([written], [written], ["other", book]) == {written: 1}


def test_ids_do_not_meet_where_two_books_or_two_ids_could_be_meant() -> None:
    assert match_by_spelling(["12"], ["12"], ["012", "0012"]) == {}
    assert match_by_spelling(["012"], ["012", "0012"], ["12"]) == {}
    assert match_by_spelling(["012"], ["012", "12"], ["12"]) == {}
    assert match_by_spelling(["abc"], ["abc"], ["ABC"]) == {}
    both = ["0439023483", "439023483.0"]
    assert match_by_spelling(both, both, ["9780439023481"]) == dict.fromkeys(both, 0)


IDS = st.text("0123.x", min_size=1, max_size=6)


@given(st.lists(IDS, unique=True, max_size=8), st.lists(IDS, unique=True, max_size=8))
def test_an_id_meets_at_most_one_book_and_never_instead_of_its_own(books: list[str], ids: list[str]) -> None:
    unknown = [text for text in ids if text not in books]
    matched = match_by_spelling(unknown, ids, books)
    assert set(matched) <= set(unknown)
    for text, place in matched.items():
        rivals = [other for other in books if other != books[place] and sure_key(other) == sure_key(text)]
        assert not rivals
