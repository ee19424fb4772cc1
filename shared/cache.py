"""A bounded, named, thread-safe cache that counts hits and misses by name."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from cachetools import FIFOCache

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(slots=True)
class CacheCounts:
    """Lookups of all caches of one name since the process started."""

    hits: int = 0
    misses: int = 0


CACHE_COUNTS: dict[str, CacheCounts] = {}


class Cache(Generic[Key, Value]):
    """Keeps entries up to a total size; drops the oldest first.

    Args:
        name: `CACHE_COUNTS` counts the lookups under it.
        max_size: at least 1.
        size_of: the size of a value, at most `max_size`; by default 1, so that `max_size` is a number of entries.
    """

    def __init__(self, name: str, max_size: int, size_of: Callable[[Value], int] | None = None) -> None:
        self._counts = CACHE_COUNTS.setdefault(name, CacheCounts())
        self._entries: FIFOCache[Key, Value] = FIFOCache(max_size, getsizeof=size_of)
        self._lock = Lock()

    def __len__(self) -> int:
        """Number of entries."""
        return len(self._entries)

    def get(self, key: Key) -> Value | None:
        """The value of a key, `None` if absent."""
        with self._lock:
            value: Value | None = self._entries.get(key)
            if value is None:
                self._counts.misses += 1
            else:
                self._counts.hits += 1
        return value

    def put(self, key: Key, value: Value) -> None:
        """Store a value other than `None`."""
        with self._lock:
            self._entries[key] = value

    def clear(self) -> None:
        """Drop every entry."""
        with self._lock:
            self._entries.clear()
