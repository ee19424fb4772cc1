"""The words of all titles and authors, and the words that a typed word may mean.

Typing errors are matched against the vocabulary, which is smaller than the books. Pairs of letters narrow it to a few
hundred words before any edit distance is computed (the q-gram lemma; Ukkonen, "Approximate string-matching
with q-grams and maximal matches", 1992).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

Field: TypeAlias = Literal["title", "author"]
_FIELDS: tuple[Field, ...] = get_args(Field)

_MAX_SHORTLIST = 400  # words to compute an edit distance for
_MIN_SIMILARITY = 0.6  # a similarity is 1 minus the errors per letter
_MIN_OF_SEVERAL_ERRORS = 0.7  # two errors in six letters make another word
_SHORT = 3  # words of up to so many letters are ambiguous after one error,
_OF_SHORT_WORDS = 0.9  # so their similarities are scaled by this
_PAIRS_AN_EDIT_COSTS = 3  # letter pairs that a swap changes; any other edit changes two
_HIGHEST_CHARACTER = chr(0x10FFFF)


class Meaning(NamedTuple):
    """Words a typed word may mean: the vocabulary from `first` up to `end`; `similarity` is in (0, 1]."""

    first: int
    end: int
    similarity: float


class WordIndex:
    """Words of titles and authors with the books that have them. Immutable, safe to share between threads.

    Args:
        titles: the words of each book's title, by item index, separated by single spaces; empty to leave a book out.
        authors: likewise the words of its authors.
    """

    def __init__(self, titles: Sequence[str], authors: Sequence[str]) -> None:
        self._n_books = len(titles)
        ids: dict[str, int] = {}
        in_titles, in_authors = _numbered(titles, ids), _numbered(authors, ids)
        self._words = sorted(ids)
        place = np.empty(len(ids), np.int32)
        place[[ids[word] for word in self._words]] = np.arange(len(ids), dtype=np.int32)
        self._postings = {"title": _postings(*in_titles, place), "author": _postings(*in_authors, place)}
        self._ids = {word: number for number, word in enumerate(self._words)}
        self._lengths = np.fromiter(map(len, self._words), np.int32, len(self._words))
        self._n_books_with = np.diff(self._postings["title"][1]) + np.diff(self._postings["author"][1])
        self._of_pair, self._pair_offsets = _pairs_of_letters(self._words)

    def __contains__(self, word: str) -> bool:
        """Whether some title or author has exactly this word."""
        return word in self._ids

    def books(self, field: Field, meaning: Meaning) -> NDArray[np.int32]:
        """Item indexes of books with one of these words in this field, unordered, one per occurrence."""
        numbers, offsets = self._postings[field]
        return numbers[offsets[meaning.first] : offsets[meaning.end]]

    def books_anywhere(self, meaning: Meaning) -> NDArray[np.bool_]:
        """For each book, whether it has one of these words in its title or an author's name: (n_books,)."""
        has = np.zeros(self._n_books, np.bool_)
        for field in _FIELDS:
            has[self.books(field, meaning)] = True
        return has

    def n_books_with(self, meaning: Meaning) -> int:
        """How often these words occur in titles and authors' names."""
        return int(self._n_books_with[meaning.first : meaning.end].sum())

    def exactly(self, word: str) -> Meaning | None:
        """The word itself, if the catalogue has it."""
        number = self._ids.get(word)
        return None if number is None else Meaning(number, number + 1, 1.0)

    def beginning_with(self, word: str, similarity: float = 1.0) -> Meaning | None:
        """All words with this prefix, the word itself included."""
        first = bisect_left(self._words, word)
        end = bisect_left(self._words, word + _HIGHEST_CHARACTER, lo=first)
        return Meaning(first, end, similarity) if end > first else None

    def similar(self, word: str, *, unfinished: bool = False) -> list[Meaning]:
        """Words within the number of typing errors allowed for their length, the most similar last.

        Args:
            word: as typed.
            unfinished: the word may be incomplete, so prefixes of longer words count too.
        """
        n_edits = _edits_allowed(len(word))
        if not n_edits or not self._words:
            return []
        pairs = [self._of_pair[slice(*self._pair_offsets[code : code + 2])] for code in _pair_codes(f" {word} ")]
        n_shared = np.bincount(np.concatenate(pairs), minlength=len(self._words))
        n_needed = max(1, len(word) + 1 - unfinished - _PAIRS_AN_EDIT_COSTS * n_edits)
        candidates = np.flatnonzero(n_shared >= n_needed)
        lengths = self._lengths[candidates]
        fits = lengths >= len(word) - n_edits
        if not unfinished:
            fits &= lengths <= len(word) + n_edits
        candidates, lengths = candidates[fits], lengths[fits]
        if len(candidates) > _MAX_SHORTLIST:
            if unfinished:
                lengths = np.minimum(lengths, len(word))
            overlap = n_shared[candidates] / (lengths + len(word) + 2)
            candidates = candidates[np.argpartition(-overlap, _MAX_SHORTLIST)[:_MAX_SHORTLIST]]
        words = [self._words[number] for number in candidates.tolist()]
        if not words:
            return []
        lengths_compared = (len(word) - 1, len(word), len(word) + 1) if unfinished else (None,)
        compared = [[other[:length] for other in words] for length in lengths_compared]
        distances = np.min(
            [process.cdist([word], others, scorer=OSA.distance, score_cutoff=n_edits)[0] for others in compared], axis=0
        )
        lengths = np.clip(self._lengths[candidates], len(word), len(word) + n_edits)
        similarities = np.maximum(1.0 - distances / lengths, 0.0) * (_OF_SHORT_WORDS if len(word) <= _SHORT else 1.0)
        least = np.where(distances > 1, _MIN_OF_SEVERAL_ERRORS, _MIN_SIMILARITY)
        near = np.flatnonzero((distances <= n_edits) & (similarities >= least))
        near = near[np.argsort(similarities[near], kind="stable")]
        return [
            Meaning(number, number + 1, similarity)
            for number, similarity in zip(candidates[near].tolist(), similarities[near].tolist(), strict=True)
        ]

    def halves(self, word: str) -> list[tuple[Meaning, Meaning]]:
        """The ways to split a word into two words of the catalogue: `"harrypotter"` into `"harry"`, `"potter"`."""
        cuts = ((self.exactly(word[:place]), self.exactly(word[place:])) for place in range(2, len(word) - 1))
        return [(left, right) for left, right in cuts if left and right]


