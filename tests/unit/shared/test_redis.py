"""Connections say who they are, and why there is none."""

from __future__ import annotations

import asyncio
import socket

import pytest

from shared.errors import NightshelfError, StoreUnavailableError
from shared.redis import connect_for_batch, connect_for_serving
from shared.settings import RedisSettings

SETTINGS = RedisSettings(timeout_seconds=0.25, connect_timeout_seconds=0.75, batch_timeout_seconds=9)


def options_of(client):
    options = client.connection_pool.connection_kwargs
    return options["client_name"], options["socket_timeout"], options["socket_connect_timeout"]


def test_the_night_connects_at_once_under_its_name_and_waits_long(valkey_url):
    with connect_for_batch(valkey_url, SETTINGS) as client:
        assert client.client_getname() in {"nightshelf-batch", b"nightshelf-batch"}
        assert options_of(client) == ("nightshelf-batch", 9, 0.75)


def test_the_api_connects_when_it_asks_under_its_name_and_waits_a_moment(valkey_url):
    async def ask():
        client = connect_for_serving(valkey_url, SETTINGS)
        assert options_of(client) == ("nightshelf-api", 0.25, 0.75)
        assert client.connection_pool.max_connections == 8
        try:
            return await client.client_getname()
        finally:
            await client.aclose()

    assert asyncio.run(ask()) in {"nightshelf-api", b"nightshelf-api"}


def test_where_no_server_answers_the_night_says_where_and_what_to_do():
    with socket.socket() as closed:  # bound, but it does not listen
        closed.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(StoreUnavailableError, match=f"does not answer at {url}") as refused:
            connect_for_batch(url, SETTINGS)
    assert "NIGHTSHELF_REDIS_URL" in refused.value.hint


@pytest.mark.parametrize("connect", [connect_for_batch, connect_for_serving])
def test_what_is_no_url_of_a_redis_is_named(connect):
    with pytest.raises(NightshelfError, match="'http://localhost' is not a Redis URL") as refused:
        connect("http://localhost", SETTINGS)
    assert refused.value.where == "NIGHTSHELF_REDIS_URL"
    assert "redis://" in refused.value.hint
