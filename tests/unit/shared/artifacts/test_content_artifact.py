"""Content candidates: nearest other works, and what the recent books have in common."""

from __future__ import annotations

import faiss
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.artifacts.content import NAME, ContentNeighbors, nearest_rows
from shared.errors import ArtifactError
from shared.recommend.neighbor_table import save_rows

N_BOOKS = 60


def unit_vectors(n=N_BOOKS, dimensions=6, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((n, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make(vectors, work_id=None, n=100):
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(vectors.shape[1]))
    described = np.flatnonzero(vectors.any(axis=1))
    index.add_with_ids(vectors[described], described)
    work_id = np.arange(len(vectors), dtype=np.int32) if work_id is None else np.asarray(work_id, np.int32)
    rows = nearest_rows(index, vectors, work_id, n)
    return ContentNeighbors(rows, np.full(len(vectors), -1, np.int32), [])


def test_neighbours_are_the_nearest_best_first():
    vectors = unit_vectors()
    numbers, scores = make(vectors, n=10).neighbors(7)

    similarity = vectors @ vectors[7]
    similarity[7] = -np.inf
    assert numbers.tolist() == (-similarity).argsort()[:10].tolist()
    np.testing.assert_allclose(scores, similarity[numbers], atol=1e-6)
    assert (numbers.dtype, scores.dtype) == (np.int32, np.float32)


def test_neither_the_book_nor_an_edition_of_it_is_its_neighbour():
    vectors = unit_vectors()
    vectors[20:28] = vectors[7]  # eight editions nearer than any other book
    editions = np.arange(N_BOOKS)
    editions[20:28] = 7

    numbers, _ = make(vectors, editions, n=10).neighbors(7)

    assert len(numbers) == 10
    assert not {7, *range(20, 28)} & set(numbers.tolist())


def test_a_book_without_a_vector_has_no_neighbours_and_is_nobodys():
    vectors = unit_vectors()
    vectors[5] = 0
    neighbours = make(vectors)

    assert neighbours.neighbors(5)[0].tolist() == []
    assert all(5 not in neighbours.neighbors(number)[0] for number in range(N_BOOKS))
    assert neighbours.candidates(np.array([5], np.int32), limit=10, decay=0.9)[0].tolist() == []


@settings(deadline=None)
@given(
    recent=st.lists(st.integers(-3, N_BOOKS + 10), unique=True, max_size=12),
    decay=st.sampled_from([0.5, 0.85, 1.0]),
    limit=st.integers(1, 80),
)
def test_candidates_are_the_decayed_sum_over_known_recent_books(recent, decay, limit):
    neighbours = make(unit_vectors(), n=15)

    numbers, scores = neighbours.candidates(np.array(recent, np.int32), limit=limit, decay=decay)

    expected = {}
    for place, book in enumerate(recent):
        if 0 <= book < N_BOOKS:
            for number, score in zip(*(artifact.tolist() for artifact in neighbours.neighbors(book)), strict=True):
                expected[number] = expected.get(number, 0.0) + score * decay**place
    assert len(numbers) == min(limit, len(expected)) == len(set(numbers.tolist()))
    np.testing.assert_allclose(scores, [expected[number] for number in numbers.tolist()], atol=1e-5)
    np.testing.assert_allclose(scores, sorted(expected.values(), reverse=True)[:limit], atol=1e-5)


def test_candidates_that_tie_are_in_order_of_book_number():
    vectors = np.repeat(np.eye(2, 3, dtype=np.float32), [1, 9], axis=0)
    vectors[1:] = (0.6, 0.8, 0)

    numbers, _ = make(vectors).candidates(np.array([0], np.int32), limit=4, decay=1.0)

    assert numbers.tolist() == [1, 2, 3, 4]


def test_an_index_of_other_dimensions_is_refused(tmp_path):
    np.save(tmp_path / "vectors.npy", unit_vectors(4, 6))
    np.save(tmp_path / "cluster_of.npy", np.zeros(4, np.int32))
    (tmp_path / "clusters.json").write_bytes(orjson.dumps([]))
    faiss.write_index(faiss.IndexFlatIP(5), str(tmp_path / "index.faiss"))

    with pytest.raises(ArtifactError, match="5 dimensions"):
        ContentNeighbors.open(tmp_path, np.arange(4, dtype=np.int32))


def test_an_artifact_without_rows_is_opened_with_the_same_neighbors(tmp_path):
    vectors = unit_vectors(40)
    vectors[5] = 0
    np.save(tmp_path / "vectors.npy", vectors)
    np.save(tmp_path / "cluster_of.npy", np.zeros(40, np.int32))
    (tmp_path / "clusters.json").write_bytes(orjson.dumps([]))
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(6))
    index.add_with_ids(vectors[vectors.any(axis=1)], np.flatnonzero(vectors.any(axis=1)))
    faiss.write_index(index, str(tmp_path / "index.faiss"))
    work_id = np.arange(40, dtype=np.int32) // 2

    older = ContentNeighbors.open(tmp_path, work_id)
    save_rows(tmp_path, NAME, nearest_rows(index, vectors, work_id))
    newer = ContentNeighbors.open(tmp_path, work_id)

    for book in range(40):
        np.testing.assert_array_equal(older.neighbors(book)[0], newer.neighbors(book)[0])
        np.testing.assert_array_equal(older.neighbors(book)[1], newer.neighbors(book)[1])


def test_rows_that_are_not_of_these_books_are_refused(tmp_path):
    np.save(tmp_path / "cluster_of.npy", np.zeros(3, np.int32))
    (tmp_path / "clusters.json").write_bytes(orjson.dumps([]))
    save_rows(tmp_path, NAME, (np.full((2, 1), -1, np.int32), np.zeros((2, 1), np.float32)))
    with pytest.raises(ArtifactError, match="3 books have 2 rows"):
        ContentNeighbors.open(tmp_path, np.arange(3, dtype=np.int32))


def test_a_work_of_very_many_editions_and_its_guide_have_other_works_as_neighbors():
    vectors = unit_vectors(400)
    vectors[:300] = vectors[0]  # the editions of a classic
    vectors[300] = vectors[0] * 0.999 + vectors[301] * 0.001  # its study guide
    vectors[300] /= np.linalg.norm(vectors[300])
    work_id = np.arange(400, dtype=np.int32)
    work_id[:300] = 0
    neighbors = make(vectors, work_id, n=20)

    of_edition, _ = neighbors.neighbors(17)
    assert len(of_edition) == 20
    assert of_edition[0] == 300
    of_guide, _ = neighbors.neighbors(300)
    assert len(of_guide) == 20
    assert of_guide[0] < 300 < min(of_guide[1:])


@settings(deadline=None, max_examples=50)
@given(works=st.lists(st.integers(0, 12), min_size=1, max_size=60), n=st.integers(1, 15))
def test_each_row_is_the_best_edition_of_each_of_the_nearest_other_works(works, n):
    vectors = unit_vectors(len(works), seed=len(works))
    work_id = np.array([works.index(work) for work in works], np.int32)
    neighbors = make(vectors, work_id, n)

    for book in range(len(works)):
        found, scores = neighbors.neighbors(book)
        best = {}
        for other in (-(vectors @ vectors[book])).argsort(kind="stable").tolist():
            best.setdefault(int(work_id[other]), other)
        best.pop(int(work_id[book]))
        assert found.tolist() == list(best.values())[:n]
        np.testing.assert_allclose(scores, vectors[found] @ vectors[book], atol=1e-6)


def test_an_index_that_searches_some_cells_only_gives_what_they_have():
    vectors = unit_vectors(200)
    index = faiss.index_factory(6, "IVF8,Flat", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add_with_ids(vectors, np.arange(200))
    items, scores = nearest_rows(index, vectors, np.arange(200, dtype=np.int32), 150)
    assert ((items >= 0).sum(axis=1) < 150).all()
    assert (scores[items < 0] == 0).all()
