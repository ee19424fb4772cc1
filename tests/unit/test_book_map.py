"""The map as bytes, read back field by field."""

from __future__ import annotations

import gzip
from types import SimpleNamespace

import numpy as np
import pytest

from services.api.book_map import MAGIC, NO_TRIBE, make_map
from services.api.reader_neighbours import ReaderNeighbours
from shared.layout import DataFolder

PLACES = np.array([[0, 0], [9, 9], [1, -1], [-1, 1]], np.float32)  # the second is of an inactive book


@pytest.fixture
def packed(tmp_path):
    part = DataFolder(tmp_path).parts / "content-c"
    part.mkdir(parents=True)
    np.save(part / "map.npy", PLACES)
    generation = SimpleNamespace(
        manifest=SimpleNamespace(parts={"catalog": "a", "content": "c", "popularity": "p"}),
        catalog=SimpleNamespace(active=np.array([True, False, True, True])),
        popularity=SimpleNamespace(n_ratings=np.array([7, 0, 0, 10**6])),
        neighbours=SimpleNamespace(tribe_of=np.array([1, -1, -1, 2], np.int32)),
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


class TestReaderNeighbours:
    """Five books on two axes; the fourth is another edition of the first, the fifth is no longer sold."""

    items = np.array([[1, 0], [0.8, 0.1], [0, 1], [1, 0], [0.9, 0], [0.4, 0]], np.float32)
    editions = np.array([0, 1, 2, 0, 4, 5, 6], np.int32)
    active = np.array([True, True, True, True, False, True, True])

    @pytest.fixture
    def neighbours(self):
        return ReaderNeighbours(self.items, self.items, self.editions, self.active)

    def test_best_first_as_shares_of_the_best_without_itself_other_editions_and_books_gone(self, neighbours):
        numbers, shares = neighbours.of(0)
        assert numbers.tolist() == [1, 5]
        assert shares.tolist() == pytest.approx([1, 0.5])

    def test_a_book_the_model_does_not_know_has_none(self, neighbours):
        assert len(neighbours.of(6)[0]) == 0
