"""What is remembered of users, against a plain model: in any order, live and after the night, with and without undo."""

from __future__ import annotations

import asyncio

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.api.state.event_writer import AcceptedEvent
from services.api.state.store import Store
from services.batch.ingest.interaction_table import latest, number_interactions
from services.batch.ingest.interactions import Interactions
from services.batch.publish.user_records import user_records
from services.batch.publish.user_state import LaterEvents, later_events, write_user_state
from services.batch.runtime.context import RunContext
from services.batch.sources.rejects import RejectLog
from shared.feedback import statement_of
from shared.keys import Keys
from shared.settings import UserStateSettings, load_settings

USERS, BOOKS = ("ann", "ü {x}"), 4
RULES = UserStateSettings()
CATALOG = pd.DataFrame({"book_id": [f"b{number}" for number in range(BOOKS)], "book_number": range(BOOKS)})
CASES = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def class_of(kind):
    return {"rating": "rating", "dismiss": "dismiss", "view": "view", "click": "view"}.get(kind, "other")


def moment_of(event):
    user, book, kind, _, time = event
    return user, book, class_of(kind), time


# user, book, kind, stars, time; of one user, book and class no two have the same time
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(USERS),
        st.integers(0, BOOKS - 1),
        st.sampled_from(["rating", "read", "purchase", "dismiss", "view", "click"]),
        st.sampled_from([1.0, 3.5, 4.0, 5.0]),
        st.integers(0, 9),
    ),
    max_size=25,
    unique_by=moment_of,
)


def model(events):
    """By user: seen books, positive books with times, viewed books with times."""
    found = {user: (set(), {}, {}) for user in USERS}
    for user in USERS:
        for book in range(BOOKS):
            own = sorted((time, kind, stars) for who, of, kind, stars, time in events if (who, of) == (user, book))
            of_class = {name: [e for e in own if class_of(e[1]) == name] for name in ("rating", "dismiss", "other")}
            rating, dismissal, other = (entries[-1] if entries else None for entries in of_class.values())
            said = rating or other
            if dismissal and not (said and said[0] >= dismissal[0] + (said is not rating) * 0.5):
                said = dismissal
            if said:
                found[user][0].add(book)
                if said is not dismissal and (said is other or said[2] >= 4):
                    times = [e[0] for e in (other, rating) if e and (e is other or e[2] >= 4)]
                    found[user][1][book] = float(max(times))
            elif own:
                found[user][2][book] = float(own[-1][0])
    return found


class Shop:
    """User state and the stream, under a prefix of its own."""

    def __init__(self, client, url, prefix, folder):
        self.client, self.url, self.keys = client, url, Keys(prefix)
        self.settings = load_settings(data_dir=folder, redis_url=url, redis_prefix=prefix)

    def empty(self):
        self.client.unlink(*self.client.keys(f"{self.keys.prefix}:*"), "nothing")

    def report(self, events, undone=()):
        async def run():
            store = Store(self.settings, self.url)
            try:
                taken = [await store.take([accepted(event)]) for event in events]
                return taken, [await store.undo(event[0], repr(event)) for event in undone]
            finally:
                await store.close()

        taken, undos = asyncio.run(run())
        assert all(one for [one] in taken)
        assert all(undos)

    def night(self, events, after):
        """A snapshot of these events, and those of the stream after an entry."""
        rows = [
            (user, f"b{book}", kind, stars if kind == "rating" else None, time)
            for user, book, kind, stars, time in events
        ]
        frame = pd.DataFrame(rows, columns=["user_id", "book_id", "kind", "value", "time"])
        table = latest(number_interactions(frame, CATALOG, RejectLog(), "events"), BOOKS) if rows else None
        records = user_records(Interactions.from_table(table), RULES) if rows else ()
        context = RunContext(self.settings, client=self.client)
        index_of = {f"b{number}": number for number in range(BOOKS)}
        later = LaterEvents() if after is None else later_events(context, index_of, after=after)
        write_user_state(context, records, later)

    def state(self):
        return {
            user: (self._seen(user), self._times(self.keys.recent(user)), self._times(self.keys.viewed(user)))
            for user in USERS
        }

    def _seen(self, user):
        return {int(number) for number in self.client.smembers(self.keys.seen(user))}

    def _times(self, key):
        return {int(number): time for number, time in self.client.zrange(key, 0, -1, withscores=True)}


def accepted(event):
    user, book, kind, stars, time = event
    value = stars if kind == "rating" else None
    statement = statement_of(kind, value, float(time), RULES)
    return AcceptedEvent(repr(event), user, f"b{book}", book, kind, value, float(time), statement)


@pytest.fixture
def shop(client, server_url, prefix, tmp_path):
    return Shop(client, server_url, prefix, tmp_path)


@CASES
@given(events=EVENTS, chance=st.randoms(use_true_random=False))
def test_live_state_does_not_depend_on_the_order_of_arrival(shop, events, chance):
    shop.empty()
    chance.shuffle(events)
    shop.report(events)
    assert shop.state() == model(events)


@CASES
@given(events=EVENTS, data=st.data())
def test_the_night_makes_the_same_of_it(shop, events, data):
    """Whatever part the snapshot has, and the stream has the rest."""
    shop.empty()
    shop.report(events)
    live = shop.state()
    n_known = data.draw(st.integers(0, len(events)))
    entries = [entry for entry, _ in shop.client.xrange(shop.keys.events)]
    after = entries[n_known - 1].decode() if n_known else "0-0"
    shop.night(events[:n_known], after)
    assert shop.state() == live == model(events)
    for name in shop.client.keys(f"{shop.keys.prefix}:*"):
        if name.decode() != shop.keys.events:
            shop.client.unlink(name)
    shop.night(events[:n_known], after)
    assert shop.state() == live, "from nothing"


@CASES
@given(before=EVENTS, after=EVENTS)
def test_a_corrected_source_leaves_nothing_of_what_it_said_before(shop, before, after):
    shop.empty()
    users = {event[0] for event in after}
    shop.night([event for event in before if event[0] in users], None)
    shop.night(after, None)
    assert shop.state() == model(after)


@CASES
@given(events=EVENTS.filter(bool), data=st.data())
def test_an_undone_event_is_as_if_it_had_never_been(shop, events, data):
    shop.empty()
    undone = data.draw(st.sampled_from(events))
    rest = [event for event in events if event != undone]
    shop.report(events, [undone])
    assert shop.state() == model(rest)
    after = "0-0"
    shop.client.unlink(*(key for user in USERS for key in shop.keys.state_of(user)))
    shop.night([], after)
    assert shop.state() == model(rest), "from the stream"
