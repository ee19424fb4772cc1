"""ISBNs in the one form that Nightshelf keeps: ISBN-13, digits only."""

from __future__ import annotations

import re

from stdnum import isbn

_WRAPPED = re.compile(r'="(.*)"', re.DOTALL)  # a spreadsheet's way to keep leading zeros
_FLOAT = re.compile(r"(\d{7,13})\.0*")
_FIRST = re.compile(r"^(?:urn:)?isbn(?:-?1[03])?[:\s]*", re.IGNORECASE)
_COMPACT = re.compile(r"\d+[Xx]?", re.ASCII)
_SHAPE = re.compile(r"\d{9}[\dX]|97[89]\d{10}", re.ASCII)
_BETWEEN = re.compile(r"[,;|/\x1f]")
_SHORTEST_WITHOUT_ZEROS = 7
_LENGTH_10 = 10


def isbn13(text: str) -> str | None:
    """The ISBN-13 of an ISBN as people and programs write it; `None` if it is none or its check digit is wrong.

    Understood: ISBN-10 and ISBN-13, with hyphens or blanks, after `ISBN` or `urn:isbn:`, in a spreadsheet's `="…"`, as
    a float (`9780439023481.0`), and an ISBN-10 of at least 7 digits that lost its leading zeros. One digit repeated
    (`0000000000`) is a placeholder.
    """
    text = text.strip()
    if wrapped := _WRAPPED.fullmatch(text):
        text = wrapped[1].strip()
    if number := _FLOAT.fullmatch(text):
        text = number[1]
    compact = text.upper() if _COMPACT.fullmatch(text) else isbn.compact(_FIRST.sub("", text))
    if _SHORTEST_WITHOUT_ZEROS <= len(compact) < _LENGTH_10:
        compact = compact.zfill(_LENGTH_10)
    if not _SHAPE.fullmatch(compact) or len(set(compact)) == 1 or not isbn.is_valid(compact):
        return None
    converted: str = isbn.to_isbn13(compact)
    return converted


def isbns_in(*texts: str) -> list[str]:
    """The distinct ISBN-13s of texts with one or several ISBNs each, in order; what is no ISBN is left out."""
    parts = (part for text in texts if text for part in _BETWEEN.split(text))
    return list(dict.fromkeys(found for part in parts if (found := isbn13(part))))
