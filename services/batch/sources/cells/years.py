"""Years as libraries, shops and spreadsheets write them."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from services.batch.sources.cells.missing import is_missing

EARLIEST_YEAR = -5000
NOT_A_YEAR = "not a year; left empty"
FUTURE_YEAR = "year is in the future; left empty"
_MAX_CHARACTERS = 60
_EARLIEST_IN_PHRASE, _EARLIEST_IN_ROMAN = 1000, 1400  # less is hardly a year there
_LATEST_IN_DIGITS = 2100
_MAX_SECONDS = 10**11  # more are milliseconds, or a smaller fraction
_EXCEL_EPOCH = date(1899, 12, 30)
_EXCEL_SERIAL = re.compile(r"[1-6]\d{4}(?:\.\d+)?")
_PLAIN = re.compile(r"([+-]?\d{1,4})(?:\.0*)?")
_ISO = re.compile(r"([+-]?\d{4})-\d\d?(?:-\d\d?(?:[T ].*)?)?")
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?")
_DIGITS = re.compile(r"(\d{4})(\d\d)(?:(\d\d)(?:\d{6})?)?")
_SECONDS = re.compile(r"-?\d{9,19}")
_CIRCA = re.compile(r"^(?:circa|approximately|approx|about|cca?|ca|c)\b\.?\s*|^c(?=\d)", re.IGNORECASE)
_BEFORE_CHRIST = re.compile(r"(\d{1,4})\s*(?:b\.?\s*c(?:\.?\s*e)?|v\. ?chr|a\. ?c)", re.IGNORECASE)
_AFTER_CHRIST = re.compile(r"a\.?\s*d\.?\s*(\d{1,4})|(\d{1,4})\s*(?:a\.?\s*d|c\.?\s*e)", re.IGNORECASE)
_SHORT_DATE = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-](\d\d)")
_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})", re.IGNORECASE)
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_FOUR_DIGITS = re.compile(r"(?<!\d)\d{4}(?!\d)")
_DECADE = re.compile(r"(?<!\d)(?:\d{3}[?_xu-]|\d\d[?_xu-]{2})(?!\d)", re.IGNORECASE)
_UNDATED = re.compile(
    r"n\.? ?d|s\.? ?[ad]|o\.? ?j|undated|no date|date unknown|unknown date|(?:date |year )?not known|tb[ad]",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
_DATE_WORD = re.compile(
    "c|i|e|cc?a|circa|approx|approximately|about|around|before|after|between|early|late|mid|est|estimated|copyright|copr|"
    "cop|p|publ?|published|publication|printed|printing|print|reprint|reprinted|repr|first|original|originally|orig|"
    "edition|ed|edn|year|anno|and|or|the|of|in|to|bis|by|st|nd|rd|th|q|spring|summer|autumn|fall|winter|t|z|am|pm|utc|gmt|"
    "mon|tues?|wed|thur?|fri|sat|sun|(?:mon|tues|wednes|thurs|fri|satur|sun)day|"
    "jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|january|february|march|april|august|september|october|november|"
    "december|januar|februar|märz|mai|juni|juli|oktober|dezember|janvier|février|mars|avril|juin|juillet|août|septembre|"
    "octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|"
    "del?|[年月日]+|\N{CYRILLIC SMALL LETTER GHE}|год",
    re.IGNORECASE,
)


@lru_cache(maxsize=100_000)
def read_year(text: str) -> tuple[int | None, str | None]:
    """The year of `2008`, `c1998`, `[2003]`, `9/16/2006`, `May 6th 2004`, `20040506`, `750 BC` or an Excel date.

    Returns:
        The year, or `None` and why the text is not one; `None` twice if there is no date.
    """
    plain = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-").strip()
    bare = plain.strip("[]().,;: ")
    if is_missing(text) or not plain.strip("0-/.: ?*") or _UNDATED.fullmatch(bare):
        return None, None
    year = _year(plain)
    if year is None or year < EARLIEST_YEAR:
        return None, NOT_A_YEAR
    return (None, FUTURE_YEAR) if year > datetime.now(tz=UTC).year else (year, None)


def is_plain_year(text: str) -> bool:
    """Whether a text is nothing but a year of four digits."""
    return re.fullmatch(r"\d{4}(?:\.0)?", text) is not None and read_year(text)[0] is not None


def _year(text: str) -> int | None:
    if len(text) > _MAX_CHARACTERS or _DECADE.search(text):
        return None
    text = text.strip("*?+.,;: \"'")
    if match := _PLAIN.fullmatch(text) or _ISO.fullmatch(text):
        return int(match[1])
    if _NUMBER.fullmatch(text):
        return _of_number(text)
    bare = _CIRCA.sub("", text)
    if match := _BEFORE_CHRIST.fullmatch(bare):
        return -int(match[1])
    if match := _AFTER_CHRIST.fullmatch(bare):
        return int(match[1] or match[2])
    return _of_roman(text.upper()) if text and _ROMAN.fullmatch(text) else _in_phrase(text)


def _of_number(text: str) -> int | None:
    """The year of a date in digits, of a spreadsheet's day number, or of seconds and their fractions since 1970."""
    if _EXCEL_SERIAL.fullmatch(text):
        return (_EXCEL_EPOCH + timedelta(days=int(float(text)))).year
    if match := _DIGITS.fullmatch(text):
        dates = [(match[1], match[2], match[3] or "1")]
        if len(text) == len("ddmmyyyy"):
            dates += [(text[4:], text[2:4], text[:2]), (text[4:], text[:2], text[2:4])]
        return next((int(year) for year, month, day in dates if _is_date(int(year), int(month), int(day))), None)
    if not _SECONDS.fullmatch(text):
        return _in_phrase(text)
    seconds = int(text)
    while abs(seconds) >= _MAX_SECONDS:
        seconds //= 1000
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).year


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        return _EARLIEST_IN_PHRASE <= date(year, month, day).year <= _LATEST_IN_DIGITS
    except ValueError:
        return False


def _of_roman(text: str) -> int | None:
    values = [_ROMAN_VALUES[letter] for letter in text]
    following = [*values[1:], 0]
    year = sum(-value if value < after else value for value, after in zip(values, following, strict=True))
    return year if year >= _EARLIEST_IN_ROMAN else None


def _in_phrase(text: str) -> int | None:
    """The first year in a text of dates and words about dates."""
    if match := _SHORT_DATE.fullmatch(text):
        this_year = datetime.now(tz=UTC).year
        year = this_year // 100 * 100 + int(match[1])
        return year if year <= this_year else year - 100
    years = [int(year) for year in _FOUR_DIGITS.findall(text)]
    if not years or years[0] < _EARLIEST_IN_PHRASE or not all(map(_DATE_WORD.fullmatch, _WORD.findall(text))):
        return None
    return years[0]
