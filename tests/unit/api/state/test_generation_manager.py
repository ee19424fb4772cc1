"""Following the published pointer, and no longer."""

from __future__ import annotations

import asyncio
import contextlib

from services.api.state.generation_manager import GenerationManager
from shared.layout import DataFolder


class ForgetfulStore:
    """A Redis whose client loses the first cancellation, as `asyncio.wait_for` may do before Python 3.12."""

    reachable = True

    def __init__(self):
        self.n_asked = 0
        self.is_asked_by_the_follower = asyncio.Event()

    async def current_generation(self):
        self.n_asked += 1
        if self.n_asked == 2:
            self.is_asked_by_the_follower.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()


def test_it_stops_even_when_the_cancellation_is_lost(tmp_path):
    async def main():
        store = ForgetfulStore()
        manager = GenerationManager(DataFolder(tmp_path), store, poll_seconds=0.001)
        await manager.start()
        await store.is_asked_by_the_follower.wait()
        stopped, _ = await asyncio.wait({asyncio.create_task(manager.stop())}, timeout=30)
        assert stopped
        assert store.n_asked == 2

    asyncio.run(main())
