import asyncio
import re
import time

import numpy as np
import pytest
import redis

from services.api.state.event_writer import AcceptedEvent
from services.api.state.store import LONGEST_SEEN, Store
from shared.errors import StoreUnavailableError
from shared.feedback import statement_of
from shared.keys import Keys
from shared.recommend.codec import pack
from shared.settings import UserStateSettings, load_settings


@pytest.fixture
def client(any_redis_url):
    with redis.Redis.from_url(any_redis_url) as client:
        yield client


@pytest.fixture
def keys(prefix):
    return Keys(prefix)


@pytest.fixture
def ask(any_redis_url, prefix):
    """Run a coroutine function with a store."""

    def run(question, **changes):
        settings = load_settings(redis_prefix=prefix, redis_url=any_redis_url, **changes)

        async def main():
            store = Store(settings, any_redis_url)
            try:
                return await question(store)
            finally:
                await store.close()

        return asyncio.run(main())

    return run


def event(number, event_id="e", moment=1000.0, kind="read", value=None, user="u"):
    statement = statement_of(kind, value, moment, UserStateSettings())
    return AcceptedEvent(event_id, user, f"b{number}", number, kind, value, moment, statement)


def state_of(user, artifact="p"):
    async def question(store):
        [state] = await store.user_states(artifact, [user], n_recent=10, known_until=None)
        return state

    return question


def test_a_stranger_has_nothing(ask):
    state = ask(state_of("nobody"))
    assert len(state.collaborative[0]) == len(state.recent) == len(state.seen) == 0


def test_state_is_read_as_it_was_written(ask, client, keys):
    client.set(keys.collaborative_list("p", "u"), pack(np.array([7, 3], np.int32), np.array([0.9, 0.1], np.float32)))
    client.zadd(keys.recent("u"), {"3": 10, "9": 30, "4": 20})
    client.sadd(keys.seen("u"), 3, 4, 9)
    state = ask(state_of("u"))
    assert state.collaborative[0].tolist() == [7, 3]
    assert state.recent.tolist() == [9, 4, 3], "newest first"
    assert sorted(state.seen.tolist()) == [3, 4, 9]
    assert len(ask(state_of("u", "another-artifact")).collaborative[0]) == 0


@pytest.mark.parametrize(
    ("known_until", "n_new"), [(None, 0), (30.0, 0), (29.999, 1), (20.000001, 1), (20.0, 1), (19.9, 2), (0.0, 3)]
)
def test_what_the_night_did_not_know_is_counted(ask, client, keys, known_until, n_new):
    client.zadd(keys.recent("u"), {"3": 10, "9": 30, "4": 20})

    async def question(store):
        [state] = await store.user_states("p", ["u"], n_recent=1, known_until=known_until)
        return state

    assert ask(question).n_new == n_new


def test_many_users_are_read_in_one_trip_each_getting_their_own(ask, client, keys):
    users = [f"u{number}" for number in range(64)]
    for number, user in enumerate(users):
        client.sadd(keys.seen(user), number)
    before = client.info("stats")["total_commands_processed"]
    states = ask(lambda store: store.user_states("p", users, n_recent=10, known_until=None))
    assert [state.seen.tolist() for state in states] == [[number] for number in range(64)]
    ours = [name for name in ("cmdstat_evalsha", "cmdstat_eval") if name in client.info("commandstats")]
    assert ours, "the script does it"
    inside = 64 * 7  # each call, and what the script itself calls
    assert client.info("stats")["total_commands_processed"] - before < inside + 20


def test_a_long_history_is_asked_about_instead_of_fetched(ask, client, keys):
    client.sadd(keys.seen("u"), *range(LONGEST_SEEN + 1))

    async def question(store):
        [state] = await store.user_states("p", ["u"], n_recent=10, known_until=None)
        return state.seen, await store.seen_among("u", np.array([5, 99_999, 7], np.int32))

    seen, among = ask(question)
    assert seen is None
    assert among.tolist() == [5, 7]


def test_an_event_updates_everything_at_once(ask, client, keys):
    assert ask(lambda store: store.take([event(5)])) == [True]
    assert client.smembers(keys.seen("u")) == {b"5"}
    assert client.zrange(keys.recent("u"), 0, -1, withscores=True) == [(b"5", 1000.0)]
    [(_, fields)] = client.xrange(keys.events)
    assert fields == {
        b"event": b"e",
        b"user": b"u",
        b"book": b"b5",
        b"kind": b"read",
        b"value": b"",
        b"time": b"1000.000",
    }


