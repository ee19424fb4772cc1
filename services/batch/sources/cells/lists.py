"""Lists in one cell: with a separator, or as Python, JSON or PostgreSQL writes them."""

from __future__ import annotations

import ast
import csv
import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from services.batch.sources.cells.missing import is_missing
from services.batch.sources.cells.texts import clean_line
from services.batch.sources.source import LIST_SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_LITERAL_CHARACTERS = 20_000
_BRACKETS = {"[": "]", "{": "}", "(": ")"}
_NAME_KEYS = ("name", "full_name", "fullname", "author_name", "author", "title", "label", "genre", "value", "text")
_BETWEEN = re.compile(r"""(?<=['"])\s+(?=['"])""")  # numpy writes no commas
_WRAPPED = re.compile(r"(?:array|set|frozenset|list|tuple)\((.*?)(?:,\s*dtype=\S+)?\)", re.DOTALL)
_QUOTED = re.compile(r"""(?<![^\s\[{(,:])(?:'((?:[^'\\]|\\.|(?<=\w)'(?=\w))*)'|"((?:[^"\\]|\\.)*)")""")
_OTHER_SEPARATORS = (";", "|", "\n")


def split_list(text: str, separator: str | None) -> list[str]:
    """The distinct parts of a list that have a value, in order.

    A list as Python, JSON or PostgreSQL writes it is understood whatever the separator; `;`, `|` and line ends separate
    where the separator itself does not occur.

    Args:
        text: the cell. Parquet lists use `LIST_SEPARATOR`.
        separator: between the parts; `None` if the cell holds one.
    """
    parts = [piece for part in text.split(LIST_SEPARATOR) for piece in _parts(part.strip(), separator)]
    return list(dict.fromkeys(line for part in parts if not is_missing(line := clean_line(part))))


def _parts(text: str, separator: str | None) -> list[str]:
    if wrapped := _WRAPPED.fullmatch(text):
        text = wrapped[1]
    written = _written_list(text)
    if written is not None:
        return written
    if text[:1] in ("[", "{") and text.endswith(_BRACKETS[text[0]]):
        separator = separator.strip() or separator if separator else ","
        inner = text[1:-1].replace("\n", " ")
        if len(separator) > 1 or '"' not in inner:
            return _separated(inner, separator)
        return next(csv.reader([inner], delimiter=separator, skipinitialspace=True), [])
    return _separated(text, separator)


def _separated(text: str, separator: str | None) -> list[str]:
    if separator is None:
        return [text]
    text = clean_line(text) if "&" in text else text  # the `;` of an entity separates nothing
    separator = separator.strip() or separator
    if separator not in text:
        separator = next((other for other in _OTHER_SEPARATORS if other in text), separator)
    return text.split(separator)


def _written_list(text: str) -> list[str] | None:
    """The parts of a list in the syntax of Python, JSON or PostgreSQL; `None` if it is not one."""
    if _BRACKETS.get(text[:1]) is None or len(text) > _MAX_LITERAL_CHARACTERS:
        return None
    is_whole = text.endswith(_BRACKETS[text[0]])
    if is_whole and text[0] != "(":
        for value in _literals(text):
            return list(_names(value))
    inner = text[1:-1] if is_whole else text[1:]
    if not inner.lstrip().startswith(("'", '"')):
        return None
    return [single or double for single, double in _QUOTED.findall(text)]


def _literals(text: str) -> Iterable[object]:
    """The values that a text may be, most likely first."""
    if text[0] == "{" and ":" not in text:  # a set has no order; PostgreSQL's arrays look alike
        text = f"[{text[1:-1]}]"
    with suppress(ValueError, RecursionError):
        yield json.loads(text)
    with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        yield ast.literal_eval(_BETWEEN.sub(", ", text))


def _names(value: object) -> Iterable[str]:
    """The names in a nested value: texts, the name of an object, the keys of counted names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _names_of(value)
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from _names(item)
    elif value is not None and not isinstance(value, bool | float):
        yield str(value)


def _names_of(value: dict[object, object]) -> Iterable[str]:
    keys = {str(key).casefold(): key for key in value}
    for name in _NAME_KEYS:
        if name in keys:
            yield from _names(value[keys[name]])
            return
    if all(isinstance(item, int | float | None) for item in value.values()):  # name -> count
        yield from (str(key) for key in value)
    elif all(str(key).isdigit() for key in value):  # position -> name
        for item in value.values():
            yield from _names(item)
