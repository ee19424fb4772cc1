"""Times as people and programs write them, as seconds since 1970, UTC unless the text names a zone.

- ISO 8601 and its relatives: `2023-11-14T10:00:00+01:00`, `2023/11/14`, `2023.11.14`, `2023-11`.
- Days and months in either order: `16/9/2006`, `9/16/2006 10:05 PM`, `16.9.06`, `9/2006`. Both readings are returned.
- Several dates, of which the last counts: `2022/12/01-2023/01/01`.
- Words: `Tue Nov 14 2023`, `14 November 2023`, `Nov 2023`; `2023年11月14日`.
- Numbers: seconds, milliseconds, microseconds or nanoseconds since 1970; `20231114`, `202311`, `2023`,
  `20231114103000`; days since 1900 as in a spreadsheet. The size of a number decides, and a number that could only be a
  few months after 1970 is no time.

A time without a year is not a time; a missing month or day is the first.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from dateutil import parser
from numpy.typing import NDArray

from services.batch.sources.missing import are_missing
from services.batch.sources.number_texts import parse_numbers

DAY_SECONDS = 86_400.0
_SPREADSHEET_DAYS = (20_000, 80_000)  # 1954 to 2119
_SPREADSHEET_EPOCH = 25_569  # 1970-01-01 in days since 1900
_SECONDS_FROM, _MILLISECONDS_FROM, _MICROSECONDS_FROM, _NANOSECONDS_FROM = 1e8, 1e11, 1e14, 1e17
_YEARS = (1000, 3000)
_NO_TIME = ("0", "-1", "0.0", "0000-00-00", "0000-00-00 00:00:00")  # what databases write for none
_DAY_AND_MONTH = r"^(\d{1,2})([/.\- ])(\d{1,2})[/.\- ](\d{4}|\d{2})(?:[ ,T]+(.+))?$"
_MONTH_AND_YEAR = r"^(\d{1,2})[/.\- ](\d{4})$"
_SEVERAL = r"^(?:\d{4}[/-]\d{1,2}[/-]\d{1,2}\s*[-,;]\s*)+(\d{4}[/-]\d{1,2}[/-]\d{1,2})$"
_EAST_ASIAN = r"^(\d{4})\s*[年년.]\s*(\d{1,2})\s*[月월.]\s*(\d{1,2})\s*[日일.]$"
_LAST_YEAR_OF_2000 = 68  # of two digits, as in POSIX
_FORMATS = (
    "%Y-%m-%d %I:%M %p", "%Y-%m-%d %I:%M:%S %p", "%a %b %d %H:%M:%S %z %Y", "%a %b %d %Y", "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S %z", "%b %d, %Y", "%b %d %Y", "%d %b %Y", "%B %d, %Y", "%d %B %Y", "%d-%b-%Y", "%B %Y",
    "%b %Y", "%b %d, %Y %I:%M:%S %p", "%b %d, %Y %I:%M %p",
)  # fmt: skip
_TRIED = 20  # texts that a format must help before it is used on all
_ZONES = {
    name: hours * 3600
    for name, hours in {
        "PST": -8, "PDT": -7, "MST": -7, "MDT": -6, "CST": -6, "CDT": -5, "EST": -5, "EDT": -4, "BST": 1, "CET": 1,
        "CEST": 2, "EET": 2, "EEST": 3,
    }.items()
}  # fmt: skip
_TWO_DAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2003, 2, 2, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Times:
    """Times of some rows, in two readings.

    Attributes:
        day_first, month_first: float64, (n,): seconds since 1970, NaN for a text that is no time. They differ only
            where a text has a day and a month as numbers before the year.
        missing: bool, (n,): whether a text says that there is no time.
        slashes: whether such texts use `/`.
    """

    day_first: NDArray[np.float64]
    month_first: NDArray[np.float64]
    missing: NDArray[np.bool_]
    slashes: bool = False


def read_times(texts: pa.Array, time_format: str = "auto") -> Times:
    """Read times.

    Args:
        texts: stripped text, (n,).
        time_format: `auto`, or the format of all texts for `strptime`.
    """
    seconds = np.full(len(texts), np.nan) if time_format != "auto" else _of_numbers(parse_numbers(texts))
    month_first, missing, slashes = seconds, np.zeros(len(texts), np.bool_), False
    others = np.flatnonzero(np.isnan(seconds))
    if len(others):
        encoded = pc.dictionary_encode(texts.take(pa.array(others)))
        codes = encoded.indices.to_numpy()
        distinct = encoded.dictionary
        none = are_missing(distinct) | pc.is_in(distinct, pa.array(_NO_TIME)).to_numpy(zero_copy_only=False)
        if time_format == "auto":
            numeric = ~np.isnan(parse_numbers(distinct))
            day, month, slashes = _of_texts(distinct.to_pylist(), ~none & ~numeric)
        else:
            day = month = _seconds(_parsed(distinct.to_pandas(), time_format))
        month_first = seconds.copy()
        seconds[others], month_first[others], missing[others] = day[codes], month[codes], none[codes]
        seconds[missing] = month_first[missing] = np.nan
    return Times(seconds, month_first, missing, slashes)


def _of_numbers(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds since 1970 of numbers, by their size; NaN for those that are no time."""
    if ((numbers >= _SECONDS_FROM) & (numbers < _MILLISECONDS_FROM)).all():
        return numbers
    with np.errstate(invalid="ignore"):
        seconds = np.where((numbers >= _SECONDS_FROM) | (numbers < -1), numbers, np.nan)
        for start, unit in ((_MILLISECONDS_FROM, 1e3), (_MICROSECONDS_FROM, 1e6), (_NANOSECONDS_FROM, 1e9)):
            seconds = np.where(numbers >= start, numbers / unit, seconds)
        is_days = (numbers >= _SPREADSHEET_DAYS[0]) & (numbers < _SPREADSHEET_DAYS[1])
        seconds = np.where(is_days, (numbers - _SPREADSHEET_EPOCH) * DAY_SECONDS, seconds)
        whole = (numbers == np.floor(numbers)) & (numbers > 0)
        for digits in (4, 6, 8, 12, 14):  # year, month, day, minute, second
            like = np.flatnonzero(whole & (numbers >= 10 ** (digits - 1)) & (numbers < 10**digits))
            dates = _of_digits(numbers[like].astype(np.int64), digits)
            seconds[like] = np.where(np.isnan(dates), seconds[like], dates)
    return seconds


