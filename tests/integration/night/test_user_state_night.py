"""What whole nights do to user state, on both servers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.batch.ingest.ingest import store_events
from services.batch.night.step_table import STEP_NAMES
from services.batch.publish import user_state
from services.batch.publish.collect import collect
from services.batch.publish.rollback import rollback
from services.batch.runtime.context import RunContext
from shared.settings import UserStateSettings


@pytest.fixture
def server_url(any_redis_url):
    return any_redis_url


def test_a_night_knows_every_reader(library):
    frame = library.snapshot.load_interactions()
    for user in ("r000", "r057", "r119"):
        own = frame[frame["user_id"] == user]
        assert library.seen(user) == set(own["book_number"])
        liked = own[own["value"] >= 4].sort_values("time", ascending=False)
        assert library.recent(user) == liked["book_number"].tolist()


@pytest.mark.parametrize("at_once", [False, True], ids=["in the stream", "durable at once"])
@pytest.mark.parametrize("step", ["ingest", "index", "top-n", "user state", "verify", "publish"])
def test_events_that_come_while_the_night_runs_are_kept_and_are_durable_after_the_next(library, step, at_once):
    """A new user's first book, and a dismissal of what the night takes for liked."""
    liked = library.recent("r000")[0]
    library.world.rate("r001", "b02", 5)
    events = (("new", "cold_start_user", "b09", "read", None), ("no", "r000", f"b{liked:02}", "dismiss", None))

    def happen(name):
        if name == step:
            library.report(*events)
            if at_once:  # as the DAG store_events does every few minutes
                assert store_events(RunContext(library.settings, client=library.client)) == len(events)

    report = library.night(happen)
    assert report.published
    taken_at_once = step == "ingest"
    assert report.n_events_replayed == (2 if step in STEP_NAMES[1 : STEP_NAMES.index("user state") + 1] else 0)
    assert library.events() == (
        [("new", "cold_start_user", "read"), ("no", "r000", "dismiss")] if taken_at_once else []
    )
    assert library.seen("cold_start_user") == {9}
    assert library.recent("cold_start_user") == [9]
    assert liked in library.seen("r000")
    assert liked not in library.recent("r000")

    state = library.user_states()
    assert library.night().published is not taken_at_once
    assert library.events() == [("new", "cold_start_user", "read"), ("no", "r000", "dismiss")]
    assert library.user_states() == state
    assert library.known_event_ids() == ["new", "no"]
    assert library.client.xlen(library.keys.events) == 0
    assert 9 not in library.lists()["cold_start_user"]
    assert liked not in library.lists()["r000"]


def test_an_unchanged_night_does_not_touch_user_state(library, monkeypatch):
    monkeypatch.setattr(user_state, "write_user_state", lambda *_arguments: pytest.fail("written again"))
    library.night()


def test_a_kind_that_from_now_on_counts_as_seen_is_merged_from_the_same_snapshot(library):
    library.report(("look", "r000", "b01", "view", None))
    library.night()
    snapshot = library.snapshot.id
    assert 1 not in library.seen("r000")
    kinds = UserStateSettings().seen_kinds | {"view"}
    library.night(user_state=UserStateSettings(seen_kinds=kinds))
    assert library.snapshot.id == snapshot
    assert 1 in library.seen("r000")
    assert 1 not in library.lists()["r000"]


def test_rollback_and_collection_leave_user_state_alone(library):
    library.world.rate("r000", "b01", 5)
    library.night()
    library.report(("e", "cold_start_user", "b05", "read", None))
    before = library.user_states()
    rollback(library.context)
    collect(library.context, timedelta(0))
    assert library.user_states() == before
    assert 1 in library.seen("r000"), "what was read stays read, whichever generation is served"
