"""Asking until an answer or a deadline comes; nothing pauses for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import httpx

Found = TypeVar("Found")


def eventually(look: Callable[[], Found | None], seconds: float, what: str) -> Found:
    """What `look` returns once it is neither `None` nor `False`."""
    deadline = time.monotonic() + seconds
    while True:
        seen = ""
        try:
            found = look()
        except httpx.HTTPError as error:
            found = None
            seen = f" ({error!r})"
        if found is not None and found is not False:
            return found
        assert time.monotonic() < deadline, f"After {seconds:.0f} seconds still not: {what}{seen}"
        time.sleep(0.5)
