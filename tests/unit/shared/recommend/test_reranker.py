"""The reranker behind the blend: what it looks at, how it orders, and what it leaves alone."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ModelError
from shared.recommend.blend import CANDIDATE_SOURCES, NOTHING_BLENDED, Blended
from shared.recommend.reranker import FEATURES, BookMetadata, Reranker
from tests.worlds.small_generation import reranker_files

NAN = float("nan")


def blended(*numbers):
    own = np.full((len(CANDIDATE_SOURCES), len(numbers)), NAN, np.float32)
    own[0] = np.linspace(1, 0.5, len(numbers))
    return Blended(np.array(numbers, np.int32), np.linspace(0.9, 0.1, len(numbers), dtype=np.float32), own)


def metadata_of(*rows):
    """Likes and volume of each book, then author and series."""
    metadata = np.zeros((len(rows), 6), np.float32)
    metadata[:, 0], metadata[:, 5] = [row[0] for row in rows], [row[1] for row in rows]
    return BookMetadata(metadata, np.array([row[2:] for row in rows], np.int32))


class TestFeatures:
    BOOKS = metadata_of((1, 1, 0, 5), (2, 2, 0, 5), (3, 3, 0, 5), (4, NAN, 0, -1), (5, NAN, 1, -1), (6, NAN, -1, -1))

    def of(self, number, *recent):
        [row] = self.BOOKS.features(blended(number), np.array(recent, np.int32))
        assert len(row) == len(FEATURES)
        return dict(zip(FEATURES, row.tolist(), strict=True))

    def test_lists_and_metadata_come_first(self):
        found = self.of(4)
        assert (found["collaborative"], found["likes"]) == (1, 5)
        assert np.isnan(found["content"]), "not in that list"

    def test_author_and_series(self):
        found = self.of(2, 4, 1, 0)
        assert (found["liked_of_author"], found["since_author"]) == (2, 1)
        assert (found["liked_of_series"], found["since_series"]) == (2, 1)
        assert found["volumes_further"] == 1, "the third volume, one after the second"
        assert found["liked"] == 3
        assert self.of(0, 2)["volumes_further"] == -2

    def test_nothing_of_either(self):
        for number, *recent in ((4, 0, 1), (5, 0, 4), (5, 5)):
            found = self.of(number, *recent)
            assert (found["liked_of_author"], found["liked_of_series"]) == (0, 0)
            assert np.isnan([found["since_author"], found["since_series"], found["volumes_further"]]).all()
        assert self.of(3, 2)["liked_of_author"] == 1
        assert np.isnan(self.of(3, 2)["volumes_further"])

    def test_a_reader_without_books(self):
        assert self.of(2)["liked"] == 0

    def test_a_book_newer_than_the_artifact(self):
        found = self.of(6, 0, 9, -1, 1)
        assert np.isnan(found["likes"])
        assert found["liked_of_author"] == 0
        assert found["liked"] == 2, "of the recent books only those that are known"


class ByNumber:
    """A model for which these scores hold, book by book; it finds a book by its likes."""

    def __init__(self, scores):
        self._scores = scores

    def predict(self, features, num_threads):
        assert num_threads == 1
        return np.array(
            [self._scores[int(likes) - 1] if likes > 0 else 1.0 for likes in features[:, len(CANDIDATE_SOURCES)]]
        )


def reranker_of(scores, unliked=()):
    rows = [(0 if number in unliked else number + 1, NAN, -1, -1) for number in range(len(scores))]
    return Reranker(metadata_of(*rows), ByNumber(scores), n_ranked=100, n_recent=10)


class TestOrder:
    def test_by_likelihood_with_everything_that_belongs_to_a_book(self):
        [found] = reranker_of([0.1, 0.7, 0.4]).rank([blended(0, 1, 2)], [np.empty(0, np.int32)])
        assert found.item_index.tolist() == [1, 2, 0]
        np.testing.assert_allclose(found.scores, [0.7, 0.4, 0.1])
        np.testing.assert_array_equal(found.own, blended(0, 1, 2).own[:, [1, 2, 0]])

    def test_readers_do_not_influence_each_other(self):
        reranker, nobody = reranker_of([0.1, 0.7, 0.4]), np.empty(0, np.int32)
        lists = [blended(0, 2), NOTHING_BLENDED, blended(2, 1, 0), NOTHING_BLENDED]
        together = reranker.rank(lists, [nobody] * 4)
        assert [found.item_index.tolist() for found in together] == [[2, 0], [], [1, 2, 0], []]
        assert reranker.rank([NOTHING_BLENDED], [nobody])[0].item_index.tolist() == []

    @pytest.mark.parametrize(
        ("unliked", "numbers", "scores"),
        [
            ({0, 1, 2}, [0, 1, 2], [0.9, 0.5, 0.1]),
            ({0}, [0, 2, 1], [0.8, 0.8, 0.4]),
            ({1, 2}, [0, 1, 2], [0.3, 0.3, 0.1]),
        ],
        ids=["nothing known", "first", "last"],
    )
    def test_scores_of_what_nobody_has_liked(self, unliked, numbers, scores):
        [found] = reranker_of([0.3, 0.4, 0.8], unliked).rank([blended(0, 1, 2)], [np.empty(0, np.int32)])
        assert found.item_index.tolist() == numbers
        np.testing.assert_allclose(found.scores, scores)

    def test_what_comes_behind_stays_behind(self):
        reranker = dataclasses.replace(reranker_of([0.1, 0.05, 0.4, 0.9, 0.8]), n_ranked=3)
        [found] = reranker.rank([blended(0, 1, 2, 3, 4)], [np.empty(0, np.int32)])
        assert found.item_index.tolist() == [2, 0, 1, 3, 4]
        np.testing.assert_allclose(found.scores, [0.4, 0.1, 0.05, 0.05, 0.05])
        [shorter] = reranker.rank([blended(0, 1)], [np.empty(0, np.int32)])
        assert shorter.item_index.tolist() == [0, 1]

    @given(
        st.permutations(range(12)),
        st.sets(st.integers(0, 11)),
        st.lists(st.floats(0, 1, width=32), min_size=12, max_size=12),
    )
    def test_what_nobody_has_liked_keeps_its_place(self, numbers, unliked, scores):
        [found] = reranker_of(scores, unliked).rank([blended(*numbers)], [np.empty(0, np.int32)])
        assert sorted(found.item_index.tolist()) == list(range(12))
        places = [place for place, number in enumerate(numbers) if number in unliked]
        assert [found.item_index[place] for place in places] == [numbers[place] for place in places]
        of_liked = [scores[number] for number in found.item_index.tolist() if number not in unliked]
        assert of_liked == sorted(of_liked, reverse=True)
        assert (np.diff(found.scores) <= 0).all()


METADATA = {"learned": True, "n_ranked": 50, "n_recent": 7}


class TestOpen:
    @pytest.fixture
    def artifact(self, tmp_path):
        files = reranker_files()
        (tmp_path / "model.txt").write_bytes(files["model.txt"])
        for name in ("metadata.npy", "groups.npy"):
            np.save(tmp_path / name, files[name])
        return tmp_path

    def test_what_was_learned_is_opened(self, artifact):
        reranker = Reranker.open(artifact, METADATA)
        assert (reranker.n_ranked, reranker.n_recent, reranker.books.n_books) == (50, 7, 6)
        unlikely, likely = reranker.model.predict(np.array([[0.0], [39.0]]).repeat(len(FEATURES), axis=1))
        assert unlikely < 0.5 < likely

    def test_where_nothing_was_learned_there_is_none(self, artifact):
        assert Reranker.open(artifact, {"learned": False}) is None

    def test_without_the_library_the_error_says_what_to_install(self, artifact, monkeypatch):
        monkeypatch.setitem(sys.modules, "lightgbm", None)
        with pytest.raises(ModelError, match="LightGBM") as refused:
            Reranker.open(artifact, METADATA)
        assert ".[reranker]" in refused.value.hint