def test_a_repeated_event_changes_nothing(ask, client, keys):
    async def twice(store):
        return [await store.take([event(5)]), await store.take([event(5, moment=2000.0), event(6, "f")])]

    assert ask(twice) == [[True], [False, True]]
    assert client.zscore(keys.recent("u"), 5) == 1000.0
    assert client.xlen(keys.events) == 2


def test_a_dismissal_leaves_the_recent_books_and_stays_seen(ask, client, keys):
    ask(lambda store: store.take([event(5), event(5, "f", kind="dismiss", moment=1001.0)]))
    assert client.zcard(keys.recent("u")) == 0
    assert client.sismember(keys.seen("u"), 5)


@pytest.mark.parametrize("kind", ["view", "click"])
def test_a_view_is_neither_seen_nor_positive(ask, client, keys, kind):
    async def question(store):
        await store.take([event(5, kind=kind), event(6, "f", moment=1001.0, kind=kind)])
        [state] = await store.user_states("p", ["u"], n_recent=10, known_until=None, n_viewed=10)
        return state

    state = ask(question)
    assert (state.seen.tolist(), state.recent.tolist(), state.viewed.tolist()) == ([], [], [6, 5])
    assert client.xlen(keys.events) == 2


def test_a_viewed_book_that_is_judged_is_not_viewed_any_more(ask, client, keys):
    views = [event(number, f"v{number}", kind="view") for number in range(4)]
    ask(lambda store: store.take([*views, event(1, "r"), event(2, "d", kind="dismiss"), event(1, "w", kind="view")]))
    assert client.zrange(keys.viewed("u"), 0, -1) == [b"0", b"3"]
    assert client.smembers(keys.seen("u")) == {b"1", b"2"}


def test_a_rating_stays_when_the_book_is_read_after_it(ask, client, keys):
    ask(lambda store: store.take([event(5, kind="rating", value=1.0), event(5, "f", moment=2000.0)]))
    assert client.zcard(keys.recent("u")) == 0


def test_a_late_old_rating_does_not_override_a_newer_one(ask, client, keys):
    ask(lambda store: store.take([event(5, moment=2000.0, kind="rating", value=1.0)]))
    ask(lambda store: store.take([event(5, "f", moment=1000.0, kind="rating", value=5.0)]))
    assert client.zcard(keys.recent("u")) == 0
    ask(lambda store: store.take([event(5, "g", moment=3000.0, kind="rating", value=5.0)]))
    assert client.zscore(keys.recent("u"), 5) == 3000.0


def test_an_event_id_belongs_to_its_user(ask, client, keys):
    assert ask(lambda store: store.take([event(5), event(6, user="v"), event(7)])) == [True, True, False]
    assert client.smembers(keys.seen("v")) == {b"6"}
    assert ask(lambda store: store.take([event(5), event(6, user="v")])) == [False, False]


def test_an_id_taken_by_a_version_that_did_not_tell_users_apart_is_known(ask, client, keys):
    client.set(keys.event_id_of_anyone("e"), 1, ex=1000)
    assert ask(lambda store: store.take([event(5)])) == [False]
    assert not client.exists(*keys.state_of("u"), keys.events)


def test_an_event_is_in_the_stream_before_its_id_is_taken(ask, client, keys):
    client.set(keys.events, "not a stream")

    async def fails(store):
        with pytest.raises(redis.exceptions.ResponseError):
            await store.take([event(5)])

    ask(fails)
    assert not client.exists(keys.event_id("u", "e"), *keys.state_of("u"))
    client.delete(keys.events)
    assert ask(lambda store: store.take([event(5)])) == [True]
    assert client.xlen(keys.events) == 1


