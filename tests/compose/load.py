"""Readers who ask all the time, while something else happens."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from waiting import eventually


class Load:
    """A few readers who ask all the time, well below the rate limit, until the block ends."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._stop = threading.Event()
        self.answers: Counter[str] = Counter()

    def _ask(self, number: int) -> None:
        with httpx.Client(base_url=self._base_url, timeout=15) as client:
            turn = 0
            while not self._stop.wait(0.1):
                turn += 1
                try:
                    if turn % 5:
                        answer = client.get(f"/api/recommendations/user/reader-{number * 100 + turn % 90:04d}")
                    else:
                        event = {"event_id": f"load-{number}-{turn}", "user_id": f"load-{number}", "kind": "view"}
                        answer = client.post("/api/events", json=event | {"book_id": "the-hobbit"})
                    self.answers[str(answer.status_code)] += 1
                except httpx.HTTPError as error:
                    self.answers[repr(error)] += 1

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Load while the block runs."""
        threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def wait_for(self, n_more: int) -> None:
        """Until so many more answers have come."""
        target = self.answers.total() + n_more
        eventually(lambda: self.answers.total() >= target, 120, f"{n_more} more answers under load")
