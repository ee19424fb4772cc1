"""All settings, frozen, read once by `load_settings`. Nothing reads the environment at import.

Each may be set as `NIGHTSHELF_<NAME>`; a nested one as `NIGHTSHELF_<GROUP>__<NAME>`, for instance
`NIGHTSHELF_COLLABORATIVE__RANK=128`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import NightshelfError

InteractionKind = Literal["view", "click", "rating", "read", "purchase", "dismiss"]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Group(BaseModel):
    """A frozen group of settings that refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RedisSettings(Group):
    """How Redis is reached. Times are short because a reader waits; the batch half uses `batch_timeout_seconds`."""

    timeout_seconds: float = Field(0.5, gt=0, description="for one read or write on the request path")
    connect_timeout_seconds: float = Field(0.5, gt=0)
    batch_timeout_seconds: float = Field(30.0, gt=0, description="for bulk writes and the event stream at night")
    retry_after_seconds: float = Field(0.5, gt=0, description="how long an outage is remembered before the next try")


class UserStateSettings(Group):
    """What Nightshelf remembers of a user between nights, and which interactions count for what."""

    max_seen: int = Field(20_000, ge=100, description="books in one user's seen set; the newest are kept at seeding")
    max_recent: int = Field(100, ge=1, le=1000, description="positive interactions in one user's recent list")
    seen_kinds: frozenset[InteractionKind] = frozenset({"rating", "read", "purchase", "dismiss"})
    positive_kinds: frozenset[InteractionKind] = frozenset({"rating", "read", "purchase"})
    positive_rating: float = Field(4.0, ge=1, le=5, description="a rating from here on is positive, on the scale 1-5")
    event_id_days: int = Field(7, ge=1, description="how long a repeated event_id is recognised at once")


class ContentSettings(Group):
    """The index over descriptions and the tribes."""

    exact_up_to: int = Field(50_000, ge=1, description="books up to which the index is exact (flat)")
    min_recall: Share = 0.98
    neighbours: int = Field(100, ge=10, le=1000, description="neighbours remembered for each book")
    tribes: int | None = Field(None, ge=2, description="number of tribes; by default sqrt(books), between 4 and 60")
    seed: int = 7


class CollaborativeSettings(Group):
    """The factor model. Ranges that made sense on real data are in `docs/architecture.md`."""

    algorithm: Literal["svd", "als"] = "svd"
    rank: int = Field(64, ge=2, le=4096)
    user_exponent: Share = Field(0.2, description="a in D_u^-a A D_b^-b")
    book_exponent: Share = Field(0.2, description="b in D_u^-a A D_b^-b")
    list_length: int = Field(100, ge=10, le=1000, description="books in each user's nightly list")
    seed: int = 7


class BlendSettings(Group):
    """How the two candidate lists are weighed against each other."""

    collaborative_weight: float = Field(0.75, ge=0)
    content_weight: float = Field(0.25, ge=0)
    content_candidates: int = Field(100, ge=10, le=1000)
    recent_books: int = Field(10, ge=1, le=100, description="recent books whose neighbours become candidates")
    recency_decay: float = Field(0.85, gt=0, le=1, description="weight of each recent book relative to the one newer")


class ServeSettings(Group):
    """The online process."""

    poll_seconds: float = Field(1.0, gt=0, le=5, description="how often the published pointer is looked at")
    faiss_threads: int = Field(1, ge=1)


class BatchSettings(Group):
    """The offline process."""

    threads: int | None = Field(None, ge=1, description="BLAS, FAISS and OpenMP threads; by default all cores")
    collect_grace_hours: float = Field(48.0, ge=0, description="generations younger than this are never collected")


class Settings(BaseSettings):
    """Everything that can be chosen, with the values Nightshelf ships."""

    model_config = SettingsConfigDict(
        env_prefix="NIGHTSHELF_", env_nested_delimiter="__", frozen=True, extra="ignore", env_ignore_empty=True
    )

    data_dir: Path = Path("data")
    redis_url: str | None = Field(None, description="redis://, rediss:// or unix://; unset means the embedded server")
    redis_prefix: str = Field("ns", pattern=r"^[A-Za-z0-9_.-]+$")
    embedder: str = Field("all-MiniLM-L6-v2", description="a sentence-transformers name or folder")
    log_format: Literal["console", "json"] = "console"
    redis: RedisSettings = RedisSettings()
    user_state: UserStateSettings = UserStateSettings()
    content: ContentSettings = ContentSettings()
    collaborative: CollaborativeSettings = CollaborativeSettings()
    blend: BlendSettings = BlendSettings()
    serve: ServeSettings = ServeSettings()
    batch: BatchSettings = BatchSettings()


def load_settings(**overrides: object) -> Settings:
    """Read the environment once; `overrides` that are not `None` win over it.

    Raises:
        NightshelfError: a setting is not allowed; names each variable, what it holds and why not.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(
            f"NIGHTSHELF_{'__'.join(str(part) for part in item['loc']).upper()} = {item['input']!r}: {item['msg']}"
            for item in error.errors()
        )
        raise NightshelfError(f"A setting is not allowed: {problems}.", hint="Correct or unset it.") from error
