"""One contract for every factor model, and what is particular to scaled SVD."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from services.batch.models.factor_model import Factors
from services.batch.models.registry import open_factorizer
from services.batch.models.svd import ScaledSvd, right_singular_vectors
from services.batch.runtime.progress import SILENT
from shared.errors import ArtifactError, ModelError
from shared.settings import CollaborativeSettings

N_USERS, N_BOOKS = 60, 40


@pytest.fixture(params=["svd", "als"])
def factorize(request):
    """Factor a matrix with each implementation in turn."""
    if request.param == "als":
        pytest.importorskip("implicit", reason="the extra `als` is not installed")

    def run(positives, *, rank=8, seed=7):
        chosen = CollaborativeSettings(algorithm=request.param, rank=rank, seed=seed)
        return open_factorizer(chosen, threads=2).factorize(csr_matrix(positives, dtype=np.float32), progress=SILENT)

    return run


def checkerboard():
    """Even users like all even books and odd users all odd ones, but for one book of their kind: the answer."""
    positives = (np.arange(N_USERS)[:, None] % 2 == np.arange(N_BOOKS)[None, :] % 2).astype(np.float32)
    answers = np.arange(N_USERS) % N_BOOKS
    positives[np.arange(N_USERS), answers] = 0
    return positives, answers


def test_the_one_missing_book_of_ones_kind_is_the_best_unseen_one(factorize):
    positives, answers = checkerboard()
    factors = factorize(positives, rank=2)  # one factor for each kind; more would learn which books are missing
    scores = factors.user_factors @ factors.item_factors.T
    scores[positives > 0] = -np.inf
    assert scores.argmax(axis=1).tolist() == answers.tolist()


def test_shapes_and_types(factorize):
    factors = factorize(checkerboard()[0], rank=5)
    assert factors.user_factors.shape == (N_USERS, factors.rank)
    assert factors.item_factors.shape == factors.fold_in_factors.shape == (N_BOOKS, factors.rank)
    assert 1 <= factors.rank <= 5
    assert {array.dtype for array in (factors.user_factors, factors.item_factors, factors.fold_in_factors)} == {
        np.dtype(np.float32)
    }


def test_folding_in_the_same_books_gives_the_same_user(factorize):
    positives = (np.random.default_rng(3).random((N_USERS, N_BOOKS)) < 0.2).astype(np.float32)
    factors = factorize(positives)
    folded_in = np.array([factors.fold_in_factors[np.flatnonzero(row)].sum(axis=0) for row in positives])
    np.testing.assert_allclose(folded_in, factors.user_factors, atol=1e-5)
    assert np.abs(factors.user_factors).max() > 0.01


def test_the_same_seed_gives_the_same_factors(factorize):
    positives = (np.random.default_rng(4).random((N_USERS, N_BOOKS)) < 0.2).astype(np.float32)
    once, again = factorize(positives), factorize(positives)
    np.testing.assert_array_equal(once.user_factors, again.user_factors)
    np.testing.assert_array_equal(once.item_factors, again.item_factors)


def test_the_matrix_is_left_as_it_was(factorize):
    positives = csr_matrix(checkerboard()[0] * 2)
    before = positives.copy()
    factorize(positives)
    assert (positives != before).nnz == 0


def test_users_and_books_without_positives_have_zero_factors(factorize):
    positives, _ = checkerboard()
    positives[[0, 17]] = 0
    positives[:, [3, 39]] = 0
    factors = factorize(positives)
    assert not factors.user_factors[[0, 17]].any()
    assert not factors.item_factors[[3, 39]].any()
    assert not factors.fold_in_factors[[3, 39]].any()
    assert factors.item_factors[[2, 38]].any(axis=1).all()


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0), (4, 6)])
def test_a_matrix_without_positives_is_no_error(factorize, shape):
    factors = factorize(np.zeros(shape))
    assert (len(factors.user_factors), len(factors.item_factors)) == shape
    assert not factors.user_factors.any()
    assert not factors.item_factors.any()


@pytest.mark.parametrize("positives", [[[1]], [[1, 0, 1]], [[1], [0], [1]]])
def test_rank_gives_way_to_a_small_matrix(factorize, positives):
    factors = factorize(np.array(positives), rank=16)
    assert factors.rank == 1
    liked = np.array(positives) > 0
    assert ((factors.user_factors @ factors.item_factors.T > 0) == liked).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_values_that_are_no_positives_are_refused(factorize, bad):
    positives, _ = checkerboard()
    positives[5, 5] = bad
    with pytest.raises(ArtifactError, match="not finite"):
        factorize(positives)


def test_factors_that_are_no_numbers_are_refused():
    fine, broken = np.ones((2, 1), np.float32), np.array([[1], [np.nan]], np.float32)
    with pytest.raises(ArtifactError, match="item_factors"):
        Factors(user_factors=fine, item_factors=broken, fold_in_factors=fine)


def test_without_the_library_als_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "implicit", None)
    with pytest.raises(ModelError, match=r"\[als\]"):
        open_factorizer(CollaborativeSettings(algorithm="als"), threads=1)


@given(seed=st.integers(0, 2**32 - 1), user_exponent=st.floats(0, 1), book_exponent=st.floats(0, 1))
@settings(deadline=None, max_examples=30)
def test_svd_scores_are_the_best_low_rank_approximation_up_to_a_factor_per_user(seed, user_exponent, book_exponent):
    positives = (np.random.default_rng(seed).random((30, 20)) < 0.3).astype(np.float32)
    positives[0, 0] = 1
    per_user, per_book = np.maximum(positives.sum(1), 1), np.maximum(positives.sum(0), 1)
    scaled = per_user[:, None] ** -user_exponent * positives * per_book[None, :] ** -book_exponent
    left, values, right = np.linalg.svd(scaled.astype(np.float64), full_matrices=False)
    expected = (left[:, :4] * values[:4]) @ right[:4]

    model = ScaledSvd(rank=4, user_exponent=user_exponent, book_exponent=book_exponent, seed=1)
    factors = model.factorize(csr_matrix(positives), progress=SILENT)
    scores = (factors.user_factors @ factors.item_factors.T) * per_user[:, None] ** -user_exponent
    # Where the fourth and fifth singular value almost coincide, which direction is kept is anyone's guess.
    if values[3] - values[4] > 0.02 * values[0]:
        np.testing.assert_allclose(scores, expected, atol=1e-3)
    assert np.abs(((scores - scaled) ** 2).sum() - (values[4:] ** 2).sum()) < 1e-3 * (values**2).sum()


def test_svd_cuts_directions_that_are_rounding_only():
    of_rank_two = np.zeros((9, 7), np.float32)
    of_rank_two[:5, :3] = of_rank_two[5:, 3:] = 1
    vectors = right_singular_vectors(csr_matrix(of_rank_two), 6, seed=2, progress=SILENT)
    assert vectors.shape == (7, 2)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(2), atol=1e-6)


def test_svd_directions_do_not_depend_on_the_seed_not_even_in_sign():
    random = np.random.default_rng(9)
    singular = np.diag(np.array([8, 5, 3, 2, 1], np.float32))
    left, right = (np.linalg.qr(random.standard_normal((n, 5)))[0].astype(np.float32) for n in (50, 30))
    matrix = csr_matrix(left @ singular @ right.T)
    vectors = [right_singular_vectors(matrix, 4, seed=seed, progress=SILENT) for seed in (1, 2)]
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-4)
    np.testing.assert_allclose(np.abs(np.diag(vectors[0].T @ right[:, :4])), 1, atol=1e-4)
