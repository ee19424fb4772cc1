"""Events from Kafka: accepted as over HTTP, each once, also when something is killed, cut off or restarted."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
import redis

from services.embedded import embedded_valkey
from shared.keys import Keys
from shared.layout import DataFolder
from tests.servers.kafka_broker import Relay, running_broker
from tests.servers.server import COMMAND, connect, environment, eventually, free_port, process_of

pytest_plugins = ["tests.worlds.api_fixtures"]
pytestmark = pytest.mark.slow

WAIT_SECONDS = 60.0
_topics = itertools.count()
_DIES_BEFORE_THE_COMMIT = """
import os, signal
from aiokafka import AIOKafkaConsumer
from services.cli.main import main

AIOKafkaConsumer.commit = lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


def event(user, book="dune", event_id=None, **more):
    return {"event_id": event_id or f"{user} {book}", "user_id": user, "book_id": book, "kind": "read"} | more


class Consumer:
    """One running `nightshelf consume-kafka`."""

    def __init__(self, process, log):
        self.process = process
        self._log = log

    def said(self, name):
        """What it logged under this name."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def wait_until_said(self, name):
        eventually(lambda: bool(self.said(name)), WAIT_SECONDS, f"{name}; {self._log.read_text()}")

    def stop(self):
        """End it politely; its summary."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self._log.read_text()
        return self.said("kafka.stopped")[-1]


class Shop:
    """A topic, a consumer group, and the Redis that events go to."""

    def __init__(self, broker, world, url, tmp_path, prefix):
        self.broker, self.url, self.keys = broker, url, Keys(prefix)
        self.topic = f"events-{os.getpid()}-{next(_topics)}"
        self.group = f"group-{self.topic}"
        self._folder = tmp_path
        self._environment = environment(
            NIGHTSHELF_DATA_DIR=str(world.settings.data_dir),
            NIGHTSHELF_REDIS_URL=url,
            NIGHTSHELF_REDIS_PREFIX=prefix,
            NIGHTSHELF_LOG_FORMAT="json",
            NIGHTSHELF_KAFKA__SESSION_TIMEOUT_SECONDS="2",
        )
        broker.create_topic(self.topic)

    @contextmanager
    def consumer(self, *options, command=(str(COMMAND),)):
        log = self._folder / f"log-{next(_topics)}"
        words = [*command, "consume-kafka", "--brokers", self.broker.address, "--topic", self.topic]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*words, "--group", self.group, *options], env=self._environment, stdout=output, stderr=output
            )
        try:
            yield Consumer(process, log)
        finally:
            process.kill()
            process.wait()

    def produce(self, *messages, partition=0):
        self.broker.produce(self.topic, *messages, partition=partition)

    def committed(self):
        return self.broker.committed(self.group, self.topic)

    def stream(self):
        """Event ids in the stream; none while Redis is away."""
        try:
            with connect(self.url) as client:
                return [fields[b"event"].decode() for _, fields in client.xrange(self.keys.events)]
        except redis.exceptions.ConnectionError:
            return []

    def wait_for(self, n_events):
        eventually(lambda: len(self.stream()) >= n_events, WAIT_SECONDS, f"{n_events} events; {self.stream()}")

    def wait_for_commit(self, *offsets):
        eventually(lambda: self.committed() == list(offsets), WAIT_SECONDS, f"commit of {offsets}")


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with running_broker(tmp_path_factory.mktemp("kafka") / "log") as running:
        yield running


@pytest.fixture
def shop(broker, odd_world, valkey_url, tmp_path, prefix):
    return Shop(broker, odd_world, valkey_url, tmp_path, prefix)


