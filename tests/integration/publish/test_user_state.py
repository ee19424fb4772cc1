"""User state: replaced at night by what the snapshot and later events say, bounded, and the same when done twice.

Everything here holds on both servers.
"""

from __future__ import annotations

import math

import pandas as pd
import pytest

from services.batch.ingest.interactions import Interactions
from services.batch.publish import user_state
from services.batch.publish.user_records import user_records
from services.batch.publish.user_state import LaterEvents, later_events, write_user_state
from services.batch.runtime.context import RunContext
from shared.keys import Keys
from shared.settings import Settings, UserStateSettings
from tests.worlds.interaction_tables import COLUMNS

NUMBERS = {f"b{number}": number for number in range(300)}


@pytest.fixture
def server_url(any_redis_url):
    return any_redis_url


class State:
    """User state under a prefix of its own."""

    def __init__(self, client, prefix, folder, **choices):
        self.client, self.keys = client, Keys(prefix)
        settings = Settings(data_dir=folder, redis_prefix=prefix, user_state=UserStateSettings(**choices))
        self.context = RunContext(settings, client=client)

    def seed(self, *rows, later=None):
        """Write what interactions say: user, book number, kind, value, time."""
        interactions = Interactions.from_table(pd.DataFrame(rows, columns=COLUMNS))
        records = user_records(interactions, self.context.settings.user_state)
        return write_user_state(self.context, records, later or LaterEvents())

    def happen(self, user, book, kind, value="", seconds="2000.0", **fields):
        """Put an event into the stream as the API does; returns its id there."""
        event = {"event": "e", "user": user, "book": book, "kind": kind, "value": value, "time": seconds}
        return self.client.xadd(self.keys.events, event | fields).decode()

    def replay(self, after=None):
        later = self.later(after)
        write_user_state(self.context, (), later)
        return later.n

    def later(self, after=None):
        return later_events(self.context, NUMBERS, after=after)

    def seen(self, user):
        return {int(number) for number in self.client.smembers(self.keys.seen(user))}

    def recent(self, user):
        return [(int(number), time) for number, time in self.client.zrevrange(self.keys.recent(user), 0, -1, True)]

    def viewed(self, user):
        return [int(number) for number in self.client.zrevrange(self.keys.viewed(user), 0, -1)]

    def everything(self):
        names = sorted(self.client.keys(f"{self.keys.prefix}:*"))
        return {name: self.client.dump(name) for name in names}


@pytest.fixture
def state(client, prefix, tmp_path):
    return State(client, prefix, tmp_path)


def rated(book, stars, seconds, user="u"):
    return (user, book, "rating", stars, seconds)


def read(book, seconds, user="u"):
    return (user, book, "read", math.nan, seconds)


# Seeding


def test_each_reader_gets_what_they_have_seen_and_liked(state):
    n = state.seed(rated(1, 5.0, 10), rated(2, 2.0, 20), read(3, 30), read(4, 5, "v"), ("w", 5, "view", math.nan, 1))
    assert n == 3
    assert (state.seen("u"), state.recent("u")) == ({1, 2, 3}, [(3, 30.0), (1, 10.0)])
    assert (state.seen("v"), state.recent("v")) == ({4}, [(4, 5.0)])
    assert (state.seen("w"), state.recent("w")) == (set(), []), "a view counts neither as seen nor as liked"
    assert state.viewed("w") == [5]


def test_what_the_source_takes_back_is_taken_back_and_strangers_stay(state):
    state.seed(rated(1, 5.0, 10), rated(2, 4.0, 20), ("u", 9, "view", math.nan, 1))
    state.client.sadd(state.keys.seen("stranger"), 9)
    state.seed(rated(1, 1.0, 10))
    assert (state.seen("u"), state.recent("u"), state.viewed("u")) == ({1}, [], [])
    assert state.client.hget(state.keys.feedback("u"), "revision") == b"1"
    assert state.seen("stranger") == {9}


def test_events_after_the_snapshot_are_applied_together_with_it(state):
    state.happen("u", "b1", "dismiss")
    state.happen("u", "b7", "read")
    state.happen("new", "b8", "read")
    state.seed(rated(1, 5.0, 10), rated(2, 4.0, 20), later=state.later())
    assert state.seen("u") == {1, 2, 7}
    assert state.recent("u") == [(7, 2000.0), (2, 20.0)]
    assert state.seen("new") == {8}


def test_an_event_that_was_taken_back_is_not_applied(state):
    state.happen("u", "b1", "read", event="e1")
    state.happen("u", "b1", "undo", "read", event="undo\x1fe1")
    state.seed(rated(1, 2.0, 10), later=state.later())
    assert (state.seen("u"), state.recent("u")) == ({1}, [])


