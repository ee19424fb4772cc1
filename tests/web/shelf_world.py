"""A small shop for tests of the page: some of the demo's books, hostile titles among them, and two nights."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.batch.night import inputs
from services.batch.night.nightly import run_night
from services.batch.runtime.context import RunContext
from services.batch.sources.demo.source import DemoSource
from services.batch.sources.rejects import RejectLog
from shared.redis import connect_for_batch
from shared.settings import Settings, load_settings

OPERATOR_KEY = "the operator's key"
HOSTILE_TITLE = "<img src=x onerror=\"document.title='taken over'\"> & <b>Sons</b>"
HOSTILE_ID = "hostile/<b>"
COVER_URL = "https://covers.example.org/the-hobbit.png"
N_BOOKS = 80
N_READERS = 900
_KEPT = (
    "the-hobbit", "dune", "harry-potter-and-the-philosophers-stone", "harry-potter-and-the-chamber-of-secrets",
    "pride-and-prejudice", "persuasion",
)  # fmt: skip


class SmallShop(DemoSource):
    """The demo with fewer books and readers, and one book whose title is markup."""

    name = "small shop"

    def fingerprint(self) -> str:
        """Different from the demo's."""
        return f"small-{super().fingerprint()}"

    def books(self, rejects: RejectLog) -> pd.DataFrame:
        """The books kept, the first of the others, and the hostile one."""
        demo = super().books(rejects)
        kept = demo["book_id"].isin(_KEPT) | (demo.index < N_BOOKS)
        books = demo[kept].reset_index(drop=True)
        books.loc[books["book_id"] == "the-hobbit", "image_url"] = COVER_URL
        hostile = books.iloc[[0]].assign(book_id=HOSTILE_ID, title=HOSTILE_TITLE, authors=[["<i>Nobody</i>"]])
        hostile["description"] = "<script>alert(1)</script> A dragon, a hoard and a very small burglar from a hole."
        return pd.concat([books, hostile], ignore_index=True).astype(demo.dtypes)

    def interactions(self, rejects: RejectLog) -> pd.DataFrame:
        """What readers did with those books; every interaction with The Hobbit is repeated for the hostile one."""
        text = dict.fromkeys(("user_id", "book_id", "kind"), str)
        rows = super().interactions(rejects).astype(text)
        rows = rows[rows["book_id"].isin(set(self.books(rejects)["book_id"]))]
        hostile = rows[rows["book_id"] == "the-hobbit"].assign(book_id=HOSTILE_ID)
        return pd.concat([rows, hostile], ignore_index=True)


class WordEmbedder:
    """Texts as unit vectors by their words: without loading a model, books with the same words are still similar."""

    model_key = "words"
    dimensions = 64
    max_tokens = 1_000_000

    def encode(self, texts: Sequence[str], advance: Callable[[int], None]) -> NDArray[np.float32]:
        """See `services.batch.content.embedder.Embedder`."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in enumerate(texts):
            for word in set(re.findall(r"[a-z]{4,}", text.lower())):
                vectors[row] += np.random.default_rng(crc32(word.encode())).standard_normal(self.dimensions)
        advance(len(texts))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)


def open_shop(folder: Path, redis_url: str, prefix: str) -> tuple[Settings, list[str]]:
    """Run two nights; returns the settings and the generations, oldest first."""
    settings = load_settings(data_dir=folder, redis_url=redis_url, redis_prefix=prefix)
    settings = settings.model_copy(update={"page": settings.page.model_validate({"operator_key": OPERATOR_KEY})})
    with (
        connect_for_batch(redis_url, settings.redis) as client,
        patch.object(inputs, "open_embedder", lambda _name, **_options: WordEmbedder()),
    ):
        context = RunContext(settings, client=client)
        nights = [run_night(context, SmallShop(n_readers=n)) for n in (N_READERS - 10, N_READERS)]
    return settings, [night.generation_id for night in nights]
