"""Cold-start splits of books and users, and splits from files."""

import gzip

import numpy as np
import pytest

from services.batch.metrics.published_split import read_given_split
from services.batch.metrics.splits import split_by_time, split_cold_books, split_cold_users
from shared.errors import SourceError
from shared.settings import UserStateSettings
from tests.worlds.evaluate_world import INACTIVE, N_BOOKS, books, interactions
from tests.worlds.interaction_tables import table_of

RULES = UserStateSettings()


def test_nothing_is_known_of_cold_books_and_nothing_else_is_asked_for():
    split = split_cold_books(books(), interactions(), RULES, book_share=0.2, seed=7)
    asked = set(split.relevant.nonzero()[1].tolist())
    assert 8 <= len(asked) <= round(0.2 * (N_BOOKS - 1)) == 12
    assert asked.isdisjoint(split.training.interactions.item_index)
    assert not split.training.popularity[list(asked)].any()
    assert INACTIVE not in asked
    n_all = len(interactions())
    assert len(split.training.interactions) + split.n_test_interactions == n_all
    other = split_cold_books(books(), interactions(), RULES, book_share=0.2, seed=8)
    assert set(other.relevant.nonzero()[1].tolist()) != asked


def history_of(split, user):
    known = table_of(split.training.interactions)
    return known.loc[known["user_id"] == user, "book_number"].tolist()


@pytest.mark.parametrize("n_known", [1, 3, 5])
def test_of_cold_users_only_the_beginning_is_known(n_known):
    by_time = split_by_time(books(), interactions(), RULES, test_share=0.2)
    split = split_cold_users(by_time, n_known=n_known, user_share=0.5, seed=7)
    whole = split_cold_users(by_time, n_known=None, user_share=0.5, seed=7)
    assert set(split.users) == set(whole.users)
    assert 0 < len(split.users) < len(by_time.users)
    for place, user in enumerate(split.users):
        row = split.rows[place]
        known, all_of_it = history_of(split, user), history_of(whole, user)
        assert known == all_of_it[: len(known)], "the first ones, in order"
        assert split.training.positive_interactions[row].nnz == n_known
        assert known[-1] in split.training.positive_interactions[row].indices, "it ends with the last one that is kept"
        there = whole.users.tolist().index(user)
        assert set(split.relevant[place].indices) == set(whole.relevant[there].indices), "the same is asked"
        assert set(split.training.seen_of(row).tolist()) == set(all_of_it), "what is forgotten stays masked"
        assert set(split.relevant[place].indices).isdisjoint(all_of_it)
    for user in set(by_time.training.users) - set(split.users):
        assert history_of(split, user) == history_of(by_time, user), "others are known as before"


def test_or_the_end_alone():
    by_time = split_by_time(books(), interactions(), RULES, test_share=0.2)
    split = split_cold_users(by_time, n_known=3, latest=True, user_share=0.5, seed=7)
    first = split_cold_users(by_time, n_known=3, user_share=0.5, seed=7)
    whole = split_cold_users(by_time, n_known=None, user_share=0.5, seed=7)
    assert set(split.users) == set(whole.users)
    differing = 0
    for place, user in enumerate(split.users):
        known, all_of_it = history_of(split, user), history_of(whole, user)
        assert known == all_of_it[-len(known) :], "the last ones, in order"
        assert split.training.positive_interactions[split.rows[place]].nnz == 3
        assert known[0] in split.training.positive_interactions[split.rows[place]].indices, (
            "it begins with the first one kept"
        )
        differing += known != history_of(first, user)
    assert differing > 0


def test_a_forgotten_book_is_worth_nothing_to_any_count():
    by_time = split_by_time(books(), interactions(), RULES, test_share=0.2)
    split = split_cold_users(by_time, n_known=1, user_share=1.0, seed=7)
    n_cold = len(split.rows)
    others = by_time.training.positive_interactions.nnz - by_time.training.positive_interactions[by_time.rows].nnz
    long_enough = np.diff(by_time.training.positive_interactions.indptr)[by_time.rows] >= 5
    short = by_time.training.positive_interactions[by_time.rows[~long_enough]].nnz
    assert split.training.positive_interactions.nnz == n_cold + others + short
    assert split.training.stars.nnz == len(split.training.feedback) < split.training.seen.nnz


def test_a_split_of_two_files(tmp_path):
    training, test = tmp_path / "train.txt.gz", tmp_path / "test.txt"
    with gzip.open(training, "wt") as file:
        file.write("0 10 11 12\n1 10\n2\n\n3 11 13\n")
    test.write_text("0 13 10\n1 11 14\n4 10\n")
    split = read_given_split(training, test, RULES)
    ids = split.training.books["book_id"]
    asked = {
        str(user): {ids[number] for number in row.indices}
        for user, row in zip(split.users, split.relevant, strict=True)
    }
    assert asked == {"0": {"13"}, "1": {"11", "14"}}  # user 4 has no past; 10 was in it for user 0
    assert split.training.n_books == 5
    row = split.training.rows_of(["0"]).item()
    assert [ids[number] for number in split.training.recent_of(row, 2)] == ["12", "11"]
    assert len(set(split.training.work_id.tolist())) == 5, "ids are no titles: no editions"


def test_files_that_cannot_be_used_are_named(tmp_path):
    good, empty = tmp_path / "good.txt", tmp_path / "empty.txt"
    good.write_text("0 1 2\n")
    empty.write_text("0\n\n")
    with pytest.raises(SourceError, match=r"empty\.txt has no interaction"):
        read_given_split(good, empty, RULES)
    with pytest.raises(SourceError, match=r"absent\.txt cannot be read"):
        read_given_split(tmp_path / "absent.txt", good, RULES)
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\x00\x9f")
    with pytest.raises(SourceError, match=r"binary\.txt cannot be read"):
        read_given_split(binary, good, RULES)
