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

    def event_id(self, user_id: str, event_id: str) -> str:
        """String with a time to live: this event of this user was taken, and what it said. Written by the API.

        Its value is the kind, the time, the item index and the book id, or `undone`.
        """
        return f"{self.prefix}:event:{{{user_id}}}:{event_id}"

    def event_id_of_anyone(self, event_id: str) -> str:
        """String with a time to live: written by versions that did not tell users apart; still recognized."""
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

    def feedback(self, user_id: str) -> str:
        """Hash: item index to statements (`shared.feedback`) joined by blanks, for each book seen or viewed.

        The field `revision` grows when the seen set loses a book. Written by the API and publish; bounded by the seen
        and viewed books; never expires.
        """
        return f"{self.prefix}:feedback:{{{user_id}}}"

    def viewed(self, user_id: str) -> str:
        """Sorted set: item index by time of its latest view or click, for books not seen; capped; never expires."""
        return f"{self.prefix}:viewed:{{{user_id}}}"

    def state_of(self, user_id: str) -> tuple[str, str, str, str]:
        """The four keys of a user's state, as `shared.feedback.LUA` expects them."""
        return self.seen(user_id), self.recent(user_id), self.feedback(user_id), self.viewed(user_id)