def _of_digits(numbers: NDArray[np.int64], digits: int) -> NDArray[np.float64]:
    """Seconds since 1970 of numbers such as 20231114 with this many digits; NaN where they are no date."""
    padded = numbers * 10 ** (14 - digits)
    second, minute, hour, day, month, year = (
        padded // 10**place % size for place, size in ((0, 100), (2, 100), (4, 100), (6, 100), (8, 100), (10, 10_000))
    )
    month, day = (np.maximum(part, 1) if digits < needed else part for part, needed in ((month, 6), (day, 8)))
    ok = (year >= _YEARS[0]) & (year < _YEARS[1]) & (month >= 1) & (month <= 12)  # noqa: PLR2004
    ok &= (day >= 1) & (hour < 24) & (minute < 60) & (second < 60)  # noqa: PLR2004
    months = (year - 1970) * 12 + month - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]") + (day - 1)
    ok &= days.astype("datetime64[M]").astype(np.int64) == months
    seconds = days.astype(np.int64) * DAY_SECONDS + hour * 3600 + minute * 60 + second
    return np.where(ok, seconds, np.nan)


def _of_texts(texts: list[str], wanted: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Both readings of distinct texts that are no numbers, and whether the readings differ at a slash."""
    readings = np.full((2, len(texts)), np.nan)
    written = pd.Series(texts, dtype=object)[wanted]
    if not len(written):
        return readings[0], readings[1], False
    written = written.str.replace("[\u00a0\u202f]", " ", regex=True)
    written = written.str.replace(_SEVERAL, r"\1", regex=True).str.replace(_EAST_ASIAN, r"\1-\2-\3", regex=True)
    parts = written.str.extract(_DAY_AND_MONTH)
    both = parts[0].notna().to_numpy()
    month_and_year = written.str.extract(_MONTH_AND_YEAR)
    has_month = month_and_year[0].notna()
    written = written.where(~has_month, month_and_year[1] + "-" + month_and_year[0])
    plain = _seconds(_parse_all(written[~both]))
    for reading, (day, month) in zip(readings, ((0, 2), (2, 0)), strict=True):
        found = np.full(len(written), np.nan)
        found[~both] = plain
        found[both] = _seconds(_parse_all(_iso(parts[both], day=day, month=month)))
        reading[wanted] = found
    return readings[0], readings[1], bool((parts[1] == "/").any())


def _iso(parts: pd.DataFrame, *, day: int, month: int) -> pd.Series:
    """`2006-09-16 10:05 PM`, from the parts of a date whose year is the last."""
    short = parts[3].str.len() == 2  # noqa: PLR2004
    century = np.where(short, np.where(parts[3].astype(int) <= _LAST_YEAR_OF_2000, "20", "19"), "")
    date: pd.Series = century + parts[3] + "-" + parts[month].str.zfill(2) + "-" + parts[day].str.zfill(2)
    return date.where(parts[4].isna(), date + " " + parts[4].fillna(""))


def _parse_all(texts: pd.Series) -> pd.Series:
    """The dates of texts, NaT where a text is none."""
    dates = _parsed(texts, "ISO8601")
    for form in _FORMATS:
        open_ = texts[dates.isna()]
        if not len(open_):
            return dates
        if _parsed(open_.head(_TRIED), form).notna().any():
            dates = dates.fillna(_parsed(open_, form))
    found = [_parse_words(text) for text in texts[dates.isna()]]
    return dates.fillna(pd.Series(pd.to_datetime(found, utc=True, errors="coerce"), texts.index[dates.isna()]))


def _parsed(texts: pd.Series, form: str) -> pd.Series:
    return pd.to_datetime(texts.astype(object), format=form, utc=True, errors="coerce")


def _parse_words(text: str) -> datetime | None:
    """The date that dateutil finds in a text; `None` if there is none or it has no year."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", parser.UnknownTimezoneWarning)
            first, second = (parser.parse(text, default=day, tzinfos=_ZONES) for day in _TWO_DAYS)
        return first.astimezone(UTC) if first.year == second.year else None
    except (ValueError, OverflowError, TypeError):
        return None


def _seconds(dates: pd.Series) -> NDArray[np.float64]:
    seconds = (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    return np.array(seconds, dtype=np.float64)
