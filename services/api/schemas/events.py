"""Events: what users did with books."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from services.api.schemas.text import Text
from shared.settings import InteractionKind

Moment = Annotated[
    datetime,
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "number", "minimum": 0}]}),
]


class Event(BaseModel):
    """Something a user did with a book. `value` is the rating, 1-5, and belongs to kind `rating` only.

    `user` and `book` are accepted in place of `user_id` and `book_id`.
    """

    model_config = ConfigDict(
        extra="forbid",
        validate_by_name=True,
        json_schema_extra={
            "if": {"properties": {"kind": {"const": "rating"}}},
            "then": {"properties": {"value": {"type": "number"}}, "required": ["value"]},
            "else": {"properties": {"value": {"type": "null"}}},
            "examples": [
                {"event_id": "7c1f", "user_id": "reader-0042", "book_id": "the-hobbit", "kind": "rating", "value": 5}
            ],
        },
    )

    event_id: Text = Field(description="An id you choose, different for every event of a user")
    user_id: Text = Field(validation_alias=AliasChoices("user_id", "user"))
    book_id: Text = Field(validation_alias=AliasChoices("book_id", "book"))
    kind: InteractionKind
    value: float | None = Field(None, ge=1, le=5, allow_inf_nan=False, strict=True)
    time: Moment | None = Field(
        None, description="ISO 8601 (UTC without a zone), or seconds or milliseconds since 1970; now by default"
    )

    @model_validator(mode="after")
    def _value_belongs_to_rating(self) -> Event:
        if (self.kind == "rating") != (self.value is not None):
            raise ValueError("a rating needs a value from 1 to 5, and no other kind has one")
        return self


class RejectedEvent(BaseModel):
    """An event that was not accepted."""

    position: int = Field(description="Its position in the batch, from 0")
    where: str
    what: str
    hint: str | None = None


class EventsAnswer(BaseModel):
    """What happened to the events."""

    accepted: int
    duplicates: int = Field(description="Events with an event_id that this user already has; they change nothing")
    rejected: list[RejectedEvent]
