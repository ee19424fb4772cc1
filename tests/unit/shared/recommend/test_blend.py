"""The blend, held against a slow version of its definition and against its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.recommend.blend import CANDIDATE_SOURCES, NOTHING_BLENDED, _pool, blend

N_BOOKS = 45
NOTHING = (np.empty(0, np.int32), np.empty(0, np.float32))
EACH_ITS_OWN = np.arange(N_BOOKS, dtype=np.int32)


def as_list(scores_by_number):
    """A candidate list, best first."""
    ranked = sorted(scores_by_number.items(), key=lambda item: (-item[1], item[0]))
    return np.array([n for n, _ in ranked], np.int32), np.array([score for _, score in ranked], np.float32)


# Whole scores: scaled by powers of two and shifted by whole numbers they stay exact in float32.
candidate_lists = st.dictionaries(st.integers(0, N_BOOKS - 1), st.integers(-1000, 1000), max_size=25).map(as_list)
weights = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 3.0])
seen_books = st.lists(st.integers(-5, 60), max_size=20).map(lambda numbers: np.array(numbers, np.int32))
users = st.lists(st.tuples(candidate_lists, candidate_lists, candidate_lists, seen_books), min_size=1, max_size=4)
several_weights = st.tuples(weights, weights, weights)
editions = st.lists(st.integers(0, 20), min_size=N_BOOKS, max_size=N_BOOKS).map(lambda ids: np.array(ids, np.int32))
all_works = st.just(EACH_ITS_OWN) | editions
limits = st.integers(1, 30)


def blend_users(of_users, *, weights=(0.5, 0.125, 0.375), work_id=EACH_ITS_OWN, limit=100):
    *lists, seen = (list(column) for column in zip(*of_users, strict=True))
    return blend(lists, weights=weights, seen=seen, work_id=work_id, limit=limit)


def blend_one(*lists, seen=(), weights=(0.75, 0.25), **options):
    return blend_users([(*lists, np.array(seen, np.int32))], weights=weights, **options)[0]


def slowly(lists, weights):
    """The definition, one book at a time: the blended score of every candidate, and its own score in each list."""
    own = []
    for numbers, scores in lists:
        low, high = min(scores.tolist(), default=0), max(scores.tolist(), default=0)
        scaled = [(score - low) / (high - low) if high > low else 1.0 for score in scores.tolist()]
        own.append(dict(zip(numbers.tolist(), scaled, strict=True)))
    weights = [weight if of_list else 0.0 for weight, of_list in zip(weights, own, strict=True)]
    if not any(weights):
        weights = [float(bool(of_list)) for of_list in own]
    total = sum(weights) or 1.0
    every = set().union(*own)
    scores = {
        n: sum(weight * of_list.get(n, 0.0) for weight, of_list in zip(weights, own, strict=True)) / total
        for n in every
    }
    return scores, own


def works_of(numbers, works):
    return {int(works[number]) for number in numbers if 0 <= number < N_BOOKS}


@settings(deadline=None)
@given(users, several_weights, all_works, limits)
def test_the_blend_is_what_it_says(of_users, weights, works, limit):
    answers = blend_users(of_users, weights=weights, work_id=works, limit=limit)

    assert len(answers) == len(of_users)
    assert {(one.item_index.dtype.name, one.scores.dtype.name) for one in answers} == {("int32", "float32")}
    for found, (*lists, seen) in zip(answers, of_users, strict=True):
        score_of, own = slowly(lists, weights)
        best_of_work = {}
        for number, score in score_of.items():
            if int(works[number]) not in works_of(seen.tolist(), works):
                best_of_work[int(works[number])] = max(score, best_of_work.get(int(works[number]), 0.0))
        expected = sorted(best_of_work.values(), reverse=True)[:limit]
        np.testing.assert_allclose(found.scores, expected, atol=1e-6)
        for own_scores, of_list in zip(found.own, own, strict=True):
            listed = [of_list.get(number, np.nan) for number in found.item_index.tolist()]
            np.testing.assert_allclose(own_scores, listed, atol=1e-6)
        np.testing.assert_allclose(found.scores, [score_of[number] for number in found.item_index.tolist()], atol=1e-6)


@settings(deadline=None)
@given(users, several_weights, all_works, limits)
def test_a_seen_work_never_comes_back_and_no_work_twice(of_users, weights, works, limit):
    answers = blend_users(of_users, weights=weights, work_id=works, limit=limit)

    for found, (*lists, seen) in zip(answers, of_users, strict=True):
        numbers = found.item_index.tolist()
        assert not set(numbers) & set(seen.tolist())
        assert not works_of(numbers, works) & works_of(seen.tolist(), works)
        assert len(works_of(numbers, works)) == len(numbers) <= limit
        candidates = works_of([number for listed, _ in lists for number in listed.tolist()], works)
        assert len(numbers) == min(limit, len(candidates - works_of(seen.tolist(), works)))  # nothing is lost either


@settings(deadline=None)
@given(users, st.integers(0, 3), st.sampled_from([0.25, 1.0, 8.0, 1024.0]), st.integers(-2000, 2000), st.integers(0, 2))
def test_scaling_or_shifting_one_list_changes_nothing(of_users, user, factor, shift, which):
    before = blend_users(of_users)
    changed = [list(one) for one in of_users]
    numbers, scores = changed[user % len(changed)][which]
    scaled = scores * np.float32(factor) + np.float32(shift)
    changed[user % len(changed)][which] = (numbers, scaled.astype(np.float32))
    after = blend_users(changed)

    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.item_index, other.item_index)
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.own, other.own)


@settings(deadline=None)
@given(users, st.lists(several_weights, min_size=4, max_size=4), all_works)
def test_users_taken_together_get_what_each_gets_alone_by_weights_of_their_own(of_users, weights, works):
    weights = weights[: len(of_users)]
    together = blend_users(of_users, weights=weights, work_id=works, limit=10)

    for found, user, own in zip(together, of_users, weights, strict=True):
        alone = blend_users([user], weights=own, work_id=works, limit=10)[0]
        np.testing.assert_array_equal(found.item_index, alone.item_index)
        np.testing.assert_array_equal(found.scores, alone.scores)
        np.testing.assert_array_equal(found.own, alone.own)


@settings(deadline=None)
@given(candidate_lists, candidate_lists, several_weights)
def test_a_kind_of_list_that_nobody_has_changes_nothing(first, second, weights):
    two = blend_one(first, second, weights=weights[:2])
    three = blend_one(first, second, NOTHING, weights=weights)

    np.testing.assert_array_equal(two.item_index, three.item_index)
    np.testing.assert_array_equal(two.scores, three.scores)


@settings(deadline=None)
@given(candidate_lists, candidate_lists, weights, weights)
def test_scores_descend_within_zero_and_one_and_ties_go_by_number(collaborative, content, first, second):
    found = blend_one(collaborative, content, weights=(first, second))

    assert ((found.scores >= 0) & (found.scores <= 1 + 1e-6)).all()
    order = np.lexsort((found.item_index, -found.scores))
    assert order.tolist() == list(range(len(order)))


@settings(deadline=None)
@given(candidate_lists, candidate_lists, all_works, limits)
def test_a_shorter_answer_is_the_beginning_of_a_longer_one(collaborative, content, works, limit):
    long = blend_one(collaborative, content, work_id=works)
    short = blend_one(collaborative, content, work_id=works, limit=limit)

    np.testing.assert_array_equal(long.item_index[:limit], short.item_index)


def test_more_users_than_fit_into_one_pass_get_what_each_gets_alone():
    of_users = [
        (as_list({n % 41: 10, 42: 30}), as_list({n % 31: 1, 43: 2}), np.array([n % 2 + 42], np.int32))
        for n in range(1030)
    ]
    weights = [(n % 4 + 1, 2) for n in range(1030)]
    answers = blend_users(of_users, weights=weights)

    assert len(answers) == 1030
    for n in (0, 1, 510, 511, 512, 513, 1023, 1024, 1029):
        alone = blend_one(*of_users[n][:2], seen=of_users[n][2], weights=weights[n])
        np.testing.assert_array_equal(answers[n].item_index, alone.item_index)
        np.testing.assert_array_equal(answers[n].scores, alone.scores)


def test_a_list_alone_counts_fully_whatever_its_weight():
    found = blend_one(NOTHING, as_list({3: 10, 5: 30, 9: 20}), weights=(1.0, 0.0))

    assert found.item_index.tolist() == [5, 9, 3]
    assert found.scores.tolist() == [1.0, 0.5, 0.0]
    assert np.isnan(found.own[0]).all()


def test_empty_lists_give_an_empty_answer():
    for found, n_kinds in (
        (blend_one(NOTHING, NOTHING, seen=[1, 2]), 2),
        (NOTHING_BLENDED, len(CANDIDATE_SOURCES)),
    ):
        assert (len(found.item_index), len(found.scores), found.own.shape) == (0, 0, (n_kinds, 0))


def test_a_single_kind_of_list_is_only_cut_and_scaled():
    found = blend_one(as_list({2: 5, 8: 9, 1: 1}), seen=[1], weights=[0.25])

    assert (found.item_index.tolist(), found.scores.tolist()) == ([8, 2], [1.0, 0.5])


@pytest.mark.parametrize("scores", [{4: 7, 6: 7}, {4: 7}])
def test_scores_that_are_all_equal_count_as_best(scores):
    assert set(blend_one(as_list(scores), NOTHING).scores.tolist()) == {1.0}


def test_of_two_editions_the_better_is_returned():
    works = EACH_ITS_OWN.copy()
    works[8] = works[2] = 2

    found = blend_one(as_list({2: 5, 8: 9, 1: 1}), as_list({2: 1, 3: 2}), work_id=works)

    assert found.item_index.tolist() == [8, 3, 1]


@pytest.mark.parametrize("n_kinds", [0, 9])
def test_too_many_kinds_of_lists_or_none_are_refused(n_kinds):
    with pytest.raises(ValueError, match=f"not {n_kinds}"):
        _pool([[NOTHING]] * n_kinds, 1)


def test_the_first_books_keep_their_scores():
    found = blend_one(as_list({2: 5, 8: 9, 1: 1}), NOTHING)

    shorter = found.first(2)
    assert (shorter.item_index.tolist(), shorter.scores.tolist()) == ([8, 2], [1.0, 0.5])
    np.testing.assert_array_equal(shorter.own, found.own[:, :2])
    assert found.first(3) is found.first(4) is found


def test_eight_kinds_of_lists_are_kept_apart():
    """A book and its neighbor by number in each; the one in the last list alone comes last."""
    lists = [as_list({kind: 2, kind + 1: 1}) for kind in range(8)]
    found = blend_one(*lists, weights=[8 - kind for kind in range(8)])

    assert found.item_index.tolist() == list(range(9))
    np.testing.assert_allclose(found.scores, [(8 - kind) / 36 for kind in range(9)], atol=1e-6)
    assert (~np.isnan(found.own)).sum(axis=0).tolist() == [1, *[2] * 7, 1]


def test_the_smallest_difference_in_score_decides():
    below = float(np.nextafter(np.float32(1), np.float32(0)))
    assert blend_one(as_list({2: below, 5: 0, 9: 1}), NOTHING).item_index.tolist() == [9, 2, 5]


def test_two_million_candidates_fit_into_one_pass():
    n = 2**21 + 3
    everything = np.arange(n, dtype=np.int32), np.arange(n, dtype=np.float32)

    found = blend_one(everything, NOTHING, work_id=everything[0], limit=3)

    assert found.item_index.tolist() == [n - 1, n - 2, n - 3]
