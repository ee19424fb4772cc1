"""What every neighbor table keeps to, however its rows were made."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from services.batch.ingest.histories import Histories
from services.batch.models.item_transitions import item_transitions_of
from services.batch.runtime.progress import SILENT
from shared.artifacts.content import nearest_rows
from shared.errors import ArtifactError
from shared.recommend.neighbor_table import NeighborTable, open_rows, pad_rows, save_rows, table_files
from shared.recommend.same_series_author import same_series_author_rows
from shared.settings import ItemTransitionSettings

N_BOOKS = 80


def content_rows():
    vectors = np.random.default_rng(1).integers(-2, 3, (N_BOOKS, 4)).astype(np.float32)  # many ties
    vectors[3] = 0
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    described = np.flatnonzero(vectors.any(axis=1))
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(4))
    index.add_with_ids(vectors[described], described)
    return nearest_rows(index, vectors, np.arange(N_BOOKS, dtype=np.int32) // 2)


def item_transition_rows():
    generator = np.random.default_rng(2)
    books = np.concatenate([generator.permutation(N_BOOKS)[:12] for _ in range(60)])
    users = np.repeat(np.arange(60), 12)
    times = np.arange(len(books), dtype=np.float64)
    histories = Histories.of(users, books.astype(np.int32), times, n_users=60, n_books=N_BOOKS)
    return item_transitions_of(histories, ItemTransitionSettings(n_neighbors=20), progress=SILENT)


def same_series_rows():
    series = [f"s{book % 9}" if book % 3 else None for book in range(N_BOOKS)]
    positions = [float(book // 9) if book % 4 else None for book in range(N_BOOKS)]
    authors = [[f"a{book % 7}"] for book in range(N_BOOKS)]
    return same_series_author_rows(
        series, positions, authors, np.arange(N_BOOKS) % 10 != 0, np.arange(N_BOOKS, dtype=np.int32)
    )


@pytest.fixture(
    scope="module", params=[content_rows, item_transition_rows, same_series_rows], ids=lambda make: make.__name__
)
def rows(request):
    return request.param()


@pytest.fixture
def table(rows):
    return NeighborTable(rows, name="contract")


def test_rows_are_two_arrays_padded_behind_the_last_neighbor(rows):
    items, scores = rows
    assert (items.dtype, scores.dtype, items.shape) == (np.int32, np.float32, scores.shape)
    assert len(items) == N_BOOKS
    padding = items < 0
    assert (items[padding] == -1).all()
    assert not scores[padding].any()
    assert (np.diff(padding.astype(int), axis=1) >= 0).all()


def test_neighbors_are_distinct_other_books_best_first_ties_by_item_index(table):
    n_neighbors = 0
    for book in range(N_BOOKS):
        items, scores = table.neighbors(book)
        assert book not in items
        assert len(set(items.tolist())) == len(items) == len(scores)
        assert items.tolist() == [item for _, item in sorted(zip((-scores).tolist(), items.tolist(), strict=True))]
        n_neighbors += len(items)
    assert n_neighbors > N_BOOKS


@pytest.mark.parametrize("item_index", [-1, N_BOOKS, 2**31 - 1])
def test_an_unknown_book_has_no_neighbors(table, item_index):
    assert [len(array) for array in table.neighbors(item_index)] == [0, 0]


def test_unknown_recent_books_are_passed_over_but_keep_their_place(table):
    known, mixed = np.array([7], np.int32), np.array([N_BOOKS, 7, -1], np.int32)
    alone, among = (table.candidates(recent, limit=50, decay=0.5) for recent in (known, mixed))
    np.testing.assert_array_equal(alone[0], among[0])
    np.testing.assert_array_equal(alone[1] * np.float32(0.5), among[1])


def test_candidates_are_decayed_sums_and_explained_by_the_largest_summand(table):
    recent, decay = [5, 11, 23], 0.7
    sums, best = {}, {}
    for place, book in enumerate(recent):
        for item, score in zip(*(array.tolist() for array in table.neighbors(book)), strict=True):
            summand = score * decay**place
            sums[item] = sums.get(item, 0.0) + summand
            best[item] = max(best.get(item, (-np.inf, -1)), (summand, book))
    items, scores = table.candidates(np.array(recent, np.int32), limit=30, decay=decay)
    assert scores.tolist() == pytest.approx([sums[item] for item in items.tolist()], abs=1e-5)
    assert scores.tolist() == pytest.approx(sorted(sums.values(), reverse=True)[:30], abs=1e-5)
    explained = table.explanations(np.array(recent, np.int32), limit=30, decay=decay)
    assert explained.keys() == set(items.tolist())
    for item, book in explained.items():
        found, its_scores = table.neighbors(book)
        summand = its_scores[found == item][0] * decay ** recent.index(book)
        assert summand == pytest.approx(best[item][0], abs=1e-6)


def test_candidates_that_tie_are_in_order_of_item_index():
    rows = pad_rows(
        [(np.array([3, 1], np.int32), np.ones(2, np.float32)), (np.array([2], np.int32), np.ones(1, np.float32))]
    )
    items, _ = NeighborTable(rows, name="contract").candidates(np.array([0, 1], np.int32), limit=2, decay=1.0)
    assert items.tolist() == [1, 2]


def test_scaled_scores_give_the_same_candidates(rows):
    recent = np.array([5, 11, 23], np.int32)
    plain, scaled = (
        NeighborTable((rows[0], rows[1] * np.float32(factor)), name="contract").candidates(recent, limit=40, decay=0.5)
        for factor in (1, 4)
    )
    np.testing.assert_array_equal(plain[0], scaled[0])
    np.testing.assert_array_equal(plain[1] * 4, scaled[1])


def test_what_is_saved_is_what_is_opened(rows, tmp_path):
    assert open_rows(tmp_path, "saved") is None
    save_rows(tmp_path, "saved", rows)
    opened = open_rows(tmp_path, "saved")
    assert opened is not None
    for one, other in zip(opened, rows, strict=True):
        np.testing.assert_array_equal(one, other)


def test_halves_of_two_tables_are_refused(tmp_path):
    np.save(tmp_path / table_files("x")[0], np.zeros((3, 2), np.int32))
    np.save(tmp_path / table_files("x")[1], np.zeros((3, 1), np.float32))
    with pytest.raises(ArtifactError, match="do not belong together"):
        open_rows(tmp_path, "x")
