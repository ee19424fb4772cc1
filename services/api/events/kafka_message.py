"""The events in a Kafka message, and the dead letters of refused ones."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRecord

from services.api.events.event_validation import batch_of
from shared.errors import InvalidRequestError, NightshelfError

_MAX_TOPIC_IN_ID = 100


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused event: where it came from, its bytes, and why. `position`: in a list of events, from 0."""

    record: ConsumerRecord
    position: int
    value: bytes
    error: NightshelfError

    @property
    def place(self) -> str:
        """Topic, partition, offset and position."""
        return f"{self.record.topic}/{self.record.partition}/{self.record.offset}/{self.position}"

    def headers(self) -> list[tuple[str, bytes]]:
        """The headers of a dead letter."""
        said = {"place": self.place, "where": self.error.where or "", "what": self.error.what}
        return [(f"nightshelf-{name}", text.encode(errors="replace")) for name, text in said.items()]


def events_of(record: ConsumerRecord) -> list[Any]:
    """The events of one message, unchecked. An event without `event_id` or `time` gets one from its message.

    Raises:
        InvalidRequestError: it is not JSON, or contains no events or too many.
    """
    try:
        body = json.loads(record.value or b"")
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError("The message is not JSON.", where="message", hint="Send JSON in UTF-8.") from error
    return [_completed(item, record, position) for position, item in enumerate(batch_of(body))]


def _completed(item: object, record: ConsumerRecord, position: int) -> object:
    """Add the missing fields, the same each time a message is read.

    The id includes the timestamp, because offsets restart when a topic is created again.
    """
    if not isinstance(item, dict):
        return item
    topic = record.topic
    if len(topic) > _MAX_TOPIC_IN_ID:
        topic = hashlib.sha256(topic.encode()).hexdigest()
    own: dict[str, object] = {
        "event_id": f"kafka:{topic}:{record.partition}:{record.offset}:{position}:{record.timestamp}"
    }
    if record.timestamp > 0:
        own["time"] = min(record.timestamp / 1000, time.time())
    return item | {name: value for name, value in own.items() if item.get(name) is None}


def encoded(item: object, record: ConsumerRecord) -> bytes:
    """One event of a message as JSON again; the whole message if its event cannot be written."""
    try:
        return json.dumps(item).encode()
    except (ValueError, RecursionError):
        return record.value or b""
