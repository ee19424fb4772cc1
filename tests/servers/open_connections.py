"""Connections that clients leave open, before, after and in the middle of a request."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_REQUESTS_LEFT = {
    "before it": b"",
    "after it": b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n",
    "in its head": b"GET /healthz HTTP/1.1\r\nHost: te",
    "in its body": b"POST /api/operations/rollback HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n",
}
_FIRST_WORDS = {"after it": b"HTTP/1.1 200 ", "in its body": b"HTTP/1.1 100 "}


@contextmanager
def left_open(port: int) -> Iterator[None]:
    """Connections on which clients say no more: before, after, and in the middle of a request.

    The server has answered the one of them, and is waiting for the rest of another.
    """
    with ExitStack() as connections:
        for place, sent in _REQUESTS_LEFT.items():
            connection = connections.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            connection.sendall(sent)
            if place in _FIRST_WORDS:
                assert connection.recv(4096).startswith(_FIRST_WORDS[place]), place
        yield
