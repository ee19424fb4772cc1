"""Gives each book an id: rows whose id says nothing, and different books under one id, get an id of their own.

An id of one's own is `own-` and a hash of title and authors: the same next night, in whatever row the book stands.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
from rapidfuzz import fuzz

from services.batch.sources.ids import SAYS_NOTHING, clean_id, of_floats, without_fraction
from shared.title_keys import ParsedTitle, parse_title

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from services.batch.sources.rejects import RejectLog

OWN_ID = "kept under an id of its own"
SHARED_ID = "id of a book with another title"
_SAME_TITLE = 92.0  # rapidfuzz's ratio, 0 to 100: a corrected typing error, by the same author
_MANY = 3  # different titles by different authors under one id: the id says nothing


class _Title(NamedTuple):
    """What tells two books apart, without what differs between two ways to write it."""

    title: ParsedTitle
    author: str


def clean_book_ids(
    texts: Mapping[str, list[str]], rows: Sequence[int], file: str, column: str, rejects: RejectLog
) -> list[str]:
    """The id of each row; an id that is none stays as written.

    Args:
        texts: `book_id`, `title` and `authors` of each row, as the source wrote them.
        rows: numbers of the rows, for `rejects`.
        file: for `rejects`.
        column: the id's column, for `rejects`.
        rejects: receives rows that got an id of their own.

    """
    written = texts["book_id"]
    cleaned = [clean_id(text) for text in written]
    ids, faults = [text for text, _ in cleaned], [reason for _, reason in cleaned]
    if of_floats(ids):
        ids = [without_fraction(text) for text in ids]
    ids = [text if fault is None else written[i] for i, (text, fault) in enumerate(zip(ids, faults, strict=True))]

    def title_of(row: int) -> _Title:
        return _Title(parse_title(texts["title"][row]), parse_title(texts["authors"][row]).searchable)

    apart = {i: reason for i, reason in enumerate(faults) if reason in SAYS_NOTHING}
    apart |= dict.fromkeys(_other_books(ids, faults, title_of), SHARED_ID)
    for i, reason in apart.items():
        if own := _own_id_of(texts["title"][i], texts["authors"][i]):
            rejects.add(file, rows[i], column, written[i], f"{reason}; {OWN_ID}")
            ids[i] = own
    return ids


def own_id(title: str, author: str) -> str:
    """The id of a book that has none, from normalized title and authors."""
    digest = hashlib.sha256(f"{title}\n{author}".encode()).hexdigest()
    return f"own-{digest[:16]}"


def _own_id_of(title: str, authors: str) -> str:
    """The id of a book that has none, from title and authors as written; `""` without a title."""
    words = parse_title(title).searchable or title.strip()
    return own_id(words, parse_title(authors).searchable) if words else ""


def with_own_ids(batch: pa.Table, title: str, authors: str) -> pa.Table:
    """Interactions that stand in the rows of their books, with the ids that books without one got.

    Args:
        batch: text columns, among them `book_id`, `title` and `authors`.
        title: the column of the title.
        authors: the column of the authors; it may be missing.
    """
    ids = batch["book_id"].to_pylist()
    empty = [i for i, text in enumerate(ids) if clean_id(text)[1] in SAYS_NOTHING]
    if empty:
        titles, names = batch[title].to_pylist(), batch[authors].to_pylist() if authors in batch.column_names else None
        for i in empty:
            ids[i] = _own_id_of(titles[i], names[i] if names else "") or ids[i]
        batch = batch.set_column(batch.column_names.index("book_id"), "book_id", pa.array(ids, pa.string()))
    return batch


def _other_books(ids: Sequence[str], faults: Sequence[str | None], title_of: Callable[[int], _Title]) -> set[int]:
    """Rows whose id belongs to an earlier row with another title.

    All rows of an id with several titles by several authors: it is a placeholder that nobody knows.
    """
    n_rows = Counter(ids)
    of_id: dict[str, list[int]] = defaultdict(list)
    for i, (book_id, fault) in enumerate(zip(ids, faults, strict=True)):
        if fault is None and n_rows[book_id] > 1:
            of_id[book_id].append(i)
    apart: set[int] = set()
    for rows in of_id.values():
        titles = {i: title_of(i) for i in rows}
        titled = [i for i in rows if titles[i].title.searchable]
        others = [i for i in titled[1:] if not _is_one_book(titles[i], titles[titled[0]])]
        differing = [titles[i] for i in (*titled[:1], *others)]
        n_titles, n_authors = len({one.title.full for one in differing}), len({one.author for one in differing})
        apart.update(titled if min(n_titles, n_authors) >= _MANY else others)
    return apart


def _is_one_book(one: _Title, other: _Title) -> bool:
    """Whether two titles are one: the same, one with a subtitle, or one with a corrected typing error."""
    title, before = one.title, other.title
    if title.full == before.full or title.searchable == before.searchable:
        return title.series == before.series or not (title.series and before.series)
    if _numbers(title.full) != _numbers(before.full):
        return False
    if title.full in before.heads or before.full in title.heads:
        return True
    return one.author == other.author and fuzz.ratio(title.full, before.full) >= _SAME_TITLE


def _numbers(words: str) -> list[str]:
    return [word for word in words.split() if word.isdigit()]
