"""The lists equal a full sort of all scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from services.batch.models.top_n import top_n
from shared.errors import ArtifactError


def lists(user_factors, item_factors, seen, n, **options):
    blocks = list(top_n(user_factors, item_factors, seen, n=n, **options))
    assert [block.first_user for block in blocks] == np.cumsum([0, *[len(block.item_index) for block in blocks]])[
        :-1
    ].tolist()
    numbers = np.concatenate([block.item_index for block in blocks] or [np.empty((0, n), np.int32)])
    scores = np.concatenate([block.scores for block in blocks] or [np.empty((0, n), np.float32)])
    assert numbers.shape == scores.shape == (len(user_factors), n)
    assert (numbers.dtype, scores.dtype) == (np.int32, np.float32)
    return numbers, scores


def by_brute_force(user_factors, item_factors, seen, n, allowed=None):
    """Sort all scores: best first, ties by item index."""
    scores = user_factors @ item_factors.T
    scores[seen.toarray() != 0] = -np.inf
    if allowed is not None:
        scores[:, ~allowed] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :n]
    best = np.take_along_axis(scores, order, axis=1)
    padding = ((0, 0), (0, n - order.shape[1]))
    best = np.pad(best, padding, constant_values=-np.inf)
    return np.where(np.isneginf(best), -1, np.pad(order, padding, constant_values=-1)), best


def pattern(rows_of_numbers, n_books):
    rows = np.repeat(np.arange(len(rows_of_numbers)), [len(numbers) for numbers in rows_of_numbers])
    columns = np.array([number for numbers in rows_of_numbers for number in numbers], np.int32)
    return csr_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(len(rows_of_numbers), n_books))


@st.composite
def worlds(draw):
    """Small integer factors: scores are exact in any order of summation, and ties abound."""
    n_users, n_books, rank = draw(st.integers(1, 12)), draw(st.integers(1, 80)), draw(st.integers(1, 3))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.integers(0, 6))
    users = random.integers(-spread, spread + 1, (n_users, rank)).astype(np.float32)
    items = random.integers(-spread, spread + 1, (n_books, rank)).astype(np.float32)
    seen = csr_matrix((random.random((n_users, n_books)) < draw(st.sampled_from([0.0, 0.1, 0.6, 1.0]))).astype(np.int8))
    allowed = draw(st.sampled_from([None, random.random(n_books) < 0.5, np.zeros(n_books, np.bool_)]))
    return users, items, seen, allowed


@given(world=worlds(), n=st.integers(1, 30), threads=st.integers(1, 3), block_users=st.sampled_from([1, 2, 5, None]))
@settings(deadline=None, max_examples=150)
def test_lists_are_those_of_brute_force_ties_by_book_number(world, n, threads, block_users):
    users, items, seen, allowed = world
    numbers, scores = lists(users, items, seen, n, allowed=allowed, threads=threads, block_users=block_users)
    expected_numbers, expected_scores = by_brute_force(users, items, seen, n, allowed)
    np.testing.assert_array_equal(numbers, expected_numbers)
    np.testing.assert_array_equal(scores, expected_scores)


def test_lists_are_those_of_brute_force_where_groups_are_large():
    random = np.random.default_rng(5)
    users = random.integers(-9, 10, (70, 4)).astype(np.float32)
    items = random.integers(-9, 10, (3001, 4)).astype(np.float32)
    seen = csr_matrix((random.random((70, 3001)) < 0.05).astype(np.int8))
    numbers, scores = lists(users, items, seen, 10, threads=2, block_users=16)
    expected_numbers, expected_scores = by_brute_force(users, items, seen, 10)
    np.testing.assert_array_equal(numbers, expected_numbers)
    np.testing.assert_array_equal(scores, expected_scores)


def test_real_valued_scores_give_the_best_books_without_repeats():
    random = np.random.default_rng(6)
    users = random.standard_normal((300, 16)).astype(np.float32)
    items = random.standard_normal((2000, 16)).astype(np.float32)
    seen = csr_matrix((random.random((300, 2000)) < 0.02).astype(np.int8))
    numbers, scores = lists(users, items, seen, 20, threads=2)
    _, expected_scores = by_brute_force(users, items, seen, 20)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-4, atol=1e-5)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert all(len(set(row)) == 20 for row in numbers.tolist())
    assert not seen.toarray()[np.arange(300)[:, None], numbers].any()


def test_who_has_seen_everything_gets_nothing():
    seen = pattern([[0, 1, 2], [0, 2]], n_books=3)
    numbers, scores = lists(np.ones((2, 1), np.float32), np.ones((3, 1), np.float32), seen, 2)
    assert numbers.tolist() == [[-1, -1], [1, -1]]
    assert scores.tolist() == [[-np.inf, -np.inf], [1, -np.inf]]


def test_negative_zero_ties_with_zero():
    items = np.array([[-0.0], [0.0], [1.0], [0.0]], np.float32)
    numbers, _ = lists(np.array([[1.0]], np.float32), items, pattern([[]], 4), 4)
    assert numbers.tolist() == [[2, 0, 1, 3]]


def test_no_users_and_no_books_are_no_error():
    assert list(top_n(np.empty((0, 2), np.float32), np.ones((3, 2), np.float32), csr_matrix((0, 3)), n=5)) == []
    numbers, _ = lists(np.ones((2, 2), np.float32), np.empty((0, 2), np.float32), csr_matrix((2, 0)), 3)
    assert (numbers == -1).all()


def test_arguments_are_left_as_they_were():
    random = np.random.default_rng(8)
    arguments = random.random((5, 2), np.float32), random.random((9, 2), np.float32)
    seen = pattern([[3], [], [0, 8], [1], [2]], 9)
    before = [array.copy() for array in (*arguments, seen.data, seen.indices)]
    lists(*arguments, seen, 4, allowed=np.arange(9) != 4)
    for array, copy in zip((*arguments, seen.data, seen.indices), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("whose", ["user", "item"])
def test_factors_that_are_no_numbers_are_refused(bad, whose):
    factors = {"user": np.ones((4, 2), np.float32), "item": np.ones((6, 2), np.float32)}
    factors[whose][3, 1] = bad
    with pytest.raises(ArtifactError, match=f"{whose} factors are not finite"):
        lists(factors["user"], factors["item"], csr_matrix((4, 6)), 2)


@pytest.mark.parametrize(
    ("user_shape", "item_shape", "seen_shape", "n_allowed"),
    [
        ((4, 2), (6, 3), (4, 6), 6),
        ((4, 2), (6, 2), (3, 6), 6),
        ((4, 2), (6, 2), (4, 5), 6),
        ((4, 2), (6, 2), (4, 6), 5),
    ],
)
def test_shapes_that_do_not_fit_are_refused(user_shape, item_shape, seen_shape, n_allowed):
    allowed = np.ones(n_allowed, np.bool_)
    with pytest.raises(ArtifactError):
        lists(
            np.ones(user_shape, np.float32), np.ones(item_shape, np.float32), csr_matrix(seen_shape), 2, allowed=allowed
        )


def test_leaving_early_stops_the_threads():
    blocks = top_n(np.ones((50, 1), np.float32), np.ones((4, 1), np.float32), csr_matrix((50, 4)), n=2, block_users=1)
    assert next(blocks).item_index.tolist() == [[0, 1]]
    blocks.close()
    assert list(blocks) == []
