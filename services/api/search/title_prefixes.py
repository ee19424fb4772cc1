"""Search as you type: books in which every typed word is a prefix of a word."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.api.search.title_query import TitleQuery
from services.api.search.title_table import TitleTable

_MAX_SHORTLIST = 160  # books whose titles are compared as strings, besides the limit

# The score is popularity in [0, 1], plus:
_TITLE_IS_QUERY = 1.5  # ranks first
_TITLE_BEGINS = 0.15  # twice if only a subtitle or a volume is missing
_PHRASE = 0.12  # several words, together in the title or in a name
_WORD_IN_AUTHOR_ONLY = -0.2  # times the share of such words


def prefix_matches(table: TitleTable, query: TitleQuery, limit: int) -> list[int]:
    """Books in which every word is a prefix of a word in title or authors, best first."""
    found = _with_all_words(table, query.words)
    if found is None:
        return []
    item_index, scores = found
    if len(item_index) > _MAX_SHORTLIST + limit:
        best = np.argpartition(-scores, _MAX_SHORTLIST + limit)[: _MAX_SHORTLIST + limit]
        item_index, scores = item_index[best], scores[best]
    score_of = dict(zip(item_index.tolist(), scores.tolist(), strict=True))
    for number in (*table.by_full.get(query.key, ())[:limit], *table.by_head.get(query.key, ())[:limit]):
        score_of.setdefault(number, float(table.popularity[number]))
    phrase = re.compile(r"(?:^| )" + "[^ ]* ".join(map(re.escape, query.words)))
    for number in score_of:
        full = table.full[number]
        if query.key and full.startswith(query.key):
            score_of[number] += _TITLE_IS_QUERY if query.key == full else _TITLE_BEGINS
            score_of[number] += _TITLE_BEGINS if query.key == table.plain[number] else 0.0
        elif len(query.words) > 1 and (phrase.search(full) or phrase.search(table.names[number])):
            score_of[number] += _PHRASE
    return sorted(score_of, key=lambda number: (-score_of[number], number))


def _with_all_words(table: TitleTable, words: list[str]) -> tuple[NDArray[np.intp], NDArray[np.floating[Any]]] | None:
    """Item indexes of books with all words, and a first score; `None` if a word matches nothing."""
    anywhere = np.ones(table.n_books, np.bool_)
    n_in_title = np.zeros(table.n_books, np.float32)
    for word in words:
        meaning = table.words.beginning_with(word)
        if meaning is None:
            return None
        anywhere &= table.words.books_anywhere(meaning)
        in_title = np.zeros(table.n_books, np.bool_)
        in_title[table.words.books("title", meaning)] = True
        n_in_title += in_title
    item_index = np.flatnonzero(anywhere)
    scores = table.popularity[item_index] + _WORD_IN_AUTHOR_ONLY * (1 - n_in_title[item_index] / len(words))
    return item_index, scores
