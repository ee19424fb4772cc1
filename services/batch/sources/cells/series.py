"""A series and the position in it, in a title or in a cell of its own."""

from __future__ import annotations

import re

import numpy as np

from services.batch.sources.cells.lists import split_list
from services.batch.sources.cells.missing import is_missing
from services.batch.sources.cells.texts import clean_line

_MAX_SERIES_TITLE_CHARACTERS = 500  # the pattern takes quadratic time on a malicious title
_SUFFIX = re.compile(r"(?P<title>.*\S)\s*\((?P<inner>(?:[^()]|\([^()]*\))*#(?:[^()]|\([^()]*\))*)\)", re.DOTALL)
_NUMBER = r"(?P<from>\d+(?:\.\d+)?)(?P<to>\s*[-\N{EN DASH}&]\s*\d+(?:\.\d+)?)?"
_SERIES = re.compile(rf"(?P<name>.*?[^\s,]),?\s*#\s*{_NUMBER}")
_IN_CELL = re.compile(
    rf"(?P<name>.*?[^\s,;:(\[-])\s*(?:[,;:(\[-]\s*)*"
    rf"(?:#|\b(?:book|bk|volume|vol|number|no|part|pt|tome|band|bd|teil|libro|livre)\b\.?\s*#?|[(\[])\s*{_NUMBER}\s*[)\]]?",
    re.IGNORECASE,
)
_AFTER_SEMICOLON = re.compile(r"\s*;\s*(?:v(?:ol)?\.?\s*)?(?=\d+$)", re.IGNORECASE)  # as library catalogues write it
_POSITION = re.compile(
    rf"(?:#|(?:book|bk|volume|vol|number|no|part|pt|tome|band|bd)\.?\s*#?)?\s*{_NUMBER}", re.IGNORECASE
)


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


def read_series(text: str) -> tuple[str | None, float]:
    """The series and the position in a cell such as `Discworld`, `(Discworld, #8)` or `Discworld, Book 8`.

    Of a list of series, the first is used. The position is NaN if there is none.
    """
    line = clean_line(text)
    if line.startswith(("[", "{")):
        line = next(iter(split_list(text, None)), "")
    if line.startswith("(") and line.endswith(")"):
        line = line[1:-1].strip()
    line = _AFTER_SEMICOLON.sub(" #", line)
    if line.count("#") > 1:
        line = line.split(";")[0].strip()
    if is_missing(line):
        return None, np.nan
    match = _IN_CELL.fullmatch(line) if len(line) <= _MAX_SERIES_TITLE_CHARACTERS else None
    if match is None:
        return line, np.nan
    return match["name"], np.nan if match["to"] else float(match["from"])


def read_position(text: str) -> float:
    """The position in a cell such as `2`, `#2`, `2.5` or `Book 2`; NaN if there is none, or a range."""
    match = _POSITION.fullmatch(text.strip())
    return float(match["from"]) if match and not match["to"] else np.nan
