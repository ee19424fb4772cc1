"""Request and response models, nothing else. They are the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from shared.settings import InteractionKind

LONGEST_TEXT = 200
# No control characters, no replacement character (what undecodable bytes become), something besides white space.
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\ufffd]*[^\s\x00-\x1f\x7f-\x9f\ufffd][^\x00-\x1f\x7f-\x9f\ufffd]*$"
Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT, pattern=PRINTABLE)]


class Problem(BaseModel):
    """An error (RFC 9457): what went wrong, where, and what to do."""

    type: str = Field(examples=["urn:nightshelf:unknown-title"])
    title: str
    status: int
    detail: str = Field(description="what went wrong")
    where: str | None = Field(None, description="the parameter, field or position it was found in")
    hint: str | None = Field(None, description="what to do about it")
    errors: list[FieldProblem] | None = Field(None, description="one entry for each field at fault")
    suggestions: list[BookReference] | None = Field(None, description="books that may have been meant")


class FieldProblem(BaseModel):
    """One field at fault."""

    where: str
    what: str


class BookReference(BaseModel):
    """A book by id, title and authors."""

    book_id: str
    title: str
    authors: list[str]


class Reason(BaseModel):
    """A book of the user's own."""

    book_id: str
    title: str


class Sources(BaseModel):
    """The min-max scaled score in each list, null where the list lacks the book."""

    collaborative: float | None = Field(description="what readers alike liked")
    content: float | None = Field(description="near a recent book by description")
    item_transitions: float | None = Field(description="what readers of a recent book went on to read")
    same_series_author: float | None = Field(description="another volume of a recent book's series, or of its author")
    trending: float | None = Field(description="liked by many of late")


class RecommendedBook(BaseModel):
    """One recommendation. `sources` and `because` are left out with `explain=false`."""

    book_id: str
    title: str
    authors: list[str]
    score: float = Field(ge=0, le=1)
    sources: Sources | None = None
    because: Reason | None = None


class RecommendationAnswer(BaseModel):
    """Recommendations, best first."""

    user_id: str
    strategy: Literal["hybrid", "collaborative", "content", "popular"]
    degraded: bool = Field(description="made without Redis: popular books from memory")
    generation: str
    simulated_readers: bool = Field(description="the ratings behind this are simulated (the demo)")
    items: list[RecommendedBook]


class Rated(BookReference):
    """A book with its rating on the scale 1-5; null where nobody rated it."""

    average_rating: float | None
    n_ratings: int


class BookRecord(Rated):
    """All that is known of a book."""

    year: int | None
    genres: list[str]
    series: str | None
    series_position: float | None
    description: str | None
    image_url: str | None
    tribe: TribeName | None


class TribeName(BaseModel):
    """A cluster of books by description."""

    tribe: int
    name: str


class Tribe(TribeName):
    """A cluster of books by description with its telling words."""

    words: list[str]
    n_books: int


class SimilarBook(Rated):
    """A neighbour by description, with its cosine similarity."""

    similarity: float


class SimilarAnswer(BaseModel):
    """The book a title was resolved to, other books of that title, and its neighbours, nearest first."""

    book: Rated
    alternatives: list[Rated]
    items: list[SimilarBook]
    simulated_readers: bool


class SearchAnswer(BaseModel):
    """Books found, best match first."""

    items: list[Rated]


class BooksAnswer(BaseModel):
    """Books by id, in the order asked for, and the ids nobody knows."""

    books: list[BookRecord]
    unknown: list[str]


class PopularAnswer(BaseModel):
    """Popular books, most liked first."""

    items: list[Rated]
    simulated_readers: bool


class GenresAnswer(BaseModel):
    """Every genre that has a popular list."""

    genres: list[str]


class TribesAnswer(BaseModel):
    """Every tribe."""

    tribes: list[Tribe]


class LegacyRequest(BaseModel):
    """`POST /recommend`: a book by its title."""

    book_name: Text


class LegacyBook(BaseModel):
    """A neighbour in the shape of the original project."""

    title: str
    author: str
    image_url: str | None
    average_rating: float | None
    rating_count: int


class LegacyRecommendations(BaseModel):
    """The answer to a title we have."""

    recommendations: list[LegacyBook]


class LegacySuggestions(BaseModel):
    """The answer to any other title: titles that may have been meant, likeliest first."""

    suggestions: list[str]


Moment = Annotated[
    datetime,
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "number", "minimum": 0}]}),
]


class Event(BaseModel):
    """Something a user did with a book. `value` is the rating, 1-5, and belongs to kind `rating` only.

    `user` and `book` are understood as well as `user_id` and `book_id`.
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

    event_id: Text = Field(description="an id of your own making, different for every event of every user")
    user_id: Text = Field(validation_alias=AliasChoices("user_id", "user"))
    book_id: Text = Field(validation_alias=AliasChoices("book_id", "book"))
    kind: InteractionKind
    value: float | None = Field(None, ge=1, le=5, allow_inf_nan=False, strict=True)
    time: Moment | None = Field(
        None, description="ISO 8601 (UTC without a zone), or seconds or milliseconds since 1970; now if left out"
    )

    @model_validator(mode="after")
    def _value_belongs_to_rating(self) -> Event:
        if (self.kind == "rating") != (self.value is not None):
            raise ValueError("a rating needs a value from 1 to 5, and no other kind has one")
        return self


class RejectedEvent(BaseModel):
    """An event that was not taken."""

    position: int = Field(description="its place in the batch, from 0")
    where: str
    what: str
    hint: str | None = None


class EventsAnswer(BaseModel):
    """What became of the events sent."""

    accepted: int
    duplicates: int = Field(description="events whose event_id had been taken before; they changed nothing")
    rejected: list[RejectedEvent]


class Health(BaseModel):
    """The process runs."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """The process can answer."""

    status: Literal["ready"]
    generation: str
    created_at: datetime
    redis: Literal["up", "away"]
    counts: dict[str, int]
    simulated_readers: bool


Problem.model_rebuild()
BookRecord.model_rebuild()
