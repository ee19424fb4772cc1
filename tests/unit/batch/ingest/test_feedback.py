"""Seen and positive interactions: the rules for one interaction and for a table agree."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from services.batch.ingest.feedback import positive_rows, seen_rows
from services.batch.ingest.interactions import Interactions
from services.batch.sources.interaction_rows import KINDS
from shared.feedback import is_positive, is_seen
from shared.settings import UserStateSettings
from tests.worlds.interaction_tables import COLUMNS

VALUES = st.none() | st.sampled_from([1.0, 3.99, 4.0, 5.0]) | st.floats(1, 5)
SETTINGS = st.builds(
    UserStateSettings,
    seen_kinds=st.frozensets(st.sampled_from(KINDS)),
    positive_kinds=st.frozensets(st.sampled_from(KINDS)),
    positive_rating=st.sampled_from([1.0, 3.5, 4.0, 5.0]),
)


@given(st.lists(st.tuples(st.sampled_from(KINDS), VALUES)), SETTINGS)
def test_the_table_says_of_each_row_what_the_rule_for_one_says(rows, settings):
    table = pd.DataFrame([("ann", 0, kind, value, 0.0) for kind, value in rows], columns=COLUMNS)
    interactions = Interactions.from_table(table)
    assert seen_rows(interactions, settings).tolist() == [is_seen(kind, settings) for kind, _ in rows]
    assert positive_rows(interactions, settings).tolist() == [
        is_positive(kind, value, settings) for kind, value in rows
    ]
