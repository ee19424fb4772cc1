"""Views and clicks: they move the next answer, less than a read, and leave the book unseen."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.worlds.api_fixtures"]


def event(user, book="dune", kind="read", **more):
    return {"event_id": f"{user} {kind} {book}", "user_id": user, "book_id": book, "kind": kind} | more


def ids(answer):
    return [item["book_id"] for item in answer["items"]]


@pytest.mark.parametrize("kind", ["view", "click"])
def test_what_was_looked_at_brings_its_neighbours_and_is_not_seen(api, kind):
    user = api.new_user()
    api.report(event(user, kind=kind))
    answer = api.recommend(user, limit=100)
    assert answer["strategy"] == "content"
    assert set(ids(answer)[:2]) == {"dune-messiah", "children-of-dune"}
    assert all(item["because"] is None for item in answer["items"])
    api.report(event(user, "dune-messiah"))
    assert "dune" in ids(api.recommend(user, limit=100))


def test_a_view_weighs_less_than_a_read(api):
    looking, reading = api.new_user(), api.new_user()
    api.report(event(looking, "emma"), event(looking, "dune", "view"))
    api.report(event(reading, "emma"), event(reading, "dune", time=1000))
    ranks = [ids(api.recommend(user, limit=100)).index("children-of-dune") for user in (reading, looking)]
    assert ranks == sorted(ranks)
