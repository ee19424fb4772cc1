"""Cuts a text that is longer than the embedding model reads at once, and joins the vectors of its pieces."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_PIECES = 8  # of one text; bounds what a whole chapter as a description costs
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])")  # noqa: RUF001 - the full-width signs meant
_MAX_MOVED = 8  # word pieces by which a cut moves back to the start of a word


def without_repeats(text: str) -> str:
    """The text with each sentence once: praise said ten times would outweigh what the book is about."""
    return " ".join(dict.fromkeys(sentence for sentence in _SENTENCE_END.split(text) if sentence))


def cut(text: str, tokens: Sequence[tuple[int, int]], max_tokens: int) -> list[str]:
    """Pieces of about equal length, at most `MAX_PIECES`, spread evenly over a longer text.

    Args:
        text: the text.
        tokens: start and end of each of its word pieces.
        max_tokens: maximum number of word pieces in a piece.
    """
    n_moved = min(_MAX_MOVED, max_tokens // 4)
    n_pieces = max(1, -(-len(tokens) // (max_tokens - n_moved)))
    bounds = [place * len(tokens) // n_pieces for place in range(1, n_pieces)]
    starts = [0, *(_word_start(text, tokens[bound - n_moved : bound + 1]) for bound in bounds)]
    pieces = [text[start:end].strip() for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    if n_pieces > MAX_PIECES:
        pieces = [pieces[place] for place in np.linspace(0, n_pieces - 1, MAX_PIECES).round().astype(int)]
    return [piece for piece in pieces if piece] or [text]


def joined(vectors: NDArray[np.float32], pieces: Sequence[Sequence[str]]) -> NDArray[np.float32]:
    """The unit vector of each text: the mean of its pieces' vectors, weighted by their lengths.

    Args:
        vectors: float32, (n_pieces, dimensions), of all pieces in sequence.
        pieces: of each text, at least one.
    """
    if not pieces:
        return vectors
    weights = np.array([len(piece) + 1 for of_text in pieces for piece in of_text], np.float32)
    starts = np.cumsum([0, *map(len, pieces[:-1])])
    sums = np.add.reduceat(vectors * weights[:, None], starts)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    unit: NDArray[np.float32] = sums / np.maximum(lengths, np.float32(1e-12))
    return unit


def _word_start(text: str, tokens: Sequence[tuple[int, int]]) -> int:
    """The start of the last of these word pieces that begins a word; of the last one if none does."""
    begins = (start for start, _ in reversed(tokens) if text[start - 1 : start].isspace())
    return next(begins, tokens[-1][0])
