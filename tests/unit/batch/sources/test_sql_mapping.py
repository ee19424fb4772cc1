"""What a `nightshelf.toml` with a `[database]` may say, and what the arithmetic of a mirror does with keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from services.batch.sources.folder import open_folder
from services.batch.sources.sql.connection import _explained
from services.batch.sources.sql.mirror import key_numbers
from shared.errors import SourceError

MAPPING = """
[database]
url_from = "TEST_SHOP_URL"

[books]
table = "shop.books"
columns = { book_id = "id", title = "title" }

[[interactions]]
table = "stars"
columns = { user_id = "reader", book_id = "book", value = "stars" }
key = ["reader", "book"]
"""
URL = "postgresql://ann:s3cret@db.example/shop"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TEST_SHOP_URL", URL)
    (tmp_path / "nightshelf.toml").write_text(MAPPING, encoding="utf-8")
    return tmp_path


def rewrite(folder: Path, old: str, new: str) -> None:
    assert old in MAPPING
    (folder / "nightshelf.toml").write_text(MAPPING.replace(old, new, 1), encoding="utf-8")


def test_opening_asks_the_database_nothing(folder) -> None:
    source = open_folder(folder, folder / "mirrors")
    assert (source.kind, source.name, source.rating_scale, source.order) == ("sql", folder.name, "1-5", None)
    assert source.mapping.database.overlap_minutes == 10
    assert [table.place for table in source.mapping.tables] == [("shop", "books"), (None, "stars")]
    assert not (folder / "mirrors").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('url_from = "TEST_SHOP_URL"', "", "give either url_from"),
        ('url_from = "TEST_SHOP_URL"', f'url = "{URL}"', "url must not contain a password"),
        (
            'url_from = "TEST_SHOP_URL"',
            'url = "postgresql://db/shop?password=s3cret"',
            "url must not contain a password",
        ),
        ('url_from = "TEST_SHOP_URL"', 'url_from = "A"\nurl = "postgresql://db/shop"', "give either url_from"),
        ('url_from = "TEST_SHOP_URL"', 'url = "s3cret"', "url does not hold the address of a database"),
        ('url_from = "TEST_SHOP_URL"', 'url_from = "NO_SUCH_VARIABLE"', "variable NO_SUCH_VARIABLE.* is not set"),
        ('url_from = "TEST_SHOP_URL"', 'url = "mysql://db/shop"', "PostgreSQL and SQLite, not mysql"),
        ("[books]", "overlap_minutes = -1\n[books]", "database.overlap_minutes"),
        ('"shop.books"', '"a.b.c"', "books.table: String should match pattern"),
        ('"shop.books"', '".books"', "books.table: String should match pattern"),
        (', title = "title"', "", "columns names no title"),
        ('key = ["reader", "book"]', "key = []", "interactions.0.key"),
        ('table = "stars"', 'file = "stars.csv"', "interactions.0.table: Field required"),
        ('key = ["reader", "book"]', 'kind = "lent"', "interactions.0.kind"),
    ],
)
def test_a_wrong_mapping_is_refused_with_the_reason(folder, old, new, message) -> None:
    rewrite(folder, old, new)
    with pytest.raises(SourceError, match=message) as caught:
        open_folder(folder, folder / "mirrors")
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__}"


def test_a_variable_that_holds_no_address_is_named_and_not_shown(folder, monkeypatch) -> None:
    monkeypatch.setenv("TEST_SHOP_URL", "ann:s3cret@db.example")
    with pytest.raises(SourceError, match="TEST_SHOP_URL does not hold the address") as caught:
        open_folder(folder, folder / "mirrors")
    assert "s3cret" not in str(caught.value)


def test_without_a_place_for_its_copy_a_database_is_not_opened(folder) -> None:
    with pytest.raises(SourceError, match="needs a data folder"):
        open_folder(folder)


def test_a_replica_that_ends_the_query_is_explained_and_secrets_are_taken_out() -> None:
    cause = psycopg.errors.SerializationFailure("canceling statement due to conflict with recovery (s3cret)\nDETAIL: x")
    error = _explained(OperationalError("SELECT 1", {}, cause), make_url(URL))
    assert "conflict with recovery (***)" in error.what
    assert "hot_standby_feedback" in str(error.hint)
    assert error.where == "postgresql://db.example/shop"


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.none() | st.integers(-3, 3), st.none() | st.text(max_size=2), st.sampled_from("ab"))))
def test_key_numbers_are_equal_for_equal_keys_and_in_their_order(keys) -> None:
    columns = list(zip(*keys, strict=True)) or [(), (), ()]
    types = [pa.int64(), pa.string(), pa.string()]
    arrays = {f"key {i}": pa.array(columns[i], types[i]) for i in range(3)}
    numbers = key_numbers(pa.table(arrays)).tolist()
    order = sorted(
        set(keys),
        key=lambda key: [(part is not None, part.encode() if isinstance(part, str) else part or 0) for part in key],
    )
    assert [sorted(set(numbers)).index(number) for number in numbers] == [order.index(key) for key in keys]


def test_many_wide_keys_do_not_overflow() -> None:
    n_rows = 3_000
    columns = np.random.default_rng(0).permuted(np.tile(np.arange(n_rows), (8, 1)), axis=1)
    numbers = key_numbers(pa.table({f"key {i}": column for i, column in enumerate(columns)}))
    assert (np.argsort(numbers) == np.argsort(columns[0])).all()
    assert (numbers >= 0).all()
