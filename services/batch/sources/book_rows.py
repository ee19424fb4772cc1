"""Cleans text rows of any source into the frame of books described in `source`.

Missing and invalid values other than id and title are left empty: books without description, author or year are normal.
What a cell means is told in `cells`; ids are cleaned by `ids` and `book_ids`: ISBNs keep leading zeros and X.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from services.batch.sources.book_ids import clean_book_ids
from services.batch.sources.cells.authors import are_inverted, split_authors
from services.batch.sources.cells.lists import split_list
from services.batch.sources.cells.missing import is_no_description, is_no_title
from services.batch.sources.cells.numbers import read_count, read_number
from services.batch.sources.cells.series import read_position, read_series, split_series
from services.batch.sources.cells.texts import clean_line, clean_text, clean_title
from services.batch.sources.cells.years import is_plain_year, read_year
from services.batch.sources.guesses import Guess
from services.batch.sources.ids import clean_id
from services.batch.sources.source import BOOK_COLUMNS
from shared.books.isbn import isbns_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.batch.sources.rejects import RejectLog

TEXT_COLUMNS = (*BOOK_COLUMNS[:-2], "isbn", "isbn13", "original_title")
"""The text columns a source may give; the last three become `isbns` and `other_titles`."""
_MAX_URL_CHARACTERS = 2_000
_SHORTEST_ISBN = 10
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


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
    rows = raw["row"].tolist()
    column = form.columns.get("book_id", "book_id")
    texts["book_id"] = clean_book_ids(texts, rows, form.file, column, rejects)
    kept = _usable(texts, rows, form, rejects)
    texts = {name: [column[i] for i in kept] for name, column in texts.items()}
    titles, series, positions = _with_series(texts, form)
    low, high = form.average_scale
    averages = np.array([read_number(text) for text in texts["average_rating"]], dtype=np.float64)
    averages = np.where((averages >= low) & (averages <= high), 1 + (averages - low) * 4 / (high - low), np.nan)
    author_separator = _author_separator(texts["authors"], form, rejects)
    return pd.DataFrame(
        {
            "book_id": _objects(texts["book_id"]),
            "title": _objects(titles),
            "authors": _objects(list(split_authors(text, author_separator)) for text in texts["authors"]),
            "year": np.array([read_year(text)[0] for text in texts["year"]], dtype=np.float64),
            "genres": _objects(_genres(text, form.genre_separator) for text in texts["genres"]),
            "series": _objects(series),
            "series_position": np.array(positions, dtype=np.float64),
            "description": _objects(_description(text) for text in texts["description"]),
            "image_url": _objects(_image_url(text) for text in texts["image_url"]),
            "average_rating": averages,
            "n_ratings": np.array([read_count(text) for text in texts["n_ratings"]], dtype=np.float64),
            "isbns": _objects(map(_isbns, texts["isbn"], texts["isbn13"], texts["book_id"])),
            "other_titles": _objects(map(_other_titles, texts["original_title"], titles)),
        }
    )


def _usable(texts: Mapping[str, list[str]], rows: list[int], form: BookFormat, rejects: RejectLog) -> list[int]:
    """Indexes of the valid rows; other rows and invalid years go to `rejects`."""
    kept = []
    for i, row in enumerate(rows):
        fault = _fault(texts["book_id"][i], texts["title"][i])
        _, reason = read_year(texts["year"][i])
        if fault is None and reason is not None:
            shifted = form.rejects_shifted and is_plain_year(texts["authors"][i])
            reason = "not a year: the row is shifted" if shifted else reason
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
    """Titles, series and positions; a series column wins over a series in the title, a position column over both."""
    titles, series, positions = [], [], []
    for text, cell, position in zip(texts["title"], texts["series"], texts["series_position"], strict=True):
        title = clean_title(text)
        parts = split_series(title) if form.series_in_title else (title, None, np.nan)
        given, position_in_cell = read_series(cell)
        given_position = read_position(position)
        titles.append(parts[0])
        series.append(given or parts[1])
        positions.append((position_in_cell if np.isnan(given_position) else given_position) if given else parts[2])
    return titles, series, positions


def _author_separator(cells: list[str], form: BookFormat, rejects: RejectLog) -> str | None:
    """The separator of the format, unless it is the comma within most names of the column (`Roe, Jan`)."""
    if form.author_separator is None or form.author_separator.strip() != "," or not are_inverted(cells):
        return form.author_separator
    rejects.guess(Guess(f"authors in {form.file}", "surname, first name", 'author_separator = ";" in nightshelf.toml'))
    return ";"


def _genres(text: str, separator: str) -> list[str]:
    return list(dict.fromkeys(genre.lower() for genre in split_list(text, separator)))


def _description(text: str) -> str | None:
    description = clean_text(text)
    return None if is_no_description(description) else description


def _isbns(isbn: str, isbn13: str, book_id: str) -> list[str]:
    """The ISBNs of a row. An id counts if it is written as an ISBN, not if it might be one that lost its zeros."""
    return isbns_in(isbn, isbn13, book_id if len(book_id) >= _SHORTEST_ISBN else "")


def _other_titles(text: str, title: str) -> list[str]:
    return [other for other in split_list(text, None) if other != title]


def _fault(book_id: str, title: str) -> tuple[str, str] | None:
    _, reason = clean_id(book_id)
    if reason is not None:
        return "book_id", reason
    return ("title", "title is missing") if is_no_title(clean_line(title)) else None


def _image_url(text: str) -> str | None:
    usable = text.startswith(("http://", "https://")) and len(text) <= _MAX_URL_CHARACTERS
    return text if usable and not _CONTROL.search(text) and " " not in text else None


def _objects(values: Iterable[object]) -> pd.Series:
    """A column of Python objects; without the explicit dtype, pandas turns `None` into NaN."""
    return pd.Series(list(values), dtype=object)
