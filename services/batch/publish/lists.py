"""The lists of all users in Redis, with keys scoped by the id of the collaborative artifact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from services.batch.runtime.context import RunContext
from shared.artifacts.generation import read_artifact
from shared.publication import lists_complete, lists_fingerprint
from shared.recommend.codec import pack

_LISTS_PER_PIPELINE = 1000


def write_lists(context: RunContext, path: Path) -> int:
    """Write the packed list of every user, then the completion marker; returns the number of users.

    If all lists exist already, it only counts them. The artifact must be verified.
    """
    client, keys = context.redis, context.keys
    artifact = read_artifact(path)
    users: list[str] = json.loads((path / "users.json").read_bytes())
    if lists_complete(client, keys, artifact):
        return len(users)
    client.unlink(keys.collaborative_complete(artifact.id))
    item_index = np.load(path / "lists.numbers.npy", mmap_mode="r")
    scores = np.load(path / "lists.scores.npy", mmap_mode="r")
    with context.progress.task("Writing lists to Redis", len(users)) as advance:
        for first in range(0, len(users), _LISTS_PER_PIPELINE):
            chunk = users[first : first + _LISTS_PER_PIPELINE]
            lengths = (item_index[first : first + len(chunk)] >= 0).sum(axis=1)
            pipeline = client.pipeline(transaction=False)
            for row, (user, length) in enumerate(zip(chunk, lengths.tolist(), strict=True), start=first):
                packed = pack(item_index[row, :length], scores[row, :length])
                pipeline.set(keys.collaborative_list(artifact.id, user), packed)
            pipeline.execute()
            advance(len(chunk))
    client.set(keys.collaborative_complete(artifact.id), lists_fingerprint(artifact))
    return len(users)


def unlink_lists(context: RunContext, used: set[str]) -> int:
    """Unlink the lists of all unused collaborative artifacts; returns the number of keys.

    Completion markers are deleted first: a partly deleted artifact must not look complete.
    """
    client, keys = context.redis, context.keys
    for marker in client.scan_iter(match=keys.collaborative_complete("*"), count=1000):
        if marker.decode().rsplit(":", 1)[1] not in used:
            client.unlink(marker)
    n_unlinked = 0
    every = keys.collaborative_prefix("")[:-1]
    batch: list[Any] = []
    for key in client.scan_iter(match=f"{every}*", count=1000):
        if key.decode()[len(every) :].split(":", 1)[0] not in used:
            batch.append(key)
        if len(batch) >= _LISTS_PER_PIPELINE:
            n_unlinked += client.unlink(*batch)
            batch.clear()
    if batch:
        n_unlinked += client.unlink(*batch)
    return n_unlinked
