"""Runs Lua scripts by their hash, and loads them when the server does not know them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias

import redis.asyncio
from redis.exceptions import NoScriptError

Call: TypeAlias = tuple[Sequence[str], Sequence[str | int | float]]  # keys and arguments


class ScriptRunner:
    """Scripts on one connection pool.

    Args:
        client: a connection of the request path.
    """

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._redis = client

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """The answer of a script."""
        try:
            return await self._redis.evalsha(_sha_of(script), len(keys), *keys, *arguments)
        except NoScriptError:  # the server was restarted
            return await self._redis.eval(script, len(keys), *keys, *arguments)

    async def run_all(self, script: str, calls: Sequence[Call]) -> list[Any]:
        """The answers of one script to several calls, in one round trip."""
        try:
            return await self._pipeline(script, calls).execute()
        except NoScriptError:
            await self._redis.script_load(script)
            return await self._pipeline(script, calls).execute()

    def _pipeline(self, script: str, calls: Sequence[Call]) -> redis.asyncio.client.Pipeline:
        pipeline = self._redis.pipeline(transaction=False)
        for keys, arguments in calls:
            pipeline.evalsha(_sha_of(script), len(keys), *keys, *arguments)
        return pipeline


@cache
def _sha_of(script: str) -> str:
    return hashlib.sha1(script.encode()).hexdigest()  # noqa: S324  # the name Redis gives it
