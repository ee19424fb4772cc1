"""User-item feedback, and the collaborative artifact made of them."""

import json

import numpy as np
import pandas as pd
import pytest

from services.batch.ingest.feedback import user_item_feedback
from services.batch.ingest.interactions import Interactions
from services.batch.models.collaborative import build_collaborative
from services.batch.models.factors import build_factors
from services.batch.runtime.artifact_builder import build_artifact
from services.batch.runtime.context import RunContext
from shared.artifacts.generation import artifact_folder
from shared.errors import ArtifactError
from shared.layout import DataFolder
from shared.settings import BatchSettings, CollaborativeSettings, ItemTransitionSettings, Settings, UserStateSettings
from tests.worlds.interaction_tables import COLUMNS


def interactions_of(*rows):
    frame = pd.DataFrame(list(rows), columns=COLUMNS)
    return Interactions.from_table(frame)


def feedback_of(*rows):
    known = user_item_feedback(interactions_of(*rows), UserStateSettings())
    columns = (known.users[known.rows], known.item_index, known.positive, known.times)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize(
    ("kind", "value", "positive"),
    [
        ("rating", 4.0, True),
        ("rating", 3.99, False),
        ("rating", None, False),
        ("read", None, True),
        ("purchase", 1.0, True),
        ("dismiss", None, False),
    ],
)
def test_what_counts_as_positive(kind, value, positive):
    assert feedback_of(("ann", 3, kind, value, 10.0)) == [("ann", 3, positive, 10.0)]


@pytest.mark.parametrize("kind", ["view", "click"])
def test_looking_is_no_feedback(kind):
    assert feedback_of(("ann", 3, kind, None, 10.0)) == []


def test_the_latest_interaction_decides():
    assert feedback_of(("ann", 3, "rating", 5.0, 10.0), ("ann", 3, "dismiss", None, 11.0)) == [("ann", 3, False, 11.0)]
    assert feedback_of(("ann", 3, "dismiss", None, 11.0), ("ann", 3, "rating", 5.0, 12.0)) == [("ann", 3, True, 12.0)]
    assert feedback_of(("ann", 3, "rating", 2.0, 13.0), ("ann", 3, "read", None, 12.0)) == [("ann", 3, False, 13.0)]


def test_at_the_same_time_a_rating_decides():
    rating, read = ("ann", 3, "rating", 1.0, 10.0), ("ann", 3, "read", None, 10.0)
    assert feedback_of(rating, read) == feedback_of(read, rating) == [("ann", 3, False, 10.0)]


def test_a_look_afterwards_changes_nothing():
    assert feedback_of(("ann", 3, "rating", 5.0, 10.0), ("ann", 3, "view", None, 99.0)) == [("ann", 3, True, 10.0)]


def test_feedback_of_different_users_and_books_are_kept_apart():
    rows = [("ann", 0, "read", None, 1.0), ("bob", 0, "read", None, 2.0), ("ann", 1, "rating", 1.0, 3.0)]
    assert feedback_of(*rows) == [("ann", 0, True, 1.0), ("bob", 0, True, 2.0), ("ann", 1, False, 3.0)]


def test_no_interactions_give_no_feedback_of_the_same_types():
    none = user_item_feedback(interactions_of(), UserStateSettings())
    some = user_item_feedback(interactions_of(("ann", 0, "read", None, 1.0)), UserStateSettings())
    assert len(none) == 0
    for name in ("users", "rows", "item_index", "positive", "times"):
        assert getattr(none, name).dtype == getattr(some, name).dtype, name


N_BOOKS = 24


def two_tastes(n_users=30):
    """Even users rate even books 5 and odd ones 1, odd users the reverse, each leaving out one book of either kind."""
    rows, left_out = [], {}
    for user in range(n_users):
        missing = (user % N_BOOKS, (user + 1) % N_BOOKS)
        left_out[f"user {user}"] = missing
        for number in range(N_BOOKS):
            if number not in missing:
                rows.append(
                    (f"user {user}", number, "rating", 5.0 if number % 2 == user % 2 else 1.0, float(len(rows)))
                )
    return rows, left_out


def build(tmp_path, rows, *, active=None, **chosen):
    context = RunContext(
        Settings(
            collaborative=CollaborativeSettings(**{"rank": 4, "list_length": 10, **chosen}),
            item_transitions=ItemTransitionSettings(n_neighbors=10),
            batch=BatchSettings(threads=2),
        )
    )

    def factor(folder):
        return build_factors(
            folder,
            interactions_of(*rows),
            N_BOOKS,
            context,
        )

    data = DataFolder(tmp_path.parent / f"{tmp_path.name}-data")
    build_artifact(data, "factors", "these", factor)
    metadata = build_collaborative(
        tmp_path,
        artifact_folder(data, "factors", "these"),
        np.ones(N_BOOKS, np.bool_) if active is None else np.asarray(active),
        context,
    )
    names = (
        "item_factors", "fold_in_factors", "lists.numbers", "lists.scores", "item_transitions.numbers",
        "item_transitions.scores",        "trending.numbers", "trending.scores",
    )  # fmt: skip
    arrays = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in names}
    assert {path.name for path in tmp_path.iterdir()} == {"users.json", *(f"{name}.npy" for name in names)}
    assert {name: str(array.dtype) for name, array in arrays.items()} == {
        name: "int32" if name.endswith("numbers") else "float32" for name in names
    }
    return metadata, json.loads((tmp_path / "users.json").read_bytes()), arrays


