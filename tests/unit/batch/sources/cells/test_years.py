"""Years as people and programs write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.sources.cells.years import FUTURE_YEAR, NOT_A_YEAR, is_plain_year, read_year

YEARS = {
    1998: ["1998", "1998.0", "c1998", "\N{COPYRIGHT SIGN}1998", "p1998", "[1998]", "1998?", "[1998?]", "1998*", "1998-",
           "1998.", "'1998",           "1998/99", "1998-2001", "1998, c1997", "[c1998]",
           "cop. 1998", "ca. 1998", "1998 printing", "[i.e. 1998]",
           "MCMXCVIII", "5/1998", "Spring 1998", "1998 (first published 1950)", "\N{FULLWIDTH DIGIT ONE}998"],
    2004: ["2004-05", "2004-05-06", "2004-05-06T00:00:00Z", "2004-05-06 10:11:12", "2004/05/06", "5/6/2004",
           "06.05.2004", "May 6th 2004", "6 May 2004", "May 2004", "May 6, 2004 12:00 AM",
           "Thu May 06 00:00:00 UTC 2004", "20040506", "06052004",
           "200405", "20040506101112", "38113", "38113.5", "1083801600", "1083801600000", "5/6/04"],
    1994: ["10/30/94", "30.10.94"],
    -750: ["-750", "-750.0", "750 BC", "c. 750 B.C.", "750 BCE", "\N{MINUS SIGN}750"],
    79: ["AD 79", "79 AD", "79 CE", "79"],
    1951: ["-599616000"],
}  # fmt: skip


@pytest.mark.parametrize(("text", "year"), [(text, year) for year, texts in YEARS.items() for text in texts])
def test_a_year_is_read(text: str, year: int) -> None:
    assert read_year(text) == (year, None)


@pytest.mark.parametrize(
    "text", ["", "0", "0000", "0.0", "0000-00-00", "n.d.", "[n.d.]", "s.a.", "undated", "NULL", "nan", "????"]
)
def test_no_date_is_no_fault(text: str) -> None:
    assert read_year(text) == (None, None)


@pytest.mark.parametrize(
    "text",
    ["DK Publishing Inc", "Penguin 1998", "19??", "196-?", "[19--]", "196u", "19.99", "-9000", "19990230", "99999999",
     "MIX", "inf", "1e3", "x" * 10_000, "1998" * 30],
)  # fmt: skip
def test_what_is_no_year_is_left_empty_with_the_reason(text: str) -> None:
    assert read_year(text) == (None, NOT_A_YEAR)


@pytest.mark.parametrize("text", ["9999", "2098-01-01", "9780439023481", "1/1/2098"])
def test_a_year_to_come_is_left_empty_with_the_reason(text: str) -> None:
    assert read_year(text) == (None, FUTURE_YEAR)


def test_this_year_is_a_year() -> None:
    this_year = datetime.now(tz=UTC).year
    assert read_year(str(this_year)) == (this_year, None)
    assert read_year(str(this_year + 1)) == (None, FUTURE_YEAR)


@given(
    st.dates(date(1930, 1, 1), date(2024, 12, 31)),
    st.sampled_from(["%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d", "%B %d, %Y", "%d %b %Y", "%Y"]),
)
def test_any_date_has_its_year(day: date, form: str) -> None:
    assert read_year(day.strftime(form)) == (day.year, None)
    assert read_year(str((day - date(1899, 12, 30)) // timedelta(days=1))) == (day.year, None)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    year, reason = read_year(text)
    assert year is None or reason is None


def test_only_four_digits_are_a_plain_year() -> None:
    assert is_plain_year("2000")
    assert not is_plain_year("c2000")
    assert not is_plain_year("Homer")
