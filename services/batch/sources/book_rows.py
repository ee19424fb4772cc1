"""Cleans text rows of any source into the frame of books described in `source`.

Missing and invalid values other than id and title are left empty: books without description, author or year are normal.
Ids are cleaned by `ids` and `book_ids`; ISBNs keep leading zeros and X.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from services.batch.sources.book_ids import clean_book_ids
from services.batch.sources.ids import clean_id
from services.batch.sources.source import BOOK_COLUMNS, LIST_SEPARATOR
from shared.books.isbn import isbns_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.batch.sources.rejects import RejectLog

TEXT_COLUMNS = (*BOOK_COLUMNS[:-2], "isbn", "isbn13", "original_title")
"""The text columns a source may give; the last three become `isbns` and `other_titles`."""
EARLIEST_YEAR = -5000
_MAX_URL_CHARACTERS = 2_000
_MAX_SERIES_TITLE_CHARACTERS = 500  # the pattern takes quadratic time on a malicious title
_SHORTEST_ISBN = 10
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TAG = re.compile(r"<!--[^<>]*-->|</?[a-zA-Z][^<>]*>")
_YEAR = re.compile(r"([+-]?\d{1,4})(?:\.0*|-\d\d?(?:-\d\d?.*)?)?")
_SUFFIX = re.compile(r"(?P<title>.*\S)\s*\((?P<inner>(?:[^()]|\([^()]*\))*#(?:[^()]|\([^()]*\))*)\)", re.DOTALL)
_SERIES = re.compile(r"(?P<name>.*?[^\s,]),?\s*#\s*(?P<from>\d+(?:\.\d+)?)(?P<to>\s*[-–]\s*\d+(?:\.\d+)?)?")  # noqa: RUF001 - titles use it


@dataclass(frozen=True, slots=True)
class BookFormat:
    """The book format of one source.

    Args:
        file: the file's name, for rejects.
        columns: our column name -> the file's column name, for rejects.
        author_separator: between authors; `None` if the column holds one author.
        genre_separator: between genres.
        series_in_title: titles end in `(Series, #n)`, which becomes series and position.
        rejects_shifted: reject a row with an invalid year and a year as author: it lost a separator.
        average_scale: the lowest and highest possible average rating of the source.
    """

    file: str
    columns: Mapping[str, str]
    author_separator: str | None = ", "
    genre_separator: str = ","
    series_in_title: bool = False
    rejects_shifted: bool = False
    average_scale: tuple[float, float] = (1.0, 5.0)


def clean_books(raw: pd.DataFrame, form: BookFormat, rejects: RejectLog) -> pd.DataFrame:
    """Clean rows of text.

    Args:
        raw: `book_id`, `title` and `row`, and any other of `TEXT_COLUMNS` that the source has; all but `row` are text,
            `""` if missing.
        form: the format of the source.
        rejects: receives rows without a valid id or title.

    Returns:
        A frame with `BOOK_COLUMNS`, in file order. An id may occur more than once.
    """
    texts = {name: raw[name].tolist() if name in raw else [""] * len(raw) for name in TEXT_COLUMNS}
    years = [parse_year(year) for year in texts["year"]]
    rows = raw["row"].tolist()
    column = form.columns.get("book_id", "book_id")
    texts["book_id"] = clean_book_ids(texts, rows, form.file, column, rejects)
    kept = _usable(texts, years, rows, form, rejects)
    texts = {name: [column[i] for i in kept] for name, column in texts.items()}
    titles, series, positions = _with_series(texts, form)
    low, high = form.average_scale
    averages = np.array([_number(text) for text in texts["average_rating"]], dtype=np.float64)
    averages = np.where((averages >= low) & (averages <= high), 1 + (averages - low) * 4 / (high - low), np.nan)
    n_ratings = np.array([_number(text) for text in texts["n_ratings"]], dtype=np.float64)
    return pd.DataFrame(
        {
            "book_id": _objects(texts["book_id"]),
            "title": _objects(titles),
            "authors": _objects(split_list(text, form.author_separator) for text in texts["authors"]),
            "year": np.array([years[i] or np.nan for i in kept], dtype=np.float64),
            "genres": _objects(split_list(text.lower(), form.genre_separator) for text in texts["genres"]),
            "series": _objects(series),
            "series_position": np.array(positions, dtype=np.float64),
            "description": _objects(clean_text(text) or None for text in texts["description"]),
            "image_url": _objects(_image_url(text) for text in texts["image_url"]),
            "average_rating": averages,
            "n_ratings": np.where((n_ratings >= 0) & (n_ratings < 2**53), np.floor(n_ratings), np.nan),
            "isbns": _objects(map(_isbns, texts["isbn"], texts["isbn13"], texts["book_id"])),
            "other_titles": _objects(map(_other_titles, texts["original_title"], titles)),
        }
    )


def _usable(
    texts: Mapping[str, list[str]], years: list[int | None], rows: list[int], form: BookFormat, rejects: RejectLog
) -> list[int]:
    """Indexes of the valid rows; other rows and invalid years go to `rejects`."""
    kept = []
    for i, row in enumerate(rows):
        fault = _fault(texts["book_id"][i], clean_line(texts["title"][i]))
        if fault is None and years[i] is None:
            shifted = form.rejects_shifted and bool(parse_year(texts["authors"][i]))
            reason = "not a year: the row is shifted" if shifted else "not a year; left empty"
            rejects.add(form.file, row, form.columns.get("year", "year"), texts["year"][i], reason)
            if shifted:
                continue
        if fault is not None:
            field, reason = fault
            rejects.add(form.file, row, form.columns.get(field, field), texts[field][i], reason)
            continue
        kept.append(i)
    return kept


def _with_series(texts: Mapping[str, list[str]], form: BookFormat) -> tuple[list[str], list[str | None], list[float]]:
    """Titles, series and positions; a series column wins over a series in the title."""
    titles, series, positions = [], [], []
    for text, given, position in zip(texts["title"], texts["series"], texts["series_position"], strict=True):
        title = clean_line(text)
        parts = split_series(title) if form.series_in_title else (title, None, np.nan)
        given_series = clean_line(given) or None
        titles.append(parts[0])
        series.append(given_series or parts[1])
        positions.append(_number(position) if given_series else parts[2])
    return titles, series, positions


def clean_line(text: str) -> str:
    """The text as one line: entities decoded, control characters and whitespace runs replaced by one blank."""
    return " ".join(_CONTROL.sub(" ", html.unescape(text)).split())


def clean_text(text: str) -> str:
    """The text without HTML tags, otherwise as `clean_line`. A single `<` stays."""
    return clean_line(_TAG.sub(" ", text))


def split_list(text: str, separator: str | None) -> list[str]:
    """The distinct, non-empty parts of a list, in order. Parquet lists use `LIST_SEPARATOR`."""
    parts = text.split(LIST_SEPARATOR)
    if separator is not None:
        parts = [piece for part in parts for piece in part.split(separator.strip() or separator)]
    return list(dict.fromkeys(line for part in parts if (line := clean_line(part))))


def _isbns(isbn: str, isbn13: str, book_id: str) -> list[str]:
    """The ISBNs of a row. An id counts if it is written as an ISBN, not if it might be one that lost its zeros."""
    return isbns_in(isbn, isbn13, book_id if len(book_id) >= _SHORTEST_ISBN else "")


def _other_titles(text: str, title: str) -> list[str]:
    return [other for other in split_list(text, None) if other != title]


def split_series(title: str) -> tuple[str, str | None, float]:
    """Split `(Series, #n)` from a title; returns title, series and position.

    `(Series, #1-3)` has a series and no position (NaN). A suffix that does not parse stays in the title. Of several
    series, separated by `;`, the first is used.
    """
    suffix = _SUFFIX.fullmatch(title) if len(title) <= _MAX_SERIES_TITLE_CHARACTERS else None
    series = _SERIES.fullmatch(suffix["inner"].split(";")[0].strip()) if suffix else None
    if suffix is None or series is None:
        return title, None, np.nan
    return suffix["title"], series["name"], np.nan if series["to"] else float(series["from"])


def parse_year(text: str) -> int | None:
    """The year of `2008`, `2008.0` or `2008-09-14`; 0 if missing or in the future; `None` if invalid."""
    if not text:
        return 0
    match = _YEAR.fullmatch(text)
    if match is None:
        return None
    year = int(match[1])
    return year if EARLIEST_YEAR <= year <= datetime.now(tz=UTC).year else 0


def _fault(book_id: str, title: str) -> tuple[str, str] | None:
    _, reason = clean_id(book_id)
    if reason is not None:
        return "book_id", reason
    return None if title else ("title", "title is missing")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _image_url(text: str) -> str | None:
    usable = text.startswith(("http://", "https://")) and len(text) <= _MAX_URL_CHARACTERS
    return text if usable and not _CONTROL.search(text) and " " not in text else None


def _objects(values: Iterable[object]) -> pd.Series:
    """A column of Python objects; without the explicit dtype, pandas turns `None` into NaN."""
    return pd.Series(list(values), dtype=object)
