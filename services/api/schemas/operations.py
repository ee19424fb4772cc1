"""Health, and what operators see: generations, the last run, latencies, Redis, rolling back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from services.api.schemas.text import Text
from shared.artifacts.generation import GateVerdict
from shared.run_log import StepRecord


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
