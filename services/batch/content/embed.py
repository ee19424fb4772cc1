"""Embeds books as unit vectors. Only texts missing from the vector store are embedded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.batch.content.embedder import Embedder
from services.batch.content.vectors import DIGEST, VectorStore, digest_of
from services.batch.runtime.progress import Progress

_WHOLE = "whole\n"  # before a text that may be cut: an earlier version stored vectors of the first words only
CHUNK_SIZE = 2048  # texts per write to the store: at most this many are lost if a run is killed


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of all books.

    Attributes:
        vectors: float32, (n_books, dimensions); row i has item index i; zero for inactive books.
        n_embedded: active books whose text was not in the store.
        n_reused: active books whose text was in the store.
    """

    vectors: NDArray[np.float32]
    n_embedded: int
    n_reused: int


def book_text(title: str, authors: Sequence[str], genres: Sequence[str], description: str | None) -> str:
    """The text to embed: title, authors, genres and description, without missing ones."""
    pieces = (title, ", ".join(authors), ", ".join(genres), description or "")
    return ". ".join(" ".join(piece.split()) for piece in pieces if piece.strip())


def embed_books(books: pd.DataFrame, store_folder: Path, embedder: Embedder, progress: Progress) -> Embedded:
    """Vectors of all active books. New texts are stored in chunks, so a killed run keeps finished chunks.

    Args:
        books: the snapshot's books, row i has item index i.
        store_folder: `DataFolder.embeddings`; each model has its own store in it.
        embedder: computes missing vectors.
        progress: reports the number of embedded texts.
    """
    active = np.flatnonzero(books["active"].to_numpy(bool))
    columns = [books[name].tolist() for name in ("title", "authors", "genres", "description")]

    def text_of(number: int) -> str:
        title, authors, genres, description = (column[number] for column in columns)
        return book_text(
            title,
            () if authors is None else list(authors),
            () if genres is None else list(genres),
            description if isinstance(description, str) else None,
        )

    store = VectorStore(store_folder / embedder.model_key, embedder.dimensions)
    hashes = np.empty(len(active), DIGEST)
    lengths = np.empty(len(active), np.int64)
    for row, number in enumerate(active.tolist()):
        text = text_of(number)
        hashes[row] = digest_of(text) if len(text) <= embedder.max_tokens else digest_of(_WHOLE + text)
        lengths[row] = len(text)
    unknown = np.flatnonzero((store.find(hashes) < 0) & (lengths > embedder.max_tokens))
    for start in range(0, len(unknown) if len(store) else 0, CHUNK_SIZE):
        rows = unknown[start : start + CHUNK_SIZE]
        _take_over(store, embedder, hashes[rows], [text_of(number) for number in active[rows].tolist()])
    vectors = np.zeros((len(books), embedder.dimensions), np.float32)
    found = store.find(hashes)
    vectors[active[found >= 0]] = store.read(found[found >= 0])

    missing = np.flatnonzero(found < 0)
    if len(missing):
        once = missing[np.unique(hashes[missing], return_index=True)[1]]  # two books may have the same text
        once = once[(-lengths[once]).argsort(kind="stable")]
        with progress.task("Embedding descriptions", len(once)) as advance:
            for start in range(0, len(once), CHUNK_SIZE):
                chunk = once[start : start + CHUNK_SIZE]
                encoded = embedder.encode([text_of(number) for number in active[chunk].tolist()], advance)
                store.append(hashes[chunk], encoded)
        vectors[active[missing]] = store.read(store.find(hashes[missing]))
    return Embedded(vectors, n_embedded=len(missing), n_reused=len(active) - len(missing))


def _take_over(store: VectorStore, embedder: Embedder, hashes: NDArray[np.bytes_], texts: list[str]) -> None:
    """Keep the vectors that an earlier version stored for texts that turn out to need no cut."""
    earlier = store.find(np.array([digest_of(text) for text in texts], DIGEST))
    whole = [row for row in np.flatnonzero(earlier >= 0).tolist() if not embedder.is_long(texts[row])]
    store.append(hashes[whole], store.read(earlier[whole]))
