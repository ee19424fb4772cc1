"""A small closed-loop HTTP load generator: raw keep-alive connections, so that the client costs little."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import cycle

import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(frozen=True, slots=True)
class Load:
    """What one round measured."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    n_failed: int


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as an answer is complete."""

    def __init__(
        self, requests: cycle[bytes], until: float, latencies: list[float], done: asyncio.Future[None]
    ) -> None:
        self._requests, self._until, self._latencies, self._done = requests, until, latencies, done
        self._buffer = b""
        self._missing = -1
        self._sent = 0.0
        self.n_failed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self._done.done():
            self.n_failed += 1
            self._done.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            return
        head = self._buffer[:end].lower()
        start = head.index(_LENGTH) + len(_LENGTH)
        stop = head.find(b"\r", start)
        length = int(head[start : stop if stop >= 0 else None])
        if len(self._buffer) < end + len(_HEAD_END) + length:
            return
        self.n_failed += not head.startswith(b"http/1.1 2")
        self._buffer = b""
        now = time.perf_counter()
        self._latencies.append(now - self._sent)
        if now < self._until:
            self._send()
        else:
            self._done.set_result(None)
            self._transport.close()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._requests))


def run_load(host: str, port: int, paths: list[str], *, n_connections: int, seconds: float) -> Load:
    """Request these paths in turn over `n_connections` for `seconds`."""
    requests = [f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() for path in paths]

    async def main() -> Load:
        loop = asyncio.get_running_loop()
        latencies: list[float] = []
        started = time.perf_counter()
        until = started + seconds
        connections, ends = [], []
        for offset in range(n_connections):
            done = loop.create_future()
            shifted = cycle(
                requests[offset * len(requests) // n_connections :]
                + requests[: offset * len(requests) // n_connections]
            )
            connection = _Connection(shifted, until, latencies, done)
            await loop.create_connection(lambda connection=connection: connection, host, port)
            connections.append(connection)
            ends.append(done)
        await asyncio.gather(*ends)
        took = time.perf_counter() - started
        ordered = sorted(latencies)
        return Load(
            requests_per_second=len(ordered) / took,
            p50_ms=1000 * ordered[len(ordered) // 2],
            p99_ms=1000 * ordered[int(len(ordered) * 0.99)],
            n_failed=sum(connection.n_failed for connection in connections),
        )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())