def test_events_are_taken_once_and_bad_ones_do_not_stand_in_the_way(shop, catalog):
    letters = f"{shop.topic}.dead"
    shop.broker.create_topic(letters)
    with shop.consumer("--dead-letter-topic", letters) as consumer:
        unnamed = event("ann", "emma") | {"event_id": None}
        shop.produce(
            event("ann"),
            b"\xff not JSON",
            event("ann", "no-such-book"),
            [event("bob"), event("bob", "emma", kind="rating"), event("bob", "ulysses", kind="dismiss")],
            event("ann"),
            unnamed,
        )
        shop.produce(unnamed, b"", event("cid", time=1_714_564_800.25), partition=1)
        shop.wait_for_commit(6, 3)
        summary = consumer.stop()
    named = [event_id for event_id in shop.stream() if not event_id.startswith("kafka:")]
    derived = [event_id for event_id in shop.stream() if event_id.startswith("kafka:")]
    assert sorted(named) == ["ann dune", "bob dune", "bob ulysses", "cid dune"]
    assert sorted(one.rpartition(":")[0] for one in derived) == [
        f"kafka:{shop.topic}:0:5:0", f"kafka:{shop.topic}:1:0:0",
    ]  # fmt: skip
    counts = {"messages": 9, "accepted": 6, "duplicates": 1, "refused": 4, "dead_letters": 4, "behind": 0}
    assert summary | counts == summary
    with connect(shop.url) as client:
        numbers = {book: str(catalog.number_of(book)).encode() for book in ("dune", "emma", "ulysses")}
        assert client.smembers(shop.keys.seen("ann")) == {numbers["dune"], numbers["emma"]}
        assert client.smembers(shop.keys.seen("bob")) == {numbers["dune"], numbers["ulysses"]}
        assert client.zrange(shop.keys.recent("bob"), 0, -1) == [numbers["dune"]], "a dismissed book was not liked"
        assert client.zscore(shop.keys.recent("cid"), numbers["dune"]) == 1_714_564_800.25
    refused = {dict(letter.headers)["nightshelf-place"].decode(): letter for letter in shop.broker.read(letters, 4)}
    assert set(refused) == {f"{shop.topic}/{place}" for place in ("0/1/0", "0/2/0", "0/3/1", "1/1/0")}
    assert refused[f"{shop.topic}/0/1/0"].value == b"\xff not JSON"
    assert json.loads(refused[f"{shop.topic}/0/2/0"].value)["book_id"] == "no-such-book"
    assert json.loads(refused[f"{shop.topic}/0/3/1"].value)["book_id"] == "emma"
    assert dict(refused[f"{shop.topic}/0/2/0"].headers)["nightshelf-where"] == b"book_id"
    assert refused[f"{shop.topic}/0/2/0"].key == b"key"


def test_a_consumer_killed_between_redis_and_commit_doubles_nothing(shop):
    messages = [event("ann", book, time=1_700_000_000 + n) for n, book in enumerate(("dune", "emma", "ulysses"))]
    shop.produce(*messages, event("ann", "2666") | {"event_id": None})
    with shop.consumer(command=(sys.executable, "-c", _DIES_BEFORE_THE_COMMIT)) as dying:
        assert dying.process.wait(WAIT_SECONDS) == -signal.SIGKILL
    taken = shop.stream()
    assert len(taken) == 4
    assert shop.committed() == [0, 0]
    with shop.consumer() as consumer:
        shop.wait_for_commit(4, 0)
        summary = consumer.stop()
    assert shop.stream() == taken
    assert (summary["accepted"], summary["duplicates"]) == (0, 4)


def test_nothing_is_lost_while_redis_is_away(broker, odd_world, tmp_path, prefix):
    folder = DataFolder(tmp_path / "redis")
    with contextlib.ExitStack() as stack:
        with embedded_valkey(folder) as url:
            shop = Shop(broker, odd_world, url, tmp_path, prefix)
            consumer = stack.enter_context(shop.consumer())
            shop.produce(event("ann"))
            shop.wait_for_commit(1, 0)
            os.kill(process_of(url), signal.SIGKILL)
        shop.produce(event("ann", "emma"), event("ann", "ulysses"))
        shop.produce(event("bob"), partition=1)
        consumer.wait_until_said("kafka.cannot_store")
        assert shop.committed() == [1, 0]
        with embedded_valkey(folder):
            shop.wait_for_commit(3, 1)
            assert sorted(shop.stream()) == ["ann dune", "ann emma", "ann ulysses", "bob dune"]
        shop.produce(event("cid"))
        n_said = len(consumer.said("kafka.cannot_store"))
        eventually(lambda: len(consumer.said("kafka.cannot_store")) > n_said, WAIT_SECONDS, "Redis is away again")
        summary = consumer.stop()
        assert (summary["accepted"], summary["duplicates"]) == (4, 0)
        assert shop.committed() == [3, 1], "what Redis has not taken will come again"


def test_consumers_that_come_and_die_share_the_work(shop):
    def events(hour):
        return [[event(f"user-{hour}-{n}")] for n in range(30)]

    def produce(hour):
        for partition in range(2):
            shop.produce(*events(f"{hour}-{partition}"), partition=partition)

    with shop.consumer() as first:
        produce(1)
        shop.wait_for_commit(30, 30)
        with shop.consumer() as second:
            second.wait_until_said("kafka.reading")
            produce(2)
            shop.wait_for_commit(60, 60)
        produce(3)  # the second has been killed, and its partition is nobody's for a while
        shop.wait_for_commit(90, 90)
        first.stop()
    assert len(shop.stream()) == len(set(shop.stream())) == 180


def test_a_broker_that_was_away_is_found_again(odd_world, valkey_url, tmp_path, prefix):
    port = free_port()
    relay = Relay(port)
    relay.mend()
    with running_broker(tmp_path / "broker", port, relay.port) as broker:
        shop = Shop(broker, odd_world, valkey_url, tmp_path, prefix)
        with shop.consumer() as consumer:
            shop.produce(event("ann"))
            shop.wait_for_commit(1, 0)
            relay.cut()
            consumer.wait_until_said("kafka.client")
            relay.mend()
            shop.produce(event("ann", "emma"))
            shop.wait_for_commit(2, 0)
            relay.cut()
            consumer.stop()
    assert shop.stream() == ["ann dune", "ann emma"]
