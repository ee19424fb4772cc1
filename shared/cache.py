"""The one kind of cache: bounded, named, safe between threads, with hits and misses counted by name."""

from __future__ import annotations

from collections.abc import Hashable
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
    """Keeps at most `max_entries`; the oldest is dropped first.

    Args:
        name: what its lookups are counted under in `CACHE_COUNTS`.
        max_entries: at least 1.
    """

    def __init__(self, name: str, max_entries: int) -> None:
        self._counts = CACHE_COUNTS.setdefault(name, CacheCounts())
        self._entries: FIFOCache[Key, Value] = FIFOCache(max_entries)
        self._lock = Lock()

    def __len__(self) -> int:
        """Entries kept now."""
        return len(self._entries)

    def get(self, key: Key) -> Value | None:
        """The value of a key, `None` if it is not kept."""
        with self._lock:
            value: Value | None = self._entries.get(key)
            if value is None:
                self._counts.misses += 1
            else:
                self._counts.hits += 1
        return value

    def put(self, key: Key, value: Value) -> None:
        """Keep a value, which is not `None`."""
        with self._lock:
            self._entries[key] = value

    def clear(self) -> None:
        """Drop every entry."""
        with self._lock:
            self._entries.clear()
