"""Connections to Redis or Valkey, with explicit names, timeouts, retries and pool sizes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from shared.errors import NightshelfError, StoreUnavailableError
from shared.settings import RedisSettings

MINIMUM_VERSION = (7, 0)
# Redis is unavailable: the API degrades. Any other Redis error is a bug.
UNAVAILABLE = (RedisConnectionError, RedisTimeoutError, redis.exceptions.BusyLoadingError, OSError)


def connect_for_batch(url: str, settings: RedisSettings) -> redis.Redis:
    """A synchronous client with long timeouts, for the batch half.

    Raises:
        NightshelfError: the URL is not a Redis URL.
        StoreUnavailableError: no server answers.
    """
    with _naming(url):
        client = redis.Redis.from_url(
            url,
            client_name="nightshelf-batch",
            socket_timeout=settings.batch_timeout_seconds,
            socket_connect_timeout=settings.connect_timeout_seconds,
            retry=Retry(NoBackoff(), 1),
            protocol=2,
        )
    try:
        client.ping()
    except RedisError as error:
        client.close()
        raise StoreUnavailableError(
            f"Redis does not answer at {url}: {error}",
            hint="Start it, correct NIGHTSHELF_REDIS_URL, or unset it to use the embedded server.",
        ) from error
    return client


def connect_for_serving(url: str, settings: RedisSettings) -> redis.asyncio.Redis:
    """An asynchronous client with short timeouts for the request path; connects on first use, retries once.

    Raises:
        NightshelfError: the URL is not a Redis URL.
    """
    with _naming(url):
        return redis.asyncio.Redis.from_url(
            url,
            client_name="nightshelf-api",
            socket_timeout=settings.timeout_seconds,
            socket_connect_timeout=settings.connect_timeout_seconds,
            retry=AsyncRetry(NoBackoff(), 1),
            max_connections=8,
            protocol=2,
        )


@contextmanager
def _naming(url: str) -> Iterator[None]:
    """Report a URL that the library cannot parse."""
    try:
        yield
    except ValueError as error:
        raise NightshelfError(f"{url!r} is not a Redis URL.", where="NIGHTSHELF_REDIS_URL", hint=str(error)) from error