def test_the_unread_book_of_ones_taste_comes_first(tmp_path):
    rows, left_out = two_tastes()
    metadata, users, arrays = build(tmp_path, rows)
    assert users == list(left_out)
    numbers = arrays["lists.numbers"]
    assert numbers.shape == (30, 10)
    for user, listed in zip(users, numbers.tolist(), strict=True):
        of_taste, other = left_out[user]
        assert listed == [of_taste, other, *[-1] * 8]
    scores = arrays["lists.scores"]
    assert (scores[:, 0] > scores[:, 1]).all()
    assert np.isneginf(scores[:, 2:]).all()
    assert metadata["n_users_listed"] == metadata["n_users"] == 30
    assert metadata["n_positives"] == sum(value == 5.0 for _, _, _, value, _ in rows)


def test_scores_are_the_dot_product_of_folded_in_users_and_books(tmp_path):
    rows, _ = two_tastes()
    _, users, arrays = build(tmp_path, rows)
    liked = [number for user, number, _, value, _ in rows if user == users[7] and value == 5.0]
    weights = CollaborativeSettings().history_decay ** np.arange(len(liked))  # the newest stand last in the rows
    user_factor = weights @ arrays["fold_in_factors"][liked[::-1]]
    listed = arrays["lists.numbers"][7][:2]
    np.testing.assert_allclose(arrays["item_factors"][listed] @ user_factor, arrays["lists.scores"][7][:2], atol=1e-5)


def test_withdrawn_books_and_books_nobody_likes_are_not_listed(tmp_path):
    rows, _ = two_tastes()
    active = np.arange(N_BOOKS) != 5
    rows = [row for row in rows if row[1] != 8]  # nobody has read book 8, so there is nothing to say about it
    _, _, arrays = build(tmp_path, rows, active=active)
    listed = set(arrays["lists.numbers"].ravel().tolist())
    assert not listed & {5, 8}
    assert not set(arrays["item_transitions.numbers"].ravel().tolist()) & {5, 8}
    assert not arrays["item_factors"][8].any()
    assert arrays["item_factors"][5].any()


def test_only_users_with_something_to_go_by_and_something_left_have_a_list(tmp_path):
    rows, left_out = two_tastes()
    rows += [("grump", 3, "rating", 1.0, 1e6), ("looker", 3, "view", None, 1e6)]
    rows += [("omnivore", number, "read", None, 1e6) for number in range(N_BOOKS)]
    metadata, users, _ = build(tmp_path, rows)
    assert users == list(left_out)
    assert metadata["n_users"] == metadata["n_users_listed"] + 1


def test_a_dismissed_book_is_never_listed_and_no_longer_speaks_for_its_kind(tmp_path):
    rows, left_out = two_tastes()
    of_taste, other = left_out["user 0"]
    _, users, arrays = build(tmp_path, [*rows, ("user 0", of_taste, "dismiss", None, 1e6)])
    assert arrays["lists.numbers"][users.index("user 0")].tolist() == [other, *[-1] * 9]


def test_no_interactions_give_a_valid_empty_part(tmp_path):
    metadata, users, arrays = build(tmp_path, [])
    assert users == []
    assert arrays["item_factors"].shape == (N_BOOKS, 1)
    assert not arrays["item_factors"].any()
    assert arrays["lists.numbers"].shape == arrays["lists.scores"].shape == (0, 10)
    assert metadata["n_users_listed"] == metadata["n_positives"] == 0


def test_a_rank_beyond_the_matrix_is_reduced_and_said(tmp_path):
    rows = [("ann", 0, "read", None, 1.0), ("ann", 1, "read", None, 2.0), ("bob", 1, "read", None, 3.0)]
    metadata, users, arrays = build(tmp_path, rows, rank=64)
    assert (metadata["rank"], metadata["rank_asked_for"]) == (2, 64)
    assert users == ["bob"]  # ann has read every book anyone likes
    assert arrays["lists.numbers"][0].tolist() == [0, *[-1] * 9]


def test_the_same_input_gives_the_same_files(tmp_path):
    rows, _ = two_tastes()
    folders = tmp_path / "once", tmp_path / "again"
    for folder in folders:
        folder.mkdir()
        build(folder, rows)
    for file in folders[0].iterdir():
        assert file.read_bytes() == (folders[1] / file.name).read_bytes()


def test_als_builds_the_same_part(tmp_path):
    pytest.importorskip("implicit", reason="the extra `als` is not installed")
    rows, left_out = two_tastes()
    metadata, users, arrays = build(tmp_path, rows, algorithm="als")
    assert metadata["algorithm"] == "als"
    assert [tuple(listed[:2]) for listed in arrays["lists.numbers"].tolist()] == [left_out[user] for user in users]


def test_book_numbers_that_do_not_exist_are_refused(tmp_path):
    with pytest.raises(ArtifactError, match="there are 24 books"):
        build(tmp_path, [("ann", N_BOOKS, "read", None, 1.0)])
