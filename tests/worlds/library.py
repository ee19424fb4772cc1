"""A small world with a night behind it: its source, data folder and Redis prefix, and what nights left in them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import redis

from services.api.events.event_validation import accept
from services.api.recommend.recommender import Recommender
from services.api.state.generation_manager import GenerationManager
from services.api.state.store import Store
from services.batch.ingest.event_files import event_files
from services.batch.ingest.snapshot import Snapshot, current_snapshot
from services.batch.night.nightly import NightReport, run_night
from services.batch.runtime.context import RunContext
from services.batch.sources.folder import open_folder
from shared.artifacts.catalog import Catalog
from shared.artifacts.generation import (
    Generation,
    GenerationManifest,
    artifact_folder,
    read_manifest,
    read_pointer_file,
)
from shared.keys import Keys
from shared.layout import DataFolder
from shared.publication import current_generation, history, verify_generation
from shared.recommend.blend import Blended
from shared.recommend.codec import unpack
from shared.settings import Settings, load_settings
from tests.worlds.small_world import SmallWorld, small_world

EVENT_TIME = "2024-05-01T12:00:00Z"  # of every event reported: after all ratings of the small world


@dataclass(frozen=True)
class ServingState:
    """Everything a reader is served from: the pointers, and the bytes of every list of the current generation."""

    pointer: str
    pointer_file: str | None
    lists: dict[bytes, bytes]
    marker: bytes | None


@dataclass(frozen=True)
class UserStates:
    """Seen books, and recent books with their times, by key."""

    seen: dict[bytes, set[bytes]]
    recent: dict[bytes, list[tuple[bytes, float]]]


@dataclass
class Library:
    """One installation over a small world."""

    root: Path
    settings: Settings
    client: redis.Redis
    world: SmallWorld = field(default_factory=small_world)

    @classmethod
    def founded(cls, root: Path, url: str, prefix: str, client: redis.Redis, **choices: object) -> Library:
        """A library in this folder, before its first night."""
        choices = {"batch": {"threads": 1}, **choices}
        settings = load_settings(data_dir=root / "data", redis_url=url, redis_prefix=prefix, **choices)
        return cls(root, settings, client)

    @property
    def context(self) -> RunContext:
        return RunContext(self.settings, client=self.client)

    @property
    def folder(self) -> DataFolder:
        return DataFolder(self.settings.data_dir)

    @property
    def keys(self) -> Keys:
        return Keys(self.settings.redis_prefix)

    @property
    def source_folder(self) -> Path:
        return self.root / "source"

    def night(self, on_step: Callable[[str], None] = lambda _step: None, **choices: object) -> NightReport:
        """Run a night over the world as it is now."""
        source = open_folder(self.world.write(self.source_folder))
        settings = self.settings.model_copy(update=choices)
        return run_night(RunContext(settings, client=self.client), source, on_step)

    def report(self, *events: tuple[str, str, str, str, float | None]) -> None:
        """Report events as the API takes them: checked against what is served, effective at once.

        Args:
            events: id, user, book, kind and value of each.
        """
        catalog = Catalog.open(artifact_folder(self.folder, "catalog", self.manifest.artifacts["catalog"]))
        accepted = []
        for event in events:
            fields = dict(zip(("event_id", "user_id", "book_id", "kind", "value"), event, strict=True))
            fields = {name: item for name, item in fields.items() if item is not None}
            accepted.append(accept({**fields, "time": EVENT_TIME}, catalog, self.settings.user_state))

        async def take() -> list[bool]:
            store = Store(self.settings, self.settings.redis_url)
            try:
                return await store.take(accepted)
            finally:
                await store.close()

        assert all(asyncio.run(take()))

    def recommended(self, readers: Sequence[str], limit: int, content_share: float | None = None) -> list[Blended]:
        """What the API recommends to each of these readers, who ask at the same time."""

        async def ask() -> list[Blended]:
            store = Store(self.settings, self.settings.redis_url)
            generation_manager = GenerationManager(self.folder, store, self.settings.serve.poll_seconds)
            try:
                await generation_manager.refresh()
                recommender = Recommender(generation_manager, store)
                asked = [
                    recommender.recommend(reader, limit, explain=True, content_share=content_share)
                    for reader in readers
                ]
                return [answer.items for answer in await asyncio.gather(*asked)]
            finally:
                await store.close()

        return asyncio.run(ask())

    @property
    def pointer(self) -> str:
        current = current_generation(self.client, self.keys)
        assert current is not None
        return current

    @property
    def history(self) -> list[str]:
        return history(self.client, self.keys)

    @property
    def manifest(self) -> GenerationManifest:
        return read_manifest(self.folder, self.pointer)

    @property
    def snapshot(self) -> Snapshot:
        snapshot = current_snapshot(self.folder)
        assert snapshot is not None
        return snapshot

    def verified(self) -> Generation:
        """The current generation, opened and probed."""
        return verify_generation(self.client, self.keys, self.folder, self.pointer)

    def served(self) -> ServingState:
        artifact = self.manifest.artifacts["collaborative"]
        return ServingState(
            self.pointer, read_pointer_file(self.folder), self.lists_of(artifact),
            self.client.get(self.keys.collaborative_complete(artifact)),
        )  # fmt: skip

    def lists_of(self, artifact_id: str) -> dict[bytes, bytes]:
        """The packed lists of a collaborative artifact by user, as they are in Redis."""
        prefix = self.keys.collaborative_prefix(artifact_id).encode()
        names = list(self.client.scan_iter(match=prefix + b"*", count=1000))
        return {name.removeprefix(prefix): self.client.get(name) for name in names}

    def lists(self) -> dict[str, np.ndarray]:
        """Book numbers listed for each user by the current generation, as they are in Redis."""
        packed = self.lists_of(self.manifest.artifacts["collaborative"])
        return {tagged.decode()[1:-1]: unpack(value)[0] for tagged, value in packed.items()}

    def user_states(self) -> UserStates:
        prefix = self.settings.redis_prefix
        seen = {name: self.client.smembers(name) for name in self.client.scan_iter(match=f"{prefix}:seen:*")}
        recent = {
            name: self.client.zrange(name, 0, -1, withscores=True)
            for name in self.client.scan_iter(match=f"{prefix}:recent:*")
        }
        strip = len(prefix)
        return UserStates({name[strip:]: seen[name] for name in seen}, {name[strip:]: recent[name] for name in recent})

    def seen(self, user: str) -> set[int]:
        return {int(number) for number in self.client.smembers(self.keys.seen(user))}

    def recent(self, user: str) -> list[int]:
        """Recent books, newest first."""
        return [int(number) for number in self.client.zrevrange(self.keys.recent(user), 0, -1)]

    def events(self) -> list[tuple[str, str, str]]:
        """Event id, user and kind of every interaction of the snapshot that came as an event."""
        rows: pd.DataFrame = self.snapshot.load_interactions()
        rows = rows[rows["event_id"].notna()]
        return sorted(rows[["event_id", "user_id", "kind"]].astype(str).itertuples(index=False, name=None))

    def known_event_ids(self) -> list[str]:
        """Ids of all events reported so far, each as often as it is held: in files, or else in the stream."""
        in_files = [
            event_id for path in event_files(self.folder.events) for event_id in pd.read_parquet(path)["event_id"]
        ]
        in_stream = [entry[b"event"].decode() for _, entry in self.client.xrange(self.keys.events)]
        return sorted([*in_files, *(event_id for event_id in in_stream if event_id not in in_files)])

    def cloned(self, root: Path, prefix: str, client: redis.Redis, url: str | None = None) -> Library:
        """Another library, in another folder and under another prefix, that is where this one is.

        `client` is of the server at `url`, by default the server of this one.
        """
        shutil.copytree(self.folder.root, root / "data")
        choices = {"data_dir": root / "data", "redis_prefix": prefix, "redis_url": url or self.settings.redis_url}
        settings = self.settings.model_copy(update=choices)
        source = client if url is None else self.client
        ours = [name.decode() for name in source.scan_iter(match=f"{self.settings.redis_prefix}:*", count=1000)]
        dumps, restores = source.pipeline(transaction=False), client.pipeline(transaction=False)
        for name in ours:
            dumps.dump(name)
        for name, dump in zip(ours, dumps.execute(), strict=True):
            restores.restore(prefix + name.removeprefix(self.settings.redis_prefix), 0, dump)
        restores.execute()
        return Library(root, settings, client, self.world.copy())
