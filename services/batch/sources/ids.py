"""Ids as files write them: cleaned, refused if they say nothing, and compared whatever their spelling.

An id keeps its spelling, except that blanks around it, a spreadsheet's `="…"` and invisible characters go, Unicode
takes its composed form (NFC), and a column of floats (`12.0`) becomes whole numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from services.batch.sources.missing import MISSING_TEXTS
from shared.books.isbn import isbn13

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_ID_CHARACTERS = 200
MISSING = "id is missing"
LOST_DIGITS = "id lost its digits"
PLACEHOLDER = "id is a placeholder"
TOO_LONG = f"id is longer than {MAX_ID_CHARACTERS} characters"
CONTROL = "control character in id"
SAYS_NOTHING = (MISSING, LOST_DIGITS, PLACEHOLDER)
"""Reasons that leave a row without an id, but not without sense."""

_NOTHING = MISSING_TEXTS | {"[]", "#ref!", "#value!", "#name?", "#num!", "#null!", "#div/0!"}
_PLAIN = re.compile(r"[A-Za-z0-9_:]+(?:-[A-Za-z0-9_:]+)*")
_WRAPPED = re.compile(r'=?"+([^"]*)"+', re.DOTALL)
_APOSTROPHE = re.compile(r"'[\dXx-]+")  # a spreadsheet's other way to keep zeros
_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200e\u200f\u2060"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_EXPONENT = re.compile(r"(\d)(?:[.,](\d*))?[eE](\+?)(\d{1,2})")
_FLOAT = re.compile(r"(\d+)\.0+")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+", re.ASCII)
_DIGITS = re.compile(r"\d+", re.ASCII)
_SHORTEST_ISBN = 9  # an ISBN-10 that lost its zero
_SHORTEST_REPEATED_DIGIT = 9
_SHORTEST_ZEROS = 4


def clean_id(text: str) -> tuple[str, str | None]:
    """The id in a cell, and the reason why it is none, or `None`; the id is empty if it is missing."""
    if not _PLAIN.fullmatch(text):
        text = _unwrapped(text)
    if text == "NA" or text.lower() in _NOTHING:
        return "", MISSING
    if len(text) > MAX_ID_CHARACTERS:
        return text, TOO_LONG
    if _CONTROL.search(text):
        return text, CONTROL
    if text[-1].isdigit() and (number := _EXPONENT.fullmatch(text)):
        return _whole(text, *number.groups())
    of_one_digit = len(text) >= _SHORTEST_ZEROS and text[0].isdigit() and text == text[0] * len(text)
    if of_one_digit and (text[0] == "0" or len(text) >= _SHORTEST_REPEATED_DIGIT):
        return text, PLACEHOLDER
    return text, None


def _unwrapped(text: str) -> str:
    text = text.translate(_INVISIBLE).strip()
    if wrapped := _WRAPPED.fullmatch(text):
        text = wrapped[1].strip()
    if _APOSTROPHE.fullmatch(text):
        text = text[1:]
    return unicodedata.normalize("NFC", text)


def _whole(text: str, first: str, decimals: str | None, plus: str, exponent: str) -> tuple[str, str | None]:
    """The number that `9.78E+12` stands for, if no digit is lost. `12e5` and `4E10` may be the ids themselves."""
    decimals, n_digits = decimals or "", int(exponent)
    if not plus and not decimals:
        return text, None
    if len(decimals) < n_digits:
        return text, LOST_DIGITS
    return first + decimals[:n_digits], None


def of_floats(ids: Iterable[str]) -> bool:
    """Whether a column holds floats for whole numbers: every id that is not missing ends in `.0`."""
    known = [text for text in ids if text]
    return bool(known) and all(_FLOAT.fullmatch(text) for text in known)


def without_fraction(text: str) -> str:
    """`12` for `12.0`."""
    number = _FLOAT.fullmatch(text)
    return number[1] if number else text


def sure_key(text: str) -> str:
    """The same for all spellings that surely mean one id: Unicode forms, `12.0` and `1,234`, ISBN-10 and ISBN-13."""
    text = without_fraction(unicodedata.normalize("NFC", text))
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    found = isbn13(text) if len(text) >= _SHORTEST_ISBN and sum(map(str.isdigit, text)) >= _SHORTEST_ISBN - 1 else None
    return text if found is None else f"isbn {found}"


def likely_key(text: str) -> str:
    """As `sure_key`, and the same for a number with and without leading zeros."""
    return _without_zeros(sure_key(text))


def _without_zeros(key: str) -> str:
    return (key.lstrip("0") or "0") if _DIGITS.fullmatch(key) else key


def match_by_spelling(unknown: Sequence[str], all_ids: Sequence[str], book_ids: Sequence[str]) -> dict[str, int]:
    """Books for ids that differ from a book's id in spelling only.

    A sure key must be unique among the books. A likely key must also be unique among the ids, because `012` beside `12`
    may be another book.

    Args:
        unknown: the ids without a book.
        all_ids: all ids of the interactions.
        book_ids: the ids of the books, distinct.

    Returns:
        Unknown id -> position in `book_ids`.
    """
    if not unknown:
        return {}
    sure = {text: sure_key(text) for text in {*all_ids, *book_ids}}
    likely = {key: _without_zeros(key) for key in set(sure.values())}
    n_ids = Counter(likely[key] for key in {sure[text] for text in all_ids})
    matched: dict[str, int] = {}
    for is_sure in (True, False):
        books = [sure[book_id] if is_sure else likely[sure[book_id]] for book_id in book_ids]
        n_books = Counter(books)
        places = {book: place for place, book in enumerate(books) if n_books[book] == 1}
        for text in unknown:
            own = sure[text] if is_sure else likely[sure[text]]
            # Spellings that surely mean one id count once.
            if text not in matched and own in places and (is_sure or n_ids[own] == 1):
                matched[text] = places[own]
    return matched
