"""A parsed search text."""

from __future__ import annotations

from typing import NamedTuple

from services.api.search.title_words import WordIndex
from shared.title_keys import fold, search_words, title_key

_MAX_LETTERS = 200
_MAX_WORDS = 16


class TitleQuery(NamedTuple):
    """A typed text: its distinct words, all words in order, and its title key."""

    words: list[str]
    spoken: str
    key: str


def read_query(text: str, words: WordIndex) -> TitleQuery:
    """Split a text into words; initials are joined if a name in the catalogue joins them, as in "jrr tolkien"."""
    text = text[:_MAX_LETTERS]
    found: list[str] = []
    initials: list[str] = []
    for word in [*search_words(fold(text)).split(), ""]:
        if len(word) == 1 and word.isascii() and word.isalpha():
            initials.append(word)
            continue
        found += _as_in_names(initials, words)
        initials = []
        found.append(word)
    found.pop()  # the empty word that ended the last initials
    return TitleQuery(list(dict.fromkeys(found))[:_MAX_WORDS], " ".join(found), title_key(text))


def _as_in_names(initials: list[str], words: WordIndex) -> list[str]:
    """Initials joined, or all but the last (which may begin a name), if the catalogue has them joined."""
    joined = "".join(initials)
    for n_joined in (len(joined), len(joined) - 1):
        if n_joined > 1 and joined[:n_joined] in words:
            return [joined[:n_joined], *initials[n_joined:]]
    return initials
