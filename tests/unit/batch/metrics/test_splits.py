"""Splits: test books are later, unseen and active."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from services.batch.ingest.interactions import Interactions
from services.batch.metrics.splits import (
    split_by_order,
    split_by_time,
    split_last_of_each_user,
    split_random_of_each_user,
    with_the_held_out_last,
)
from shared.settings import UserStateSettings
from tests.worlds.interaction_tables import COLUMNS, table_of

RULES = UserStateSettings()


def books_of(n, *inactive):
    return pd.DataFrame(
        {
            "book_number": range(n),
            "title": [f"Book {number}" for number in range(n)],
            "authors": [["A. Author"]] * n,
            "active": [number not in inactive for number in range(n)],
        }
    )


def interactions_of(*rows):
    frame = pd.DataFrame([(*row, place) for place, row in enumerate(rows)], columns=COLUMNS)
    return Interactions.from_table(frame)


def random_interactions(seed, n=4000, n_users=60, n_books=80):
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "user_id": [f"u{user}" for user in chance.integers(0, n_users, n)],
            "book_number": chance.integers(0, n_books, n).astype(np.int32),
            "kind": chance.choice(["rating", "read", "view", "dismiss"], n),
            "value": chance.integers(1, 6, n).astype(float),
            "time": np.sort(chance.integers(0, n // 3, n)).astype(float),  # several at the same time
        }
    )
    frame.loc[frame["kind"] != "rating", "value"] = np.nan
    return frame.drop_duplicates(["user_id", "book_number", "kind"], keep="last").reset_index(drop=True)


def relevant_of(split):
    rows, numbers = split.relevant.nonzero()
    found = {str(user): set() for user in split.users}
    for row, number in zip(rows, numbers, strict=True):
        found[str(split.users[row])].add(int(number))
    return found


def test_by_time_the_last_share_is_asked_for():
    split = split_by_time(
        books_of(5),
        interactions_of(
            ("ann", 0, "rating", 5), ("bob", 1, "rating", 4), ("ann", 1, "rating", 1), ("cat", 0, "rating", 2),
            ("ann", 2, "rating", 5), ("ann", 3, "rating", 3), ("bob", 2, "rating", 4), ("cat", 1, "rating", 5),
        ),
        RULES,
        test_share=0.5,
    )  # fmt: skip
    # Ann's book 3 is not positive; Cat has nothing positive to go by.
    assert relevant_of(split) == {"ann": {2}, "bob": {2}}
    assert len(split.training.interactions) == 4
    assert split.n_test_interactions == 4


def test_what_was_seen_before_or_is_gone_is_not_asked_for():
    split = split_by_time(
        books_of(5, 3),
        interactions_of(
            ("ann", 0, "rating", 5), ("ann", 1, "rating", 1), ("bob", 0, "rating", 5), ("ann", 4, "view", None),
            ("ann", 1, "read", None), ("ann", 3, "rating", 5), ("ann", 4, "rating", 5), ("bob", 3, "rating", 5),
        ),
        RULES,
        test_share=0.5,
    )  # fmt: skip
    assert relevant_of(split) == {"ann": {4}}


def test_the_latest_feedback_of_the_test_part_decides():
    split = split_by_time(
        books_of(4),
        interactions_of(
            ("ann", 0, "rating", 5), ("bob", 0, "rating", 5), ("bob", 1, "rating", 5), ("ann", 1, "rating", 5),
            ("ann", 2, "rating", 5), ("ann", 2, "dismiss", None), ("bob", 2, "rating", 1), ("bob", 2, "read", None),
        ),
        RULES,
        test_share=0.5,
    )  # fmt: skip
    assert relevant_of(split) == {"bob": {2}}


@pytest.mark.parametrize("seed", range(3))
def test_no_leakage_by_time(seed):
    everything = random_interactions(seed)
    split = split_by_time(books_of(80), Interactions.from_table(everything), RULES, test_share=0.2)
    training = table_of(split.training.interactions)
    n = len(training)
    pd.testing.assert_frame_equal(training, everything.iloc[:n])
    assert training["time"].max() <= everything["time"].iloc[n:].min()
    later = everything.iloc[n:]
    asked = relevant_of(split)
    assert asked
    for user, numbers in asked.items():
        own = training[training["user_id"] == user]
        seen = own[own["kind"].isin(RULES.seen_kinds)]
        assert numbers.isdisjoint(seen["book_number"])
        assert numbers <= set(later.loc[later["user_id"] == user, "book_number"])
        assert ((own["kind"] == "read") | (own["value"] >= 4)).any()
    assert split.training.positive_interactions.nnz == split.training.popularity.sum()
    assert not split.training.seen[split.rows].multiply(split.relevant).nnz


@pytest.mark.parametrize("seed", range(3))
def test_no_leakage_by_user(seed):
    everything = random_interactions(seed)
    split = split_last_of_each_user(books_of(80), Interactions.from_table(everything), RULES, n_last=5)
    assert split.n_test_interactions == 5 * everything["user_id"].nunique()
    assert not split.training.seen[split.rows].multiply(split.relevant).nnz
    for user in split.users:
        own = everything[everything["user_id"] == user]
        known = table_of(split.training.interactions)
        known = known[known["user_id"] == user]
        pd.testing.assert_frame_equal(known.reset_index(drop=True), own.iloc[:-5].reset_index(drop=True))


def test_who_has_no_more_than_is_held_out_is_left_alone():
    rows = [("ann", number, "rating", 5) for number in range(3)] + [("bob", number, "rating", 5) for number in range(2)]
    split = split_last_of_each_user(books_of(4), interactions_of(*rows), RULES, n_last=2)
    assert relevant_of(split) == {"ann": {1, 2}}
    assert len(split.training.interactions) == 3


def test_recent_books_are_the_latest_positive_ones():
    split = split_by_time(
        books_of(12),
        interactions_of(
            ("ann", 0, "rating", 5), ("ann", 1, "rating", 1), ("bob", 9, "read", None), ("ann", 2, "read", None),
            ("ann", 3, "view", None), ("ann", 0, "read", None), ("bob", 1, "read", None), ("bob", 2, "read", None),
        ),
        RULES,
        test_share=0.1,
    )  # fmt: skip
    ann, bob = split.training.rows_of(["ann", "bob"]).tolist()
    assert split.training.recent_of(ann, 10).tolist() == [0, 2]
    assert split.training.recent_of(ann, 1).tolist() == [0]
    assert split.training.recent_of(bob, 10).tolist() == [1, 9]
    assert split.training.rows_of(["zoe"]).tolist() == [-1]


def test_a_sample_is_mostly_the_same_when_users_come_and_go():
    def sampled(users):
        rows = [(user, number, "rating", 5) for number in range(4) for user in users]
        split = split_by_time(books_of(4), interactions_of(*rows), RULES, test_share=0.5)
        sample = split.sample(100, seed=7)
        assert set(sample.rows) <= set(split.rows)
        by_user = relevant_of(split)
        assert all(by_user[user] == numbers for user, numbers in relevant_of(sample).items())
        return set(sample.users)

    monday = sampled([f"u{number}" for number in range(300)])
    tuesday = sampled([f"u{number}" for number in range(20, 330)])
    assert len(monday) == len(tuesday) == 100
    assert len(monday & tuesday) > 80


def test_a_sample_depends_on_its_seed_and_never_grows():
    rows = [(f"u{user}", number, "rating", 5) for number, user in itertools.product(range(4), range(50))]
    split = split_by_time(books_of(4), interactions_of(*rows), RULES, test_share=0.5)
    assert split.sample(50, seed=1) is split
    samples = [set(split.sample(10, seed=seed).users) for seed in (1, 1, 2)]
    assert samples[0] == samples[1] != samples[2]


def test_splits_of_next_to_nothing_ask_nobody():
    nothing = interactions_of(("ann", 0, "rating", 5)).take(slice(0))
    for interactions in (nothing, interactions_of(("ann", 0, "rating", 5))):
        split = split_by_time(books_of(2), interactions, RULES, test_share=0.1)
        assert len(split.rows) == 0
        assert split.relevant.shape == (0, 2)


def test_at_random_every_user_loses_a_fifth_and_keeps_the_rest():
    everything = Interactions.from_table(random_interactions(4), "none")
    split = split_random_of_each_user(books_of(80), everything, RULES, share=0.2, seed=7)
    part = split.training.interactions
    pairs, kept = (set(zip(rows.user_codes, rows.item_index, strict=True)) for rows in (everything, part))
    assert kept < pairs  # a book leaves with all its interactions
    assert len(part) + split.n_test_interactions == len(everything)
    for user in range(len(everything.user_ids)):
        n_books, n_kept = (len([pair for pair in some if pair[0] == user]) for some in (pairs, kept))
        assert n_books - n_kept == round(n_books * 0.2)
    again = split_random_of_each_user(
        books_of(80), everything.take(np.random.default_rng(1).permutation(len(everything))), RULES, share=0.2, seed=7
    )
    assert relevant_of(again) == relevant_of(split)
    other = split_random_of_each_user(books_of(80), everything, RULES, share=0.2, seed=8)
    assert relevant_of(other) != relevant_of(split)


def test_at_random_a_user_with_one_book_keeps_it():
    interactions = interactions_of(("ann", 0, "read", 5), ("bob", 0, "read", 5), ("bob", 1, "read", 5))
    split = split_random_of_each_user(books_of(2), interactions, RULES, share=0.2, seed=7)
    assert relevant_of(split).keys() == {"bob"}
    nobody = split_random_of_each_user(books_of(2), interactions.take(slice(0)), RULES, share=0.2, seed=7)
    assert len(nobody.rows) == 0


@pytest.mark.parametrize(
    ("order", "name"),
    [("time", "last 20% by time"), ("sequence", "last 1 of each user"), ("none", "random 20% of each user")],
)
def test_the_order_chooses_the_split(order, name):
    everything = Interactions.from_table(random_interactions(4), order)
    split = split_by_order(books_of(80), everything, RULES, test_share=0.2, seed=7)
    assert split.name == name
    assert split.training.interactions.order == order
    assert len(split.rows)


def test_what_is_held_out_comes_last():
    everything = Interactions.from_table(random_interactions(4))
    assert with_the_held_out_last(everything, seed=7) is everything
    n_users = len(everything.user_ids)
    for order in ("sequence", "none"):
        arranged = with_the_held_out_last(replace(everything, order=order), seed=7)
        assert sorted(arranged.times) == sorted(everything.times)
        last = np.bincount(arranged.user_codes[-len(arranged) // 5 :], minlength=n_users)
        assert (last > 0).all()
        in_order = [np.all(np.diff(arranged.times[arranged.user_codes == user]) >= 0) for user in range(n_users)]
        assert all(in_order) == (order == "sequence")
