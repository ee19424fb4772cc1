"""Metrics, compared with manual results and with trec_eval."""

import math

import numpy as np
import pytest
import pytrec_eval
from scipy.sparse import csr_matrix

from services.batch.metrics.ranking import hit_rate_at, hits, ndcg_at, recall_at, reciprocal_rank_at

RANKED = np.array([[3, 1, 0, 4], [2, 5, -1, -1], [0, 1, 2, 3], [-1, -1, -1, -1]], np.int32)
N_BOOKS = 6


def relevant_of(*books, n_books=N_BOOKS):
    rows = [row for row, own in enumerate(books) for _ in own]
    return csr_matrix((np.ones(len(rows), np.int8), (rows, [n for own in books for n in own])), (len(books), n_books))


RELEVANT = relevant_of([1, 4, 5], [5], [4], [0])


def test_hits_by_hand():
    expected = [[0, 1, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert hits(RANKED, RELEVANT).astype(int).tolist() == expected


def test_padding_is_never_a_hit():
    assert not hits(np.full((2, 3), -1, np.int32), relevant_of([N_BOOKS - 1], [0, N_BOOKS - 1])).any()


@pytest.mark.parametrize(
    ("metric", "k", "expected"),
    [
        (recall_at, 4, [2 / 3, 1, 0, 0]),
        (recall_at, 2, [1 / 3, 1, 0, 0]),
        (hit_rate_at, 4, [1, 1, 0, 0]),
        (hit_rate_at, 1, [0, 0, 0, 0]),
        (reciprocal_rank_at, 4, [1 / 2, 1 / 2, 0, 0]),
        (reciprocal_rank_at, 1, [0, 0, 0, 0]),
        # Three relevant books, ranks 2 and 4 of 4; the ideal list has them on ranks 1, 2 and 3.
        (ndcg_at, 4, [(1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3) + 1 / 2), 1 / math.log2(3), 0, 0]),
        # With k = 2 the ideal list has room for two of the three.
        (ndcg_at, 2, [(1 / math.log2(3)) / (1 + 1 / math.log2(3)), 1 / math.log2(3), 0, 0]),
    ],
)
def test_by_hand(metric, k, expected):
    assert metric(RANKED, RELEVANT, k).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("metric", [recall_at, ndcg_at, reciprocal_rank_at, hit_rate_at])
def test_the_perfect_list_is_worth_1_and_nobody_to_please_is_nan(metric):
    ranked = np.array([[2, 0, 1], [0, 1, 2]], np.int32)
    values = metric(ranked, relevant_of([0, 2], []), 2)
    assert values[0] == 1
    assert np.isnan(values[1])


@pytest.mark.parametrize("metric", [recall_at, ndcg_at, reciprocal_rank_at, hit_rate_at])
def test_lists_shorter_than_k_count_as_padded_and_no_lists_at_all_as_0(metric):
    padded = np.pad(RANKED, ((0, 0), (0, 6)), constant_values=-1)
    assert metric(RANKED, RELEVANT, 10).tolist() == metric(padded, RELEVANT, 10).tolist()
    assert metric(np.empty((4, 0), np.int32), RELEVANT, 5).tolist() == [0, 0, 0, 0]
    assert metric(np.empty((0, 5), np.int32), relevant_of(), 5).tolist() == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [1, 5, 10, 20])
def test_against_trec_eval(seed, k):
    chance = np.random.default_rng(seed)
    n_users, n_books, length = 40, 60, 20
    ranked = np.stack([chance.permutation(n_books)[:length] for _ in range(n_users)]).astype(np.int32)
    for row, n in enumerate(chance.integers(1, length + 1, n_users)):
        ranked[row, n:] = -1
    books = [chance.permutation(n_books)[:n].tolist() for n in chance.integers(1, 30, n_users)]
    relevant = relevant_of(*books, n_books=n_books)

    names = {"ndcg": f"ndcg_cut.{k}", "recall": f"recall.{k}", "success": f"success.{k}", "recip_rank": "recip_rank"}
    judged = {f"u{row}": {f"b{number}": 1 for number in own} for row, own in enumerate(books)}
    # trec_eval's reciprocal rank knows no k: only the first k are shown to it.
    run = {
        f"u{row}": {f"b{number}": float(length - place) for place, number in enumerate(own) if number >= 0}
        for row, own in enumerate(ranked[:, :k].tolist())
    }
    answers = pytrec_eval.RelevanceEvaluator(judged, set(names.values())).evaluate(run)

    def theirs(name):
        return [answers[f"u{row}"][names[name].replace(".", "_")] for row in range(n_users)]

    np.testing.assert_allclose(ndcg_at(ranked, relevant, k), theirs("ndcg"), atol=1e-12)
    np.testing.assert_allclose(recall_at(ranked, relevant, k), theirs("recall"), atol=1e-12)
    np.testing.assert_allclose(hit_rate_at(ranked, relevant, k), theirs("success"), atol=1e-12)
    np.testing.assert_allclose(reciprocal_rank_at(ranked, relevant, k), theirs("recip_rank"), atol=1e-12)
