"""Every Redis key of Nightshelf, with its type, its owner and how long it lives.

Keys of one user carry a `{user}` hash tag, so that they share a slot.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names under one prefix; two installations may share a server by differing in it."""

    prefix: str = "ns"

    @property
    def current(self) -> str:
        """String: the id of the published generation. Written by publish; lives for ever."""
        return f"{self.prefix}:current"

    @property
    def history(self) -> str:
        """List: ids that have been current, newest first. Written by publish; trimmed by collect."""
        return f"{self.prefix}:history"

    @property
    def events(self) -> str:
        """Stream: reported events. Written by the API; trimmed by ingest once they are on disk."""
        return f"{self.prefix}:events"

    @property
    def user_state_snapshot(self) -> str:
        """String: the snapshot last merged into user state, and by which rules. Written by publish; lives for ever."""
        return f"{self.prefix}:state-snapshot"

    def event_id(self, event_id: str) -> str:
        """String with a time to live: this event has been taken. Written by the API."""
        return f"{self.prefix}:event:{event_id}"

    def collaborative_list(self, artifact_id: str, user_id: str) -> str:
        """String: a packed list (`shared.recommend.codec`). Written by publish, removed with its artifact."""
        return f"{self.collaborative_prefix(artifact_id)}{{{user_id}}}"

    def collaborative_prefix(self, artifact_id: str) -> str:
        """What every collaborative list of one artifact starts with."""
        return f"{self.prefix}:cf:{artifact_id}:"

    def collaborative_complete(self, artifact_id: str) -> str:
        """String: a hash of the lists written for this part; written last, so that it means they are all there."""
        return f"{self.prefix}:cf-complete:{artifact_id}"

    def seen(self, user_id: str) -> str:
        """Set of book numbers never to recommend again. Written by the API and publish; bounded; lives for ever."""
        return f"{self.prefix}:seen:{{{user_id}}}"

    def recent(self, user_id: str) -> str:
        """Sorted set, book number by time of its latest positive interaction in seconds; capped; lives for ever."""
        return f"{self.prefix}:recent:{{{user_id}}}"
