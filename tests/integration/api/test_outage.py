"""Redis stopped and started under load: recommendations never fail, are said to be degraded, and recover."""

from __future__ import annotations

import os
import signal

import httpx
import pytest
import redis

from tests.servers.server import (
    READER,
    Load,
    alive,
    connect,
    copy_of,
    demo_folder,
    embedded_url,
    eventually,
    process_of,
    run_command,
    serving,
)
from tests.servers.valkey_process import running_valkey

pytestmark = pytest.mark.slow
RECOVERY_SECONDS = 5.0
PATHS = [
    *(f"/api/recommendations/user/reader-{number:04}" for number in range(40, 60)),
    "/api/recommendations/user/somebody-new",
    "/books/The%20Hobbit/similar",
]


@pytest.fixture(scope="module")
def valkey():
    with running_valkey() as valkey:
        yield valkey


@pytest.fixture(scope="module")
def server(valkey, tmp_path_factory):
    folder = tmp_path_factory.mktemp("outage")
    data = copy_of(demo_folder(tmp_path_factory.getbasetemp()), folder / "data")
    published = run_command("nightly", "--data-dir", data, NIGHTSHELF_REDIS_URL=valkey.url)
    assert published.returncode == 0, published.stderr
    with serving("--data-dir", data, log=folder / "serve.log", NIGHTSHELF_REDIS_URL=valkey.url) as server:
        yield server


@pytest.mark.parametrize("how", ["shut_down", "kill"])
def test_an_outage_degrades_recommendations_and_ends_with_the_outage(server, valkey, how):
    reader = f"reader-of-{how}"
    kept = [item["book_id"] for item in server.recommend(reader)["items"][:3]]
    for turn, book_id in enumerate(kept):
        server.report(event_id=f"{how}-{turn}", user_id=reader, book_id=book_id, kind="read")
    before = server.recommend(reader, limit=100)
    assert (before["strategy"], before["degraded"]) == ("hybrid", False)

    with Load(server.url, PATHS) as load:
        load.wait_for(50)
        assert load.degraded == 0
        getattr(valkey, how)()
        away = server.recommend(reader)
        assert (away["strategy"], away["degraded"], len(away["items"])) == ("popular", True, 10)
        refused = httpx.post(
            f"{server.url}/api/events",
            json={"event_id": f"{how}-away", "user_id": reader, "book_id": kept[0], "kind": "read"},
        )
        assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE, "an event that is not kept is not said to be"
        assert refused.headers["retry-after"] == "1"
        assert server.get("/readyz").json()["redis"] == "away"
        assert server.metric("nightshelf_redis_up") == 0
        load.wait_for(200)
        assert load.degraded > 100

        valkey.start()
        eventually(lambda: not server.recommend(reader)["degraded"], RECOVERY_SECONDS, "answers from Redis again")
        later = {"event_id": f"{how}-later", "user_id": f"{how}-later", "book_id": kept[0], "kind": "read"}
        eventually(
            lambda: httpx.post(f"{server.url}/api/events", json=later, timeout=20).is_success,
            RECOVERY_SECONDS,
            "events are taken again",
        )
    assert load.failures == {}
    assert load.wrong == []
    with Load(server.url, PATHS) as load:
        load.wait_for(100)
    assert load.degraded == 0
    assert server.recommend(reader, limit=100) == before, "nothing of the reader was lost"
    assert server.metric("nightshelf_redis_up") == 1
    assert server.metric("nightshelf_degraded_answers_total") > 100
    log = server.log.read_text()
    assert log.count("redis.away") == log.count("redis.back") > 0


def test_a_server_started_while_redis_is_away_serves_what_is_published(server, valkey, tmp_path):
    """Last in this file, for it leaves Redis stopped."""
    data = copy_of(server.log.parent / "data", tmp_path / "data")
    valkey.shut_down()
    with serving("--data-dir", data, log=tmp_path / "serve.log", NIGHTSHELF_REDIS_URL=valkey.url) as late:
        with Load(late.url, PATHS, n_clients=4) as load:
            load.wait_for(50)
            assert late.recommend(READER)["degraded"]
            valkey.start()
            eventually(lambda: not late.recommend(READER)["degraded"], RECOVERY_SECONDS, "answers from Redis")
        assert load.failures == {}
        assert late.recommend(READER)["strategy"] == "hybrid"


def test_an_embedded_valkey_that_was_killed_is_brought_back_by_the_next_command(tmp_path_factory, tmp_path):
    data = copy_of(demo_folder(tmp_path_factory.getbasetemp()), tmp_path / "data")
    with serving("--embedded", "--data-dir", data, log=tmp_path / "serve.log") as server:
        url = embedded_url(data)
        first = process_of(url)
        with connect(url) as client:
            client.config_set("appendfsync", "always")
        server.report(event_id="e", user_id="u", book_id=server.recommend("u")["items"][0]["book_id"], kind="read")
        before = server.recommend("u")
        with Load(server.url, PATHS, n_clients=2) as load:
            os.kill(first, signal.SIGKILL)
            eventually(lambda: server.recommend("u")["degraded"], RECOVERY_SECONDS, "an outage")
            listed = run_command("generations", "list", "--data-dir", data)
            assert listed.returncode == 0, listed.stderr
            eventually(lambda: not server.recommend("u")["degraded"], RECOVERY_SECONDS, "answers from Valkey again")
        assert load.failures == {}
        assert server.recommend("u") == before
        second = process_of(url)
        assert second != first
    assert server.process.returncode == 0
    with pytest.raises(redis.exceptions.ConnectionError), connect(url) as client:
        client.ping()
    assert not alive(second)
