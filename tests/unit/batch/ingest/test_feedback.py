"""Seen, positive and viewed books: the rules for one interaction or book and for a table agree, in any order."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from services.batch.ingest.feedback import (
    positive_rows,
    seen_rows,
    user_item_feedback,
    viewed_books,
    viewed_rows,
)
from services.batch.ingest.interactions import Interactions
from services.batch.sources.interaction_rows import KINDS
from shared.feedback import decided, is_positive, is_seen, is_viewed, statement_of
from shared.settings import UserStateSettings
from tests.worlds.interaction_tables import COLUMNS

VALUES = st.none() | st.sampled_from([1.0, 3.99, 4.0, 5.0]) | st.floats(1, 5)
SETTINGS = st.builds(
    UserStateSettings,
    seen_kinds=st.frozensets(st.sampled_from(KINDS)),
    positive_kinds=st.frozensets(st.sampled_from(KINDS)),
    positive_rating=st.sampled_from([1.0, 3.5, 4.0, 5.0]),
)
USERS, BOOKS = ("ann", "bob"), (0, 1, 7)
ROWS = st.lists(
    st.tuples(st.sampled_from(USERS), st.sampled_from(BOOKS), st.sampled_from(KINDS), VALUES, st.integers(0, 6))
)


@given(st.lists(st.tuples(st.sampled_from(KINDS), VALUES)), SETTINGS)
def test_the_table_says_of_each_row_what_the_rule_for_one_says(rows, settings):
    table = pd.DataFrame([("ann", 0, kind, value, 0.0) for kind, value in rows], columns=COLUMNS)
    interactions = Interactions.from_table(table)
    assert seen_rows(interactions, settings).tolist() == [is_seen(kind, settings) for kind, _ in rows]
    assert viewed_rows(interactions, settings).tolist() == [is_viewed(kind, settings) for kind, _ in rows]
    assert positive_rows(interactions, settings).tolist() == [
        is_positive(kind, value, settings) for kind, value in rows
    ]


def found(rows, settings):
    """What the table comes to: (user, book) -> (positive, time) of seen books, and -> time of viewed books."""
    interactions = Interactions.from_table(pd.DataFrame(rows, columns=COLUMNS))
    known = user_item_feedback(interactions, settings)
    pairs = zip(known.users[known.rows].tolist(), known.item_index.tolist(), strict=True)
    feedback = dict(zip(pairs, zip(known.positive.tolist(), known.times.tolist(), strict=True), strict=True))
    views = viewed_books(interactions, settings)
    looked_at = zip(views.user_ids[views.user_codes].tolist(), views.item_index.tolist(), strict=True)
    return feedback, dict(zip(looked_at, views.times.tolist(), strict=True))


@given(ROWS, SETTINGS)
def test_a_table_comes_to_what_the_rule_for_one_book_says(rows, settings):
    said = {}
    for user, book, kind, value, time in rows:
        if statement := statement_of(kind, value, float(time), settings):
            said.setdefault((user, book), []).append(statement)
    feedback = {pair: decided(statements) for pair, statements in said.items()}
    viewed = {pair: max(float(each[1:]) for each in said[pair]) for pair, by in feedback.items() if by is None}
    feedback = {pair: by for pair, by in feedback.items() if by is not None}
    assert found(rows, settings) == (feedback, viewed)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_if_no_two_have_the_same_time(rows, chance):
    rows = [(*row[:-1], float(time)) for time, row in enumerate(rows)]
    shuffled = list(rows)
    chance.shuffle(shuffled)
    settings = UserStateSettings()
    assert found(shuffled, settings) == found(rows, settings)
