"""The map as bytes, read back field by field."""

from __future__ import annotations

import gzip
from types import SimpleNamespace

import numpy as np
import pytest

from services.api.page.book_map import MAGIC, NO_TRIBE, make_map
from shared.layout import DataFolder

PLACES = np.array([[0, 0], [9, 9], [1, -1], [-1, 1]], np.float32)  # the second is of an inactive book


@pytest.fixture
def packed(tmp_path):
    part = DataFolder(tmp_path).artifacts / "content-c"
    part.mkdir(parents=True)
    np.save(part / "map.npy", PLACES)
    generation = SimpleNamespace(
        manifest=SimpleNamespace(artifacts={"catalog": "a", "content": "c", "popularity": "p"}),
        catalog=SimpleNamespace(active=np.array([True, False, True, True])),
        popularity=SimpleNamespace(n_ratings=np.array([7, 0, 0, 10**6])),
        content=SimpleNamespace(cluster_of=np.array([1, -1, -1, 2], np.int32)),
    )
    return make_map(DataFolder(tmp_path), generation)


def test_active_books_only_the_least_rated_first(packed):
    assert packed.content[:4] == MAGIC
    n = int(np.frombuffer(packed.content, "<u4", 1, 4)[0])
    assert n == 3
    assert len(packed.content) == 24 + 11 * n
    assert np.frombuffer(packed.content, "<f4", 4, 8).tolist() == [-1, 1, -1, 1]
    assert np.frombuffer(packed.content, "<u4", n, 24).tolist() == [2, 0, 3]
    assert np.frombuffer(packed.content, "<u2", n, 24 + 4 * n).tolist() == [65535, 32768, 0]
    assert np.frombuffer(packed.content, "<u2", n, 24 + 6 * n).tolist() == [0, 32768, 65535]
    assert np.frombuffer(packed.content, "<u2", n, 24 + 8 * n).tolist() == [NO_TRIBE, 1, 2]
    assert np.frombuffer(packed.content, "u1", n, 24 + 10 * n).tolist() == [0, 12, 80]


def test_the_compressed_bytes_are_the_same(packed):
    assert gzip.decompress(packed.compressed) == packed.content