def test_each_script_touches_one_user_or_the_stream(ask, client, keys, any_redis_url):
    """What Redis Cluster allows: the keys of a call are in one slot."""
    calls = []
    with redis.Redis.from_url(any_redis_url) as watching, watching.monitor() as monitor:
        commands = monitor.listen()

        async def question(store):
            await store.take([event(1), event(2, "f", user="v")])
            await store.user_states("p", ["u", "v"], n_recent=10, known_until=None)
            await store.undo("u", "e")

        ask(question)
        client.echo("end")
        for command in commands:
            words = command["command"].split(" ")
            if words[0] == "ECHO":
                break
            if words[0] in {"EVALSHA", "EVAL"} and command["client_type"] != "lua":
                calls.append(command["command"])
    tags = [set(re.findall(rf"{keys.prefix}:[^ ]*?{{(.*?)}}", call)) for call in calls]
    assert len(tags) >= 7
    assert all(len(of_call) <= 1 for of_call in tags)


def test_undoing_an_event_is_as_if_it_had_never_been(ask, client, keys):
    ask(lambda store: store.take([event(5, "old", kind="view"), event(6, "other")]))
    before = {key: client.dump(key) for key in (keys.seen("u"), keys.recent("u"), keys.viewed("u"))}
    ask(lambda store: store.take([event(5, "wrong", kind="rating", value=5.0)]))
    assert client.zcard(keys.recent("u")) == 2
    assert ask(lambda store: store.undo("u", "wrong")) is True
    assert {key: client.dump(key) for key in before} == before
    assert ask(lambda store: store.undo("u", "wrong")) is True, "again changes nothing"
    assert client.xlen(keys.events) == 4
    assert ask(lambda store: store.take([event(5, "wrong", kind="rating", value=5.0)])) == [False]
    assert ask(lambda store: store.undo("v", "other")) is False, "of another user"


def test_a_seen_set_that_lost_a_book_and_got_another_is_fetched_again(ask):
    async def question(store):
        await store.take([event(5)])
        [before] = await store.user_states("p", ["u"], n_recent=10, known_until=None)
        await store.undo("u", "e")
        await store.take([event(6, "f")])
        [after] = await store.user_states("p", ["u"], n_recent=10, known_until=None)
        return before.seen.tolist(), after.seen.tolist()

    assert ask(question) == ([5], [6])


def test_state_of_the_version_before_is_kept_and_changed(ask, client, keys):
    """Without feedback a recent book counts as rated well at its time, any other seen book as not liked."""
    client.sadd(keys.seen("u"), 1, 2)
    client.zadd(keys.recent("u"), {"1": 2000.0})
    ask(lambda store: store.take([event(1, "late", kind="dismiss"), event(2, "look", kind="view")]))
    assert client.smembers(keys.seen("u")) == {b"1", b"2"}
    assert client.zscore(keys.recent("u"), 1) == 2000.0
    assert not client.exists(keys.viewed("u"))
    ask(lambda store: store.take([event(1, "new", moment=3000.0, kind="dismiss"), event(2, "read", moment=3000.0)]))
    assert client.zrange(keys.recent("u"), 0, -1) == [b"2"]


def test_what_is_kept_of_a_user_is_bounded(ask, client, keys):
    bounds = UserStateSettings(max_seen=100, max_recent=10)
    events = [event(number, f"e{number}", moment=float(number)) for number in range(150)]
    ask(lambda store: store.take(events), user_state=bounds)
    assert client.scard(keys.seen("u")) == 100
    assert client.sismember(keys.seen("u"), 149), "the newest is always kept"
    assert client.zrevrange(keys.recent("u"), 0, -1) == [str(number).encode() for number in range(149, 139, -1)]


def test_a_restarted_server_has_forgotten_the_scripts_and_nobody_notices(ask, client):
    async def question(store):
        await store.user_states("p", ["u"], n_recent=10, known_until=None)
        client.script_flush()
        [state] = await store.user_states("p", ["u"], n_recent=10, known_until=None)
        return state, await store.take([event(5)])

    state, taken = ask(question)
    assert taken == [True]
    assert state.seen.tolist() == []


def test_an_outage_is_an_error_of_ours_and_is_remembered_for_a_moment(tmp_path):
    url = f"unix://{tmp_path}/nobody.sock"
    settings = load_settings(redis_url=url)

    async def question():
        store = Store(settings, url)
        for _ in range(50):
            with pytest.raises(StoreUnavailableError):
                await store.user_states("p", ["u"], n_recent=10, known_until=None)
        assert not store.reachable
        assert time.monotonic() < store._down_until
        await store.close()

    asyncio.run(question())