def test_seeding_twice_changes_nothing(state):
    rows = [rated(number, 1.0 + number % 5, float(number), f"u{number % 7}") for number in range(60)]
    state.seed(*rows)
    before = state.everything()
    state.seed(*rows)
    assert state.everything() == before
    assert before


def test_a_snapshot_without_interactions_is_nothing_to_do(state):
    assert state.seed() == 0
    assert state.everything() == {}


def test_more_users_than_fit_one_pipeline_are_all_seeded(state, monkeypatch):
    monkeypatch.setattr(user_state, "_USERS_PER_PIPELINE", 4)
    assert state.seed(*(read(number, 1.0, f"u{number}") for number in range(11))) == 11
    assert [state.seen(f"u{number}") for number in range(11)] == [{number} for number in range(11)]


def test_the_newest_are_kept_within_the_bounds(client, prefix, tmp_path):
    state = State(client, prefix, tmp_path, max_seen=100, max_recent=3)
    state.seed(*(read(number, float(number)) for number in range(150)))
    assert state.seen("u") == set(range(50, 150))
    assert state.recent("u") == [(149, 149.0), (148, 148.0), (147, 147.0)]
    state.seed(*(read(number, float(number)) for number in range(160)))
    assert state.seen("u") == set(range(60, 160))
    assert state.recent("u")[0] == (159, 159.0)
    assert len(state.recent("u")) == 3


def test_the_oldest_give_way_to_what_came_in_live(client, prefix, tmp_path):
    state = State(client, prefix, tmp_path, max_seen=100)
    for book in ("b200", "b201", "b99"):
        state.happen("u", book, "read")
    state.seed(*(read(number, float(number)) for number in range(100)), later=state.later())
    assert state.seen("u") == {200, 201, *range(2, 100)}
    assert {int(number) for number in client.hkeys(state.keys.feedback("u"))} == state.seen("u")


def test_a_bound_made_smaller_is_kept_to(client, prefix, tmp_path):
    State(client, prefix, tmp_path, max_seen=300).seed(*(read(number, float(number)) for number in range(250)))
    state = State(client, prefix, tmp_path, max_seen=100)
    state.seed(*(read(number, float(number)) for number in range(250)))
    assert state.seen("u") == set(range(150, 250))


# Replaying


def test_what_happened_since_wins_over_what_the_night_knew(state):
    state.happen("u", "b1", "dismiss")
    state.happen("u", "b2", "rating", "1.0")
    state.happen("u", "b3", "purchase", seconds="3000.5")
    state.happen("u", "b4", "click")
    state.seed(rated(1, 5.0, 10), rated(2, 5.0, 20))
    assert state.replay() == 4
    assert state.seen("u") == {1, 2, 3}
    assert state.recent("u") == [(3, 3000.5)]


def test_only_what_came_after_the_snapshot_is_replayed(state):
    state.happen("u", "b1", "read")
    last = state.happen("u", "b2", "read")
    state.happen("u", "b3", "read")
    assert state.replay(after=last) == 1
    assert state.seen("u") == {3}
    assert state.replay() == 3
    assert state.seen("u") == {1, 2, 3}


def test_replaying_twice_changes_nothing(state):
    for number, kind in enumerate(["read", "dismiss", "purchase", "read", "dismiss"]):
        state.happen("u", f"b{number % 3}", kind, seconds=f"{number}.0")
    state.replay()
    before = state.everything()
    state.replay()
    assert state.everything() == before


def test_more_events_than_fit_one_page_are_all_replayed(state, monkeypatch):
    monkeypatch.setattr(user_state, "_EVENTS_PER_PAGE", 3)
    for number in range(10):
        state.happen("u", f"b{number}", "read")
    assert state.replay() == 10
    assert state.seen("u") == set(range(10))


def test_events_of_unknown_books_or_of_no_use_are_left_to_the_next_ingest(state):
    state.happen("u", "never-heard-of", "read")
    state.happen("u", "b1", "rating", "many")
    state.happen("u", "b2", "read", seconds="soon")
    state.happen("u", "b2", "read", seconds="nan")
    state.client.xadd(state.keys.events, {"nonsense": b"\xff\xfe"})
    state.happen(b"\xff", "b3", "read")
    state.happen("u", "b4", "read")
    assert state.replay() == 7
    assert state.seen("u") == {4}


def test_replaying_keeps_to_the_bounds(client, prefix, tmp_path):
    state = State(client, prefix, tmp_path, max_seen=100, max_recent=2)
    state.seed(*(read(number, float(number)) for number in range(100)))
    for number in range(200, 205):
        state.happen("u", f"b{number}", "read", seconds=f"{number}.0")
    state.replay()
    assert len(state.seen("u")) == 100
    assert 204 in state.seen("u")
    assert state.recent("u") == [(204, 204.0), (203, 203.0)]