def _edits_allowed(n_letters: int) -> int:
    """The number of typing errors allowed in a word of this length."""
    for n_edits, longest in enumerate((2, 5, 8)):
        if n_letters <= longest:
            return n_edits
    return 3


def _numbered(texts: Sequence[str], ids: dict[str, int]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The word ids of all texts in sequence, and the number of each text's words. Adds new words to `ids`."""
    flat = array("i")
    counts = np.zeros(len(texts), np.int32)
    for number, text in enumerate(texts):
        words = [ids.setdefault(word, len(ids)) for word in text.split()]
        flat.extend(words)
        counts[number] = len(words)
    return np.frombuffer(flat, np.int32) if flat else np.empty(0, np.int32), counts


def _postings(
    flat: NDArray[np.int32], counts: NDArray[np.int32], place: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Item indexes sorted by word, and the start offset of each word: (n_words + 1,)."""
    flat = place[flat]
    numbers = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    offsets = np.zeros(len(place) + 1, np.int64)
    np.cumsum(np.bincount(flat, minlength=len(place)), out=offsets[1:])
    return numbers[np.argsort(flat, kind="stable")], offsets


def _pair_codes(text: str) -> list[int]:
    """A 16-bit code of each pair of adjacent characters. Collisions only cost time."""
    codes: list[int] = _codes(np.frombuffer(text.encode("utf-32-le"), np.uint32)).tolist()
    return codes


def _codes(characters: NDArray[np.uint32]) -> NDArray[np.uint16]:
    mixed: NDArray[np.uint32] = characters[:-1] * np.uint32(241) + characters[1:]
    return mixed.astype(np.uint16)


def _pairs_of_letters(words: list[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Word ids sorted by the code of their letter pairs, and the start offset of each code: (65537,).

    A space before and after each word makes its first and last letter count like a pair.
    """
    characters = np.frombuffer((" " + " ".join(words) + " ").encode("utf-32-le"), np.uint32)
    codes = _codes(characters)
    word_of: NDArray[np.int32] = np.cumsum(characters[:-1] == ord(" "), dtype=np.int32) - 1
    order = np.argsort(codes, kind="stable")
    offsets = np.zeros(2**16 + 1, np.int64)
    np.cumsum(np.bincount(codes, minlength=2**16), out=offsets[1:])
    return word_of[order], offsets
