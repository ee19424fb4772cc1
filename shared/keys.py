"""Every Redis key of Nightshelf, with its type, its writer and its lifetime.

Keys of one user carry a `{user}` hash tag, so that they share a slot.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names under one prefix. Installations that share a server need different prefixes."""

    prefix: str = "ns"

    @property
    def current(self) -> str:
        """String: the id of the published generation. Written by publish; never expires."""
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
        """String: the snapshot last merged into user state, and the rules. Written by publish; never expires."""
        return f"{self.prefix}:state-snapshot"

    def event_id(self, event_id: str) -> str:
        """String with a time to live: this event was accepted. Written by the API."""
        return f"{self.prefix}:event:{event_id}"

    def collaborative_list(self, artifact_id: str, user_id: str) -> str:
        """String: a packed list (`shared.recommend.codec`). Written by publish, removed with its artifact."""
        return f"{self.collaborative_prefix(artifact_id)}{{{user_id}}}"

    def collaborative_prefix(self, artifact_id: str) -> str:
        """The key prefix of one artifact's collaborative lists."""
        return f"{self.prefix}:cf:{artifact_id}:"

    def collaborative_complete(self, artifact_id: str) -> str:
        """String: a hash of this artifact's lists. Written last: it means that all lists are there."""
        return f"{self.prefix}:cf-complete:{artifact_id}"

    def seen(self, user_id: str) -> str:
        """Set of item indexes not to recommend again. Written by the API and publish; bounded; never expires."""
        return f"{self.prefix}:seen:{{{user_id}}}"

    def recent(self, user_id: str) -> str:
        """Sorted set: item index by time of its latest positive interaction in seconds; capped; never expires."""
        return f"{self.prefix}:recent:{{{user_id}}}"
