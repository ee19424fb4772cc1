"""Request and response models of what only the page asks for, nothing else. They are part of the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from services.api.schemas.answers import BookReference, Rated, Text
from shared.artifacts.generation import GateVerdict
from shared.run_log import StepRecord


class PageFacts(BaseModel):
    """What the page needs to know before it asks for anything else. Answered also when nothing can be served."""

    version: str
    generation: str | None = Field(description="null before the first night")
    created_at: datetime | None
    n_books: int
    simulated_readers: bool = Field(description="the readers behind this are simulated (the demo)")
    content_weight: float = Field(ge=0, le=1, description="the share of the content list where nobody asks otherwise")
    redis: Literal["up", "away"]
    cover_urls: bool = Field(description="whether covers may be shown from the addresses in the catalogue")
    rollback: bool = Field(description="whether an operator key is configured")


class AlikeByContent(Rated):
    """A neighbour by description, and what the two books share besides."""

    similarity: float = Field(description="cosine of the descriptions")
    same_series: str | None
    same_authors: list[str]
    same_genres: list[str]
    same_tribe: str | None


class AlikeByReaders(Rated):
    """A book that readers of this one went on to read."""

    closeness: float = Field(gt=0, le=1, description="its score as a share of the best one's")


class NeighboursAnswer(BaseModel):
    """Books next to one book, nearest first: by what they are about, and by who reads them."""

    book: BookReference
    by_content: list[AlikeByContent]
    by_readers: list[AlikeByReaders]
    simulated_readers: bool


class MappedBook(BookReference):
    """The book behind a point of the map."""

    number: int
    average_rating: float | None
    n_ratings: int
    tribe: int


class DemoReader(BaseModel):
    """A simulated reader and the books they liked lately, newest first."""

    user_id: str
    recent: list[BookReference]


class ReadersAnswer(BaseModel):
    """Simulated readers to look at; none where the readers are real people."""

    readers: list[DemoReader]
    simulated_readers: bool


class Figure(BaseModel):
    """A mean over test users with its 95 % interval."""

    value: float
    low: float
    high: float


class GenerationFacts(BaseModel):
    """A generation that is or was published."""

    id: str
    created_at: datetime
    night: str | None
    source: str
    simulated_readers: bool
    counts: dict[str, int]
    served: bool
    metrics: dict[str, dict[str, Figure]] = Field(
        description="figures by system and metric, measured the night it came"
    )
    gate: GateVerdict | None


class RouteLatency(BaseModel):
    """How long a route takes, in milliseconds, since this process began; null where it takes longer than is counted."""

    route: str
    n_requests: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class RedisFacts(BaseModel):
    """How Redis is. What it does not tell is null."""

    state: Literal["up", "away"]
    round_trip_ms: float | None = None
    version: str | None = None
    used_memory_bytes: int | None = None
    eviction: str | None = Field(None, description="must be noeviction")
    waiting_events: int | None = Field(None, description="reported, and not yet stored durably")


class OperationsAnswer(BaseModel):
    """What the engine is doing and why."""

    served: GenerationFacts | None
    history: list[GenerationFacts] = Field(description="published generations, newest first")
    last_run: list[StepRecord] = Field(description="what each step of the last run did, in the order they began")
    latency: list[RouteLatency]
    redis: RedisFacts
    rollback: bool = Field(description="whether an operator key is configured")
    report: bool = Field(description="whether /report has something to show")


class RollbackRequest(BaseModel):
    """Which generation to serve again."""

    to: Text
    expected: Text = Field(description="the generation served when you decided; if it no longer is, nothing happens")


class RollbackAnswer(BaseModel):
    """What is served now."""

    served: str
