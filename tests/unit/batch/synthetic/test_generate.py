"""Synthetic data: repeatable, long-tailed, valid, and written atomically."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.batch.runtime.progress import Progress
from services.batch.sources.folder import open_folder
from services.batch.sources.rejects import RejectLog
from services.batch.synthetic import generate as generate_module
from services.batch.synthetic.generate import BOOKS_SCHEMA, RATINGS_SCHEMA, GenerateReport, generate
from services.batch.synthetic.simulation import END_TIME_SECONDS, SPAN_SECONDS, build_world, ratings_of_block
from shared.errors import InvalidRequestError

if TYPE_CHECKING:
    from pathlib import Path

N_BOOKS, N_USERS, RATINGS_PER_USER = 2_000, 12_000, 20


def make(
    out: Path, *, n_books: int = 60, n_users: int = 40, ratings_per_user: int = 5, seed: int = 7
) -> GenerateReport:
    return generate(
        out,
        n_books=n_books,
        n_users=n_users,
        ratings_per_user=ratings_per_user,
        seed=seed,
        progress=Progress(),
    )


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> tuple[GenerateReport, pd.DataFrame, pd.DataFrame]:
    out = tmp_path_factory.mktemp("generate") / "synthetic"
    report = make(out, n_books=N_BOOKS, n_users=N_USERS, ratings_per_user=RATINGS_PER_USER)
    return report, pd.read_parquet(out / "books.parquet"), pd.read_parquet(out / "ratings.parquet")


def test_files_follow_their_schema(synthetic: tuple[GenerateReport, pd.DataFrame, pd.DataFrame]) -> None:
    report, books, ratings = synthetic
    assert {file.name for file in report.out.iterdir()} == {"books.parquet", "ratings.parquet", "nightshelf.toml"}
    assert pq.read_schema(report.out / "books.parquet").remove_metadata() == BOOKS_SCHEMA
    assert pq.read_schema(report.out / "ratings.parquet").remove_metadata() == RATINGS_SCHEMA
    assert pq.ParquetFile(report.out / "ratings.parquet").num_row_groups == 2  # written block by block
    assert (report.n_books, report.n_users, report.n_ratings) == (len(books), N_USERS, len(ratings))
    assert report.n_bytes == sum(file.stat().st_size for file in report.out.iterdir())


def test_ingest_can_open_the_folder(synthetic: tuple[GenerateReport, pd.DataFrame, pd.DataFrame]) -> None:
    report, books, ratings = synthetic
    source, rejects = open_folder(report.out), RejectLog()
    read_books, read_ratings = source.books(rejects), source.interactions(rejects)
    assert rejects.total == 0
    assert (source.kind, source.rating_scale, source.order) == ("generic", "1-5", None)
    for column in ("book_id", "title", "description"):
        assert read_books[column].tolist() == books[column].tolist()
    for column in ("authors", "genres"):
        assert read_books[column].map(list).tolist() == books[column].map(list).tolist()
    np.testing.assert_array_equal(read_books["series_position"].astype(float), books["series_position"])
    assert len(read_ratings) == len(ratings)
    assert read_ratings["user_id"].astype(str).tolist() == ratings["user_id"].tolist()
    np.testing.assert_array_equal(read_ratings["value"], ratings["rating"])
    np.testing.assert_array_equal(read_ratings["time"], ratings["timestamp"])


def test_ratings_are_on_the_scale_and_once_per_pair(
    synthetic: tuple[GenerateReport, pd.DataFrame, pd.DataFrame],
) -> None:
    _report, books, ratings = synthetic
    assert set(ratings["rating"]) == {1, 2, 3, 4, 5}
    assert 3.5 < ratings["rating"].mean() < 4.2
    assert not ratings.duplicated(["user_id", "book_id"]).any()
    assert set(ratings["book_id"]) <= set(books["book_id"])
    assert ratings["user_id"].nunique() == N_USERS
    assert ratings["timestamp"].between(END_TIME_SECONDS - SPAN_SECONDS, END_TIME_SECONDS).all()
    assert ratings.groupby("user_id")["timestamp"].is_monotonic_increasing.all()


def test_popularity_and_activity_have_long_tails(
    synthetic: tuple[GenerateReport, pd.DataFrame, pd.DataFrame],
) -> None:
    _report, _books, ratings = synthetic
    per_book, per_user = ratings["book_id"].value_counts(), ratings["user_id"].value_counts()
    assert 0.95 < per_user.mean() / RATINGS_PER_USER < 1.05
    assert per_user.max() > 4 * per_user.median()
    assert per_book.iloc[: N_BOOKS // 100].sum() > 0.05 * len(ratings)  # the first hundredth
    assert per_book.iloc[: N_BOOKS // 10].sum() > 0.25 * len(ratings)
    assert len(per_book) > 0.95 * N_BOOKS  # and nearly everything is read by someone


def test_books_are_consistent(synthetic: tuple[GenerateReport, pd.DataFrame, pd.DataFrame]) -> None:
    _report, books, _ratings = synthetic
    assert books["book_id"].is_unique
    author = books["authors"].str[0]
    assert not pd.DataFrame({"title": books["title"], "author": author}).duplicated().any()
    assert books["genres"].map(len).isin([1, 2]).all()
    assert (books["genres"].map(set).map(len) == books["genres"].map(len)).all()
    assert books["year"].between(1950, 2025).all()
    assert books["description"].map(lambda text: len(text.split())).between(20, 80).all()
    assert books["description"].nunique() > 0.95 * N_BOOKS
    in_series = books[books["series"].notna()]
    assert 0.2 < len(in_series) / N_BOOKS < 0.7
    assert books.loc[books["series"].isna(), "series_position"].isna().all()
    for _name, volumes in in_series.groupby([author[in_series.index], "series"]):
        assert volumes["series_position"].tolist() == list(range(1, len(volumes) + 1))


def test_readers_of_a_book_share_more_than_popularity(
    synthetic: tuple[GenerateReport, pd.DataFrame, pd.DataFrame],
) -> None:
    _report, books, ratings = synthetic
    genre = books.set_index("book_id")["genres"].str[0]
    genres = genre.loc[ratings["book_id"]].to_numpy()
    shares = pd.Series(genres).value_counts(normalize=True)
    of_user = pd.crosstab(ratings["user_id"].to_numpy(), genres, normalize="index")
    assert of_user.max(axis=1).mean() > 2 * shares.max()


def test_volumes_are_read_in_order(synthetic: tuple[GenerateReport, pd.DataFrame, pd.DataFrame]) -> None:
    _report, books, ratings = synthetic
    volumes = ratings.merge(books[books["series"].notna()][["book_id", "series", "series_position"]], on="book_id")
    groups = volumes.groupby(["user_id", "series"])["series_position"]
    assert groups.size().max() > 2
    assert (groups.diff().dropna() > 0).all()


def test_the_same_arguments_give_the_same_files(tmp_path: Path) -> None:
    for name in ("first", "second"):
        make(tmp_path / name)
    make(tmp_path / "other", seed=8)
    for file in ("books.parquet", "ratings.parquet"):
        first, second, other = (pd.read_parquet(tmp_path / name / file) for name in ("first", "second", "other"))
        pd.testing.assert_frame_equal(first, second)
        assert not first.equals(other)
    assert (tmp_path / "first/nightshelf.toml").read_text() == (tmp_path / "second/nightshelf.toml").read_text()


def test_blocks_can_be_made_in_any_order() -> None:
    world = build_world(300, seed=3)
    forwards = [ratings_of_block(world, block, 50, 6) for block in (0, 1)]
    backwards = [ratings_of_block(build_world(300, seed=3), block, 50, 6) for block in (1, 0)][::-1]
    for one, other in zip(forwards, backwards, strict=True):
        np.testing.assert_array_equal(one.books, other.books)
        np.testing.assert_array_equal(one.stars, other.stars)
        np.testing.assert_array_equal(one.timestamps, other.timestamps)
    assert not np.array_equal(forwards[0].books, forwards[1].books)


@settings(deadline=None, max_examples=40)
@given(data=st.data(), n_books=st.integers(2, 80), n_users=st.integers(1, 30), seed=st.integers(0, 2**63 - 1))
def test_any_small_data_set_is_consistent(data: st.DataObject, n_books: int, n_users: int, seed: int) -> None:
    ratings_per_user = data.draw(st.integers(1, n_books // 2))
    ratings = ratings_of_block(build_world(n_books, seed), 0, n_users, ratings_per_user)
    pairs = ratings.users * n_books + ratings.books
    assert len(np.unique(pairs)) == len(pairs)
    assert ((ratings.books >= 0) & (ratings.books < n_books)).all()
    assert np.array_equal(np.unique(ratings.users), np.arange(n_users))
    assert np.bincount(ratings.users).max() <= n_books // 2
    assert ((ratings.stars >= 1) & (ratings.stars <= 5)).all()


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ({"n_books": 1}, "--books"),
        ({"n_users": 0}, "--users"),
        ({"ratings_per_user": 0}, "--ratings-per-user"),
        ({"n_books": 10, "ratings_per_user": 6}, "--ratings-per-user"),
        ({"seed": -1}, "--seed"),
    ],
)
def test_impossible_arguments_are_refused(tmp_path: Path, arguments: dict[str, int], option: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        make(tmp_path / "out", **arguments)
    assert caught.value.where == option
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    make(out)  # empty: fine
    before = {file: file.read_bytes() for file in out.iterdir()}
    with pytest.raises(InvalidRequestError, match="not empty") as caught:
        make(out, seed=8)
    assert caught.value.where == str(out)
    assert {file: file.read_bytes() for file in out.iterdir()} == before
    with pytest.raises(InvalidRequestError, match="a file"):
        make(out / "books.parquet")


def test_a_run_that_breaks_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_arguments: object, **_options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(generate_module, "_write_ratings", break_down)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
