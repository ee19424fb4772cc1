"""Long texts in pieces: nothing is lost up to the most pieces, and the vector is their mean."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.content.pieces import MAX_PIECES, cut, joined, without_repeats


def words(text):
    return [found.span() for found in re.finditer(r"\S+", text)]


@given(st.lists(st.text("abc", min_size=1, max_size=40), min_size=1, max_size=60), st.integers(12, 30))
def test_pieces_hold_every_word_in_order(parts, max_tokens):
    text = " ".join(parts)
    pieces = cut(text, words(text), max_tokens)
    assert " ".join(pieces) == text
    assert max(len(words(piece)) for piece in pieces) <= max_tokens


@given(st.text("ab ", min_size=1, max_size=300), st.integers(8, 60))
def test_no_piece_has_too_many_word_pieces_wherever_words_begin(text, max_tokens):
    tokens = [(place, place + 1) for place, letter in enumerate(text) if letter != " "]
    for piece in cut(text, tokens, max_tokens):
        assert len(piece.replace(" ", "")) <= max_tokens


def test_a_very_long_text_gives_pieces_from_start_to_end():
    text = " ".join(f"w{number}" for number in range(1000))
    pieces = cut(text, words(text), 10)
    assert len(pieces) == MAX_PIECES
    assert pieces[0].startswith("w0 ")
    assert pieces[-1].endswith(" w999")


def test_a_text_without_blanks_is_cut_too():
    text = "\u5bd2" * 100
    assert "".join(cut(text, [(place, place + 1) for place in range(100)], 40)) == text


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("Great! Great! Great! A cookbook.", "Great! A cookbook."),
        ("One. Two. One", "One. Two. One"),
        ("", ""),
        ("No sentence", "No sentence"),
    ],
)
def test_a_sentence_counts_once(text, once):
    assert without_repeats(text) == once


def test_the_vector_is_the_mean_weighted_by_length():
    vectors = np.eye(3, dtype=np.float32)
    found = joined(vectors, [["abc"], ["a" * 29, "a" * 9]])
    np.testing.assert_allclose(found[0], [1, 0, 0])
    np.testing.assert_allclose(found[1], np.array([0, 3, 1]) / np.sqrt(10), rtol=1e-6)
