"""Events over HTTP: what is accepted, what is refused and why, and their effect on the next answer."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

pytest_plugins = ["tests.worlds.api_fixtures"]

POSITIVE = [("read", None), ("purchase", None), ("rating", 4), ("rating", 5.0)]
NEGATIVE = [("dismiss", None), ("rating", 1), ("rating", 3.5)]


def event(user, book="dune", kind="read", event_id=None, **more):
    return {"event_id": event_id or f"{user} {kind} {book}", "user_id": user, "book_id": book, "kind": kind} | more


def of_kind(user, kind, value, book="dune"):
    return event(user, book, kind, **({} if value is None else {"value": value}))


def ids(answer):
    return [item["book_id"] for item in answer["items"]]


def reasons(answer):
    return {item["because"]["book_id"] for item in answer["items"] if item["because"]}


def post(api, body):
    return api.client.post("/api/events", json=body)


@pytest.fixture
def user(api):
    return api.new_user()


class TestTaking:
    def test_one_event_alone(self, api, user):
        response = post(api, event(user))
        assert response.json() == {"accepted": 1, "duplicates": 0, "rejected": []}

    def test_a_batch_of_a_thousand_and_not_one_more(self, api, user, catalog):
        books = [catalog.ids[number % catalog.n_books] for number in range(1001)]
        batch = [event(user, book, "view", f"{user}-{number}") for number, book in enumerate(books)]
        refused = post(api, batch)
        assert refused.status_code == 422
        assert "1000" in refused.json()["hint"]
        assert post(api, batch[:1000]).json() == {"accepted": 1000, "duplicates": 0, "rejected": []}
        assert post(api, batch[999:]).json() == {"accepted": 1, "duplicates": 1, "rejected": []}, "none of the 1,001"

    def test_a_repeated_id_changes_nothing(self, api, user):
        first = event(user, "dune", event_id=user)
        assert api.report(first)["accepted"] == 1
        before = api.recommend(user)
        again = [first, event(user, "emma", event_id=user), event(user, "dune", "dismiss", event_id=user)]
        assert api.report(*again) == {"accepted": 0, "duplicates": 3, "rejected": []}
        assert api.recommend(user) == before

    def test_a_repetition_within_a_batch_counts_once(self, api, user):
        twice = [event(user, event_id=user), event(user, "emma", event_id=user)]
        assert api.report(*twice) == {"accepted": 1, "duplicates": 1, "rejected": []}
        assert reasons(api.recommend(user)) == {"dune"}

    def test_bad_events_are_named_by_position_and_good_ones_kept(self, api, user):
        batch = [
            event(user, "dune"),
            event(user, "no-such-book"),
            event(user, "emma", "rating"),
            "not an event",
            event(user, "ulysses", "rating", value=6),
            event(user, "foundation"),
            event(user, "2666", "adored"),
            {"event_id": "x", "user_id": user, "kind": "read"},
            None,
        ]
        answer = api.report(*batch)
        assert (answer["accepted"], answer["duplicates"]) == (2, 0)
        assert [(bad["position"], bad["where"]) for bad in answer["rejected"]] == [
            (1, "book_id"), (2, "event"), (3, "event"), (4, "value"), (6, "kind"), (7, "book_id"), (8, "event"),
        ]  # fmt: skip
        assert all(bad["what"] and bad["hint"] for bad in answer["rejected"])
        assert answer["rejected"][1]["what"] == "a rating needs a value from 1 to 5, and no other kind has one"
        assert reasons(api.recommend(user)) == {"dune", "foundation"}

    def test_a_rejected_event_may_be_sent_again_under_its_id(self, api, user):
        assert api.report(event(user, "no-such-book", event_id=user))["accepted"] == 0
        assert api.report(event(user, "dune", event_id=user))["accepted"] == 1

    def test_user_and_book_are_understood_too(self, api, user):
        named = {"event_id": user, "user": user, "book": "dune", "kind": "read"}
        assert post(api, named).json()["accepted"] == 1
        assert "dune" not in ids(api.recommend(user, limit=100))

    @pytest.mark.parametrize("odd", ["a/b ?#%", "'\"\\", "📚", "{user}", "e:1", "e" * 200])
    def test_ids_may_hold_anything(self, api, odd):
        user = f"of events {odd}"[:200]
        events = [event(user, "dallas/11-22-63", event_id=odd), event(user, "%2F", event_id=f"second {odd}"[:200])]
        assert api.report(*events)["accepted"] == 2
        assert {"dallas/11-22-63", "%2F"}.isdisjoint(ids(api.recommend(user, limit=100)))

    def test_a_field_whose_name_is_no_text_is_refused_like_any_other(self, api):
        body = rb'[{"\ud800": 1}]'
        response = api.client.post("/api/events", content=body, headers={"Content-Type": "application/json"})
        assert response.status_code == 200
        assert response.json()["rejected"][0]["where"]

    @pytest.mark.parametrize("body", ["[]", "{}", "null", "5", '"read"', "true", "[" * 500 + "]" * 500])
    def test_what_is_no_event_is_refused(self, api, body):
        response = api.client.post("/api/events", content=body, headers={"Content-Type": "application/json"})
        if body.startswith("[["):
            assert response.json()["rejected"][0]["where"] == "event"
        else:
            assert response.status_code == 422
            assert response.json()["where"]


class TestFields:
    @pytest.mark.parametrize(
        ("changed", "where"),
        [
            ({"event_id": ""}, "event_id"), ({"event_id": 5}, "event_id"), ({"event_id": "e" * 201}, "event_id"),
            ({"user_id": " "}, "user_id"), ({"user_id": "a\x00"}, "user_id"), ({"user_id": None}, "user_id"),
            ({"book_id": "b" * 201}, "book_id"), ({"book_id": ["dune"]}, "book_id"), ({"kind": "READ"}, "kind"),
            ({"kind": None}, "kind"), ({"kind": "rating"}, "event"), ({"value": 4}, "event"),
            ({"kind": "dismiss", "value": 1}, "event"), ({"kind": "rating", "value": 0.5}, "value"),
            ({"kind": "rating", "value": 5.01}, "value"), ({"kind": "rating", "value": "4"}, "value"),
            ({"kind": "rating", "value": True}, "value"), ({"kind": "rating", "value": [4]}, "value"),
            ({"stars": 4}, "stars"), ({"time": "yesterday"}, "time"), ({"time": "1969-12-31T23:59:59Z"}, "time"),
            ({"time": -1}, "time"), ({"time": 1e30}, "time"), ({"time": True}, "time"), ({"time": ""}, "time"),
            ({"time": "0001-01-01T00:00:00+14:00"}, "time"), ({"time": "9999-12-31T23:59:59-14:00"}, "time"),
            ({"time": "2020-02-30T00:00:00Z"}, "time"), ({"time": "12:00"}, "time"),
        ],
    )  # fmt: skip
    def test_a_field_that_is_not_allowed_is_named(self, api, user, changed, where):
        response = post(api, event(user) | changed)
        assert response.status_code == 422, response.text
        assert response.json()["where"] == where
        assert api.recommend(user)["strategy"] == "popular", "nothing was taken"

    def test_an_unknown_book_is_not_found(self, api, user):
        response = post(api, event(user, "no-such-book"))
        assert response.status_code == 404
        assert (response.json()["type"], response.json()["where"]) == ("urn:nightshelf:unknown-book", "book_id")

    @pytest.mark.parametrize(
        "moment",
        [
            "2024-05-01T12:00:00Z", "2024-05-01T12:00:00+05:30", "2024-05-01T12:00:00", "2024-05-01T12:00:00.123456Z",
            1_714_564_800, 1_714_564_800.5, 1_714_564_800_000, 0, "1970-01-01T00:00:00Z", None,
        ],
    )  # fmt: skip
    def test_a_time_may_be_written_in_several_ways(self, api, user, moment):
        assert post(api, event(user, time=moment)).json()["accepted"] == 1

    def test_seconds_milliseconds_and_text_mean_the_same_moment(self, api, user, state):
        client, keys = state
        for place, moment in enumerate(
            (1_714_564_800, 1_714_564_800_000, "2024-05-01T12:00:00", "2024-05-01T14:00+02:00")
        ):
            api.report(event(user, ("dune", "emma", "ulysses", "2666")[place], time=moment))
        assert {seconds for _, seconds in client.zrange(keys.recent(user), 0, -1, withscores=True)} == {1_714_564_800.0}

    def test_a_clock_that_is_a_little_fast_is_forgiven_and_the_future_is_not(self, api, user):
        now = datetime.now(UTC)
        assert post(api, event(user, "dune", time=(now + timedelta(minutes=1)).isoformat())).status_code == 200
        response = post(api, event(user, "emma", time=(now + timedelta(hours=1)).isoformat()))
        assert response.status_code == 422
        assert "future" in response.json()["detail"]


class TestEffect:
    @pytest.mark.parametrize(("kind", "value"), POSITIVE)
    def test_what_was_liked_is_gone_and_its_neighbours_come(self, api, user, kind, value):
        before = api.recommend(user, limit=100)
        api.report(of_kind(user, kind, value))
        answer = api.recommend(user, limit=100)
        assert before["strategy"] == "popular" != answer["strategy"]
        assert "dune" not in ids(answer)
        assert set(ids(answer)[:2]) == {"dune-messiah", "children-of-dune"}

    @pytest.mark.parametrize(("kind", "value"), NEGATIVE)
    def test_what_was_disliked_is_gone_and_nothing_like_it_comes(self, api, user, kind, value):
        book = ids(api.recommend(user))[0]
        api.report(of_kind(user, kind, value, book))
        answer = api.recommend(user, limit=100)
        assert answer["strategy"] == "popular"
        assert book not in ids(answer)

    def test_every_event_moves_the_very_next_answer(self, api, user):
        met = set()
        for _ in range(15):
            answer = api.recommend(user)
            assert met.isdisjoint(ids(answer))
            best = ids(answer)[0]
            met.add(best)
            api.report(event(user, best))
            assert ids(api.recommend(user)) != ids(answer)

    def test_the_newest_book_counts_most(self, api):
        older, newer = api.new_user(), api.new_user()
        api.report(event(older, "dune", time=1000), event(older, "emma", time=2000))
        api.report(event(newer, "emma", time=1000), event(newer, "dune", time=2000))
        ranks = [ids(api.recommend(user, limit=100)).index("children-of-dune") for user in (newer, older)]
        assert ranks == sorted(ranks)
        scores = [
            {item["book_id"]: item["score"] for item in api.recommend(user, limit=100)["items"]}["children-of-dune"]
            for user in (newer, older)
        ]
        assert scores[0] > scores[1]

    def test_what_counts_is_when_it_happened_and_not_when_it_was_reported(self, api):
        in_order, late = api.new_user(), api.new_user()
        api.report(event(in_order, "emma", time="2004-06-01"), event(in_order, "dune", time="2024-06-01"))
        api.report(event(late, "dune", time="2024-06-01"))
        api.report(event(late, "emma", time="2004-06-01"))
        assert api.recommend(late)["items"] == api.recommend(in_order)["items"]
        assert "emma" not in ids(api.recommend(late, limit=100))

    def test_a_dismissed_book_takes_its_neighbours_with_it(self, api, user):
        api.report(event(user, "dune"), event(user, "emma", time=time.time() - 1000))
        api.report(event(user, "dune", "dismiss"))
        answer = api.recommend(user, limit=100)
        assert reasons(answer) == {"emma"}
        assert "dune" not in ids(answer)

    def test_a_dismissed_book_never_comes_back(self, api, user):
        api.report(event(user, "foundation"))
        dismissed = set()
        while len(dismissed) < 60:
            shown = ids(api.recommend(user))
            assert dismissed.isdisjoint(shown)
            api.report(*(event(user, book, "dismiss") for book in shown))
            dismissed |= set(shown)
        for kind in ("view", "click"):
            api.report(*(event(user, book, kind) for book in dismissed))
        assert dismissed.isdisjoint(ids(api.recommend(user, limit=100)))
        api.report(event(user, "second-foundation", event_id=f"{user} later"))
        assert dismissed.isdisjoint(ids(api.recommend(user, limit=100)))

    def test_a_reader_of_the_ratings_is_moved_too(self, api, seen_by):
        reader = "reader-0042"
        before = api.recommend(reader)
        assert before["strategy"] == "hybrid"
        read = ids(before)[0]
        api.report(event(reader, read))
        after = api.recommend(reader, limit=100)
        assert after["strategy"] == "hybrid", "the nightly list still serves"
        assert read not in ids(after)
        assert seen_by[reader].isdisjoint(ids(after))
        assert ids(after)[:10] != ids(before)
        assert read in reasons(after)

    def test_nobody_else_is_moved(self, api, user):
        other = api.recommend("reader-0100")
        api.report(event(user, ids(other)[0], "dismiss"))
        assert api.recommend("reader-0100") == other

    def test_other_editions_of_a_book_that_was_read_go_with_it(self, api, user):
        api.report(event(user, "the-fellowship-of-the-ring"))
        editions = {"the-hobbit", "hobbit-again", "hobbit-illustrated"}
        assert len(editions & set(ids(api.recommend(user, limit=100)))) == 1
        api.report(event(user, "hobbit-illustrated"))
        assert editions.isdisjoint(ids(api.recommend(user, limit=100)))


def test_every_event_is_in_the_stream_once_as_it_was_said(api, state, user):
    client, keys = state
    api.report(
        of_kind(user, "rating", 4.5) | {"time": 1_714_564_800.25}, event(user, "dallas/11-22-63", "view", time=0),
        of_kind(user, "rating", 4.5), event(user, "no-such-book"),
    )  # fmt: skip
    said = [fields for _, fields in client.xrange(keys.events) if fields[b"user"] == user.encode()]
    assert said == [
        {
            b"event": f"{user} rating dune".encode(), b"user": user.encode(), b"book": b"dune", b"kind": b"rating",
            b"value": b"4.5", b"time": b"1714564800.250",
        },
        {
            b"event": f"{user} view dallas/11-22-63".encode(), b"user": user.encode(), b"book": b"dallas/11-22-63",
            b"kind": b"view", b"value": b"", b"time": b"0.000",
        },
    ]  # fmt: skip
