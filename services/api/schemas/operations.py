"""Health, and what operators see: generations, the last run, latencies, Redis, rollback."""

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
    """The process can serve recommendations."""

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
    """A published generation, current or earlier."""

    id: str
    created_at: datetime
    night: str | None
    source: str
    simulated_readers: bool
    counts: dict[str, int]
    served: bool
    metrics: dict[str, dict[str, Figure]] = Field(
        description="Figures by recommender and metric, from the night that made it"
    )
    gate: GateVerdict | None


class RouteLatency(BaseModel):
    """Latency of a route in milliseconds since the process started; null above the largest bucket."""

    route: str
    n_requests: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class RedisFacts(BaseModel):
    """The state of Redis. Unknown values are null."""

    state: Literal["up", "away"]
    round_trip_ms: float | None = None
    version: str | None = None
    used_memory_bytes: int | None = None
    eviction: str | None = Field(None, description="Must be noeviction")
    waiting_events: int | None = Field(None, description="Reported events that are not yet on disk")


class OperationsAnswer(BaseModel):
    """What is served, how good it is, and how the service runs."""

    served: GenerationFacts | None
    history: list[GenerationFacts] = Field(description="Published generations, newest first")
    last_run: list[StepRecord] = Field(description="The steps of the last run, in the order they started")
    latency: list[RouteLatency]
    redis: RedisFacts
    rollback: bool = Field(description="Whether an operator key is configured")
    report: bool = Field(description="Whether /report exists")


class RollbackRequest(BaseModel):
    """The generation to serve again."""

    to: Text
    expected: Text = Field(description="The generation you saw served; if another one is served now, nothing happens")


class RollbackAnswer(BaseModel):
    """The generation served now."""

    served: str
