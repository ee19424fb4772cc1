"""Simulated readers of the demo. Real readers are never listed."""

from __future__ import annotations

import asyncio

import orjson

from services.api.present import reference
from services.api.schemas.readers import DemoReader
from services.api.state.generation_manager import ServingState
from services.api.state.store import Store
from shared.artifacts.generation import artifact_folder
from shared.layout import DataFolder

_N_CONSIDERED = 48
_MIN_RECENT = 5
_N_RECENT_SHOWN = 5


class DemoReaders:
    """Finds readers with different tastes. Caches the candidates of one set of lists.

    Args:
        folder: the data folder.
        store: Redis.
    """

    def __init__(self, folder: DataFolder, store: Store) -> None:
        self._folder, self._store = folder, store
        self._of = ""
        self._some: list[str] = []

    async def find(self, served: ServingState, limit: int) -> list[DemoReader]:
        """Up to `limit` readers and books they recently liked, from different tribes if possible.

        Raises:
            StoreUnavailableError: Redis is unavailable.
        """
        generation = served.generation
        if not generation.manifest.simulated_readers:
            return []
        artifact = generation.collaborative_id
        if self._of != artifact:
            self._some = await asyncio.to_thread(self._spread, artifact)
            self._of = artifact
        states = await self._store.user_states(artifact, self._some, n_recent=_N_RECENT_SHOWN, known_until=None)
        cluster_of, n_books = generation.content.cluster_of, generation.catalog.n_books
        met: dict[int, int] = {}
        ranked = []
        for place, (user, state) in enumerate(zip(self._some, states, strict=True)):
            recent = [number for number in state.recent.tolist() if number < n_books]
            if len(recent) < _MIN_RECENT:
                continue
            tribes = cluster_of[recent].tolist()
            favourite = max(tribes, key=tribes.count)
            ranked.append((met.get(favourite, 0), place, user, recent))
            met[favourite] = met.get(favourite, 0) + 1
        return [
            DemoReader(user_id=user, recent=[reference(generation, number) for number in recent])
            for _, _, user, recent in sorted(ranked)[:limit]
        ]

    def _spread(self, artifact: str) -> list[str]:
        """Users evenly spaced over the lists."""
        path = artifact_folder(self._folder, "collaborative", artifact) / "users.json"
        users: list[str] = orjson.loads(path.read_bytes())
        return users[:: max(1, len(users) // _N_CONSIDERED)][:_N_CONSIDERED]
