"""The simulated readers are plausible and repeatable, and models can learn from them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD

from services.batch.sources.demo.source import DemoSource, read_catalogue
from services.batch.sources.rejects import RejectLog
from services.batch.sources.source import INTERACTION_COLUMNS
from services.batch.synthetic.demo_readers import END_TIME_SECONDS, SPAN_SECONDS, simulate_readers
from tests.paths import ROOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

PINNED = "882b989d1884d17e4ac9532f352f894fa1bb5b0f23a8770d80e402eba931bada"


def digest(interactions: pd.DataFrame) -> str:
    rows = zip(
        interactions["user_id"],
        interactions["book_id"],
        interactions["kind"],
        interactions["value"].fillna(0).astype(int),
        interactions["time"].astype(int),
        strict=True,
    )
    return hashlib.sha256("\n".join(map(str, rows)).encode()).hexdigest()


@pytest.fixture(scope="module")
def books() -> pd.DataFrame:
    return read_catalogue()


@pytest.fixture(scope="module")
def interactions() -> pd.DataFrame:
    return DemoSource().interactions(RejectLog())


def test_the_readers_are_the_same_everywhere(interactions: pd.DataFrame) -> None:
    # When this changes on purpose, raise READERS_VERSION in demo.py too: ingest would not notice otherwise.
    assert digest(interactions) == PINNED


def test_the_hash_seed_of_the_process_changes_nothing(books: pd.DataFrame) -> None:
    program = (
        "from services.batch.sources.demo.source import read_catalogue\n"
        "from services.batch.synthetic.demo_readers import simulate_readers\n"
        "import sys; sys.stdout.write(simulate_readers(read_catalogue(), n_readers=60).to_csv(index=False))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1234", "PYTHONPATH": str(ROOT)}
    text = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, cwd=ROOT
    ).stdout
    assert text == simulate_readers(books, n_readers=60).to_csv(index=False)


def test_another_seed_gives_other_readers(books: pd.DataFrame) -> None:
    assert digest(simulate_readers(books, n_readers=60, seed=1)) != digest(
        simulate_readers(books, n_readers=60, seed=2)
    )


def test_the_frame_is_what_ingest_asks_for(interactions: pd.DataFrame, books: pd.DataFrame) -> None:
    assert tuple(interactions.columns) == INTERACTION_COLUMNS
    assert set(interactions["book_id"]) <= set(books["book_id"])
    assert set(interactions["kind"]) == {"rating", "read", "dismiss"}
    assert not interactions.duplicated(["user_id", "book_id"]).any()
    is_rating = interactions["kind"] == "rating"
    assert interactions.loc[is_rating, "value"].isin([1, 2, 3, 4, 5]).all()
    assert interactions.loc[~is_rating, "value"].isna().all()
    assert interactions["time"].is_monotonic_increasing
    assert (interactions["time"] % 1 == 0).all()
    assert interactions["time"].between(END_TIME_SECONDS - SPAN_SECONDS, END_TIME_SECONDS).all()
    assert pd.Timestamp(END_TIME_SECONDS, unit="s") == pd.Timestamp("2026-06-30")


def test_marginals_are_plausible(interactions: pd.DataFrame, books: pd.DataFrame) -> None:
    assert 90_000 < len(interactions) < 110_000
    assert interactions["user_id"].nunique() == 3_000
    shares = interactions["kind"].value_counts(normalize=True)
    assert 0.75 < shares["rating"] < 0.9
    assert 0.005 < shares["dismiss"] < 0.03
    stars = interactions["value"].dropna()
    assert 3.8 < stars.mean() < 4.0
    assert 0.04 < (stars <= 2).mean() < 0.15
    read = interactions[interactions["kind"] != "dismiss"]
    for counts, share_of_top_tenth in ((read["book_id"].value_counts(), 0.25), (read["user_id"].value_counts(), 0.25)):
        assert counts.iloc[: len(counts) // 10].sum() > share_of_top_tenth * len(read)  # a long tail
        assert counts.max() > 4 * counts.median()
    assert read["book_id"].nunique() > 0.95 * len(books)


def test_a_series_is_read_in_order_and_by_those_who_like_it(interactions: pd.DataFrame, books: pd.DataFrame) -> None:
    volumes = books[books["series_position"].notna()].sort_values("series_position", kind="stable")
    previous = volumes.groupby("series")["book_id"].shift()
    before = dict(zip(volumes["book_id"], previous, strict=True))
    read = interactions[interactions["kind"] != "dismiss"]
    times = {
        (user, book): time for user, book, time in zip(read["user_id"], read["book_id"], read["time"], strict=True)
    }
    later = read[read["book_id"].map(lambda book: isinstance(before.get(book), str))]
    assert len(later) > 5_000
    for user, book in zip(later["user_id"], later["book_id"], strict=True):
        assert times[user, before[book]] < times[user, book]

    firsts = read[read["book_id"].isin({before[book] for book in later["book_id"]}) & read["value"].notna()]
    after = {first: book for book, first in before.items() if isinstance(first, str)}
    went_on = np.array(
        [(user, after[book]) in times for user, book in zip(firsts["user_id"], firsts["book_id"], strict=True)]
    )
    liked = firsts["value"].to_numpy() >= 4
    assert went_on[liked].mean() > 2 * went_on[~liked].mean()


def test_what_others_read_foretells_what_a_reader_reads(interactions: pd.DataFrame, books: pd.DataFrame) -> None:
    """Factors of the reader-book matrix must beat the popular list."""
    read = interactions[interactions["kind"] != "dismiss"]
    readers = pd.Categorical(read["user_id"]).codes
    numbers = pd.Categorical(read["book_id"], categories=books["book_id"]).codes
    is_past = (read["time"] <= read["time"].quantile(0.8)).to_numpy()

    def matrix(rows: NDArray[np.bool_]) -> csr_matrix:
        return csr_matrix((np.ones(rows.sum()), (readers[rows], numbers[rows])), shape=(3_000, len(books)))

    past, future = matrix(is_past), matrix(~is_past)
    judged = np.flatnonzero((np.diff(past.indptr) >= 5) & (np.diff(future.indptr) > 0))
    assert len(judged) > 1_000
    n_readers_of_book = np.asarray(past.sum(axis=0)).ravel()

    def recall_at_10(scores: NDArray[np.float64]) -> float:
        scores = np.where(past[judged].toarray() > 0, -np.inf, scores)
        top = np.argsort(-scores, axis=1, kind="stable")[:, :10]
        wanted = future[judged].toarray()
        hits = np.take_along_axis(wanted, top, axis=1).sum(axis=1)
        return float(np.mean(hits / np.minimum(wanted.sum(axis=1), 10)))

    scale = np.maximum(n_readers_of_book, 1) ** -0.3
    weighted = csr_matrix(past.multiply(scale))
    components = TruncatedSVD(16, random_state=0).fit(weighted).components_
    collaborative = recall_at_10((weighted[judged] @ components.T) @ components)
    popular = recall_at_10(np.tile(n_readers_of_book, (len(judged), 1)))
    assert collaborative > 1.5 * popular
    assert collaborative > 0.15
