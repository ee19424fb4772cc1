"""One reader over HTTP, from the first visit through a restart to the next morning; read books never come back."""

from __future__ import annotations

import math

import httpx
import pyarrow.parquet as pq
import pytest

from services.batch.ingest.snapshot import current_snapshot
from shared.artifacts.catalog import Catalog
from shared.artifacts.generation import artifact_folder, read_manifest, read_pointer_file
from shared.keys import Keys
from shared.layout import DataFolder
from tests.servers.server import (
    alive,
    answers,
    connect,
    copy_of,
    demo_folder,
    embedded_url,
    process_of,
    run_command,
    serving,
)

pytestmark = pytest.mark.slow
READER = "a-new-reader"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return copy_of(demo_folder(tmp_path_factory.getbasetemp()), tmp_path_factory.mktemp("story") / "data")


@pytest.fixture(scope="module")
def catalog(data):
    folder = DataFolder(data)
    return Catalog.open(
        artifact_folder(folder, "catalog", read_manifest(folder, read_pointer_file(folder)).artifacts["catalog"])
    )


class Reader:
    """Somebody who reports what they read, and remembers what they never want to see again."""

    def __init__(self, catalog):
        self._catalog = catalog
        self._works_done_with = set()
        self.event_ids = []
        self.reported = {}

    def work(self, book_id):
        return int(self._catalog.work_id[self._catalog.number_of(book_id)])

    def look(self, server):
        """Everything that is recommended, short and long, checked against what must not be."""
        answer = server.recommend(READER)
        assert len(answer["items"]) == 10
        longest = server.recommend(READER, limit=100)
        for item in answer["items"] + longest["items"]:
            assert self.work(item["book_id"]) not in self._works_done_with, item
        assert not answer["degraded"]
        return answer

    def report(self, server, book_id, kind, value=None, *, again=True):
        event_id = f"story-{len(self.event_ids)}"
        server.report(event_id=event_id, user_id=READER, book_id=book_id, kind=kind, value=value)
        self.event_ids.append(event_id)
        self.reported[book_id, kind] = value
        if not again:
            self._works_done_with.add(self.work(book_id))


def ids(answer):
    return [item["book_id"] for item in answer["items"]]


def find(server, title):
    return server.get("/api/books/search", q=title, limit=1).json()["items"][0]["book_id"]


def first_day(server, reader):
    """From popular books to books of one's own; returns the last answer."""
    first = reader.look(server)
    assert first["strategy"] == "popular"
    assert ids(first) == ids(server.recommend("somebody-else"))

    reader.report(server, find(server, "The Hobbit"), "rating", 5, again=False)
    answer = reader.look(server)
    assert answer["strategy"] == "hybrid"
    assert ids(answer) != ids(first)
    assert answer["items"][0]["because"]["title"] == "The Hobbit"

    for kind, value in (("read", None), ("dismiss", None), ("purchase", None), ("rating", 1.5), ("rating", 4.5)):
        reader.report(server, ids(answer)[0], kind, value, again=False)
        previous, answer = answer, reader.look(server)
        assert ids(answer) != ids(previous)
    reader.report(server, ids(answer)[0], "view")
    previous, answer = answer, reader.look(server)
    assert answer["items"] != previous["items"], "a view brings similar books"
    assert ids(previous)[0] in ids(answer), "what was viewed is not seen"
    repeated = {"event_id": reader.event_ids[0], "user_id": READER, "book_id": ids(answer)[0], "kind": "dismiss"}
    taken = httpx.post(f"{server.url}/api/events", json=repeated).raise_for_status().json()
    assert taken == {"accepted": 0, "duplicates": 1, "rejected": []}
    assert reader.look(server) == answer, "an event id that was taken before changes nothing"
    return answer


def first_night(server, reader, data, before):
    """Run a night beside the server; returns the reader's list in the morning."""
    url = embedded_url(data)
    valkey = process_of(url)
    night = run_command("nightly", "--data-dir", data)
    assert night.returncode == 0, night.stderr
    assert process_of(url) == valkey, "the night used the server's Valkey and left it running"
    generation = read_pointer_file(DataFolder(data))
    assert generation != before["generation"]
    server.wait_for_generation(generation)
    morning = reader.look(server)
    assert morning["strategy"] == "hybrid"
    assert any(item["sources"]["collaborative"] is not None for item in morning["items"])
    with connect(url) as client:
        artifact = read_manifest(DataFolder(data), generation).artifacts["collaborative"]
        assert client.exists(Keys().collaborative_list(artifact, READER)), "the night's lists use the new ratings"
    assert morning["items"] != before["items"]
    assert events_taken_in(data, client_url=url) == reader.event_ids
    assert interactions_of(data) == reader.reported
    return morning


def test_a_reader_from_the_first_visit_to_the_second_night(data, catalog, tmp_path):
    log = tmp_path / "serve.log"
    url = embedded_url(data)
    reader = Reader(catalog)

    with serving("--embedded", "--data-dir", data, log=log) as server:
        valkey = process_of(url)
        before = first_day(server, reader)
        assert server.stop() == 0
    assert not answers(url)
    assert not alive(valkey), "the embedded Valkey is stopped with the server"

    with serving("--embedded", "--data-dir", data, log=log) as server:
        assert reader.look(server) == before, "nothing was forgotten over the restart"
        with connect(url) as client:
            assert client.xlen(Keys().events) == len(reader.event_ids)

        morning = first_night(server, reader, data, before)
        reader.report(server, ids(morning)[0], "read", again=False)
        assert ids(reader.look(server)) != ids(morning)
        reader.report(server, ids(reader.look(server))[0], "dismiss", again=False)
        after = reader.look(server)

        server.stop()
        assert not answers(url)

    for _ in range(2):  # the second has nothing new to take in
        night = run_command("nightly", "--data-dir", data)
        assert night.returncode == 0, night.stderr
    assert "served already" in " ".join(night.stdout.split())
    assert not answers(url)
    with serving("--embedded", "--data-dir", data, log=log) as server:
        last = reader.look(server)
        assert last["generation"] == read_pointer_file(DataFolder(data)) != after["generation"]
        assert last["strategy"] == "hybrid"
        assert events_taken_in(data, client_url=url) == reader.event_ids
        assert interactions_of(data) == reader.reported


def events_taken_in(data, client_url):
    """Ids of all events that are in durable files; none may be left in the stream."""
    with connect(client_url) as client:
        assert client.xlen(Keys().events) == 0
    files = sorted((data / "events").glob("*.parquet"))
    return [event_id for file in files for event_id in pq.read_table(file)["event_id"].to_pylist()]


def interactions_of(data):
    """What the newest snapshot holds of the reader: value by book and kind."""
    snapshot = current_snapshot(DataFolder(data))
    books = snapshot.load_books()["book_id"]
    rows = snapshot.load_interactions()
    rows = rows[rows["user_id"] == READER]
    assert rows["event_id"].is_unique
    return {
        (books[row.book_number], row.kind): None if math.isnan(row.value) else row.value for row in rows.itertuples()
    }
