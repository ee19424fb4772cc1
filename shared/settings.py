"""All settings, frozen, read once by `load_settings`. Nothing reads the environment at import.

Each may be set as `NIGHTSHELF_<NAME>`; a nested one as `NIGHTSHELF_<GROUP>__<NAME>`, for instance
`NIGHTSHELF_COLLABORATIVE__RANK=128`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.environment import refuse_unknown_variables, successor, variable_of
from shared.errors import NightshelfError

InteractionKind = Literal["view", "click", "rating", "read", "purchase", "dismiss"]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s,:\[\]]+):[0-9]{1,5}")
_SECRETS = ("key", "password")
_TOPIC = r"^[A-Za-z0-9._-]{1,249}$"


class Group(BaseModel):
    """A frozen group of settings that refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RedisSettings(Group):
    """How Redis is reached. The request path has short times; the batch half uses `batch_timeout_seconds`."""

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
    """The index over descriptions and the clusters."""

    exact_up_to: int = Field(50_000, ge=1, description="books up to which the index is exact (flat)")
    clusters: int | None = Field(None, ge=2, description="number of clusters; by default sqrt(books), between 4 and 60")
    seed: int = 7


class CollaborativeSettings(Group):
    """The factor model. Ranges that made sense on real data are in `docs/architecture.md`."""

    algorithm: Literal["svd", "als"] = "svd"
    rank: int = Field(128, ge=2, le=4096)
    user_exponent: Share = Field(0.3, description="a in D_u^-a A D_b^-b")
    book_exponent: Share = Field(0.3, description="b in D_u^-a A D_b^-b")
    history_books: int = Field(60, ge=1, le=1000, description="newest liked books a user's factor is made of")
    history_decay: float = Field(0.82, gt=0, le=1, description="weight of each of those relative to the one newer")
    list_length: int = Field(100, ge=10, le=1000, description="books in each user's nightly list")
    seed: int = 7


class ItemTransitionSettings(Group):
    """What readers of a book went on to read; the letters are those of `services.batch.models.item_transitions`."""

    n_neighbors: int = Field(100, ge=10, le=1000, description="item transitions kept of each book")
    window: int = Field(100, ge=1, le=1000, description="books of one user further apart than this are no pair")
    distance_exponent: float = Field(0.4, ge=0, le=3, description="e: how fast a pair loses weight with distance")
    backward: Share = Field(0.0, description="how much a pair counts for the book that came before")
    half_life: float | None = Field(
        0.1, gt=0, description="h: share of all likes after which a pair counts half; unset: age does not matter"
    )
    user_exponent: Share = Field(0.0, description="c: above 0, readers of much count less for each pair")
    from_exponent: Share = Field(0.5, description="a: dampens popular books as starting points")
    to_exponent: Share = Field(0.2, description="b: dampens popular books as item transitions")
    trending_half_life: float = Field(
        0.01, gt=0, description="share of all likes after which one counts half for trending books"
    )


class BlendSettings(Group):
    """How the candidate lists are weighed against each other, and how those of recent books are made."""

    collaborative_weight: float = Field(0.1, ge=0)
    content_weight: float = Field(0.05, ge=0)
    item_transitions_weight: float = Field(0.47, ge=0)
    same_series_author_weight: float = Field(0.28, ge=0)
    trending_weight: float = Field(0.1, ge=0)
    cold_start_books: int = Field(
        2, ge=0, le=100, description="a user with at most so many recent books is a cold-start user"
    )
    cold_start_content_weight: float = Field(0.6, ge=0, description="the content list's weight for cold-start users")
    few_books_trending_weight: float = Field(
        0.9, ge=0, description="added to trending_weight for other users, divided by the number of recent books"
    )
    content_candidates: int = Field(100, ge=10, le=1000)
    item_transitions_candidates: int = Field(100, ge=10, le=1000)
    recent_books: int = Field(10, ge=1, le=100, description="recent books whose neighbours become candidates")
    recency_decay: float = Field(0.85, gt=0, le=1, description="weight of each recent book relative to the one newer")
    item_transitions_recent_books: int = Field(
        60, ge=1, le=100, description="recent books whose item transitions give candidates"
    )
    item_transitions_decay: float = Field(
        0.95, gt=0, le=1, description="weight of each of those relative to the one newer"
    )
    same_series_author_candidates: int = Field(100, ge=10, le=1000)
    same_series_author_recent_books: int = Field(
        30, ge=1, le=100, description="recent books whose series and authors give candidates"
    )
    same_series_author_decay: float = Field(
        0.9, gt=0, le=1, description="weight of each of those relative to the one newer"
    )
    fold_in_share: Share = Field(
        0.25, description="a live list replaces the nightly one when books liked since have this share of the weight"
    )


class RerankerSettings(Group):
    """The optional reranker behind the blend. The night and the API both need the extra `reranker`."""

    enabled: bool = False
    books: int = Field(100, ge=20, le=1000, description="first books of the blend that are put into order")
    windows: int = Field(6, ge=1, le=20, description="stretches of time it learns from")
    window_share: float = Field(0.05, gt=0, le=0.5, description="share of all interactions in each")
    max_users: int = Field(5_000, ge=1, description="readers it learns from in each")
    trees: int = Field(100, ge=1, le=2000)
    leaves: int = Field(15, ge=2, le=255, description="of each tree")
    learning_rate: float = Field(0.05, gt=0, le=1)
    seed: int = 7

    @model_validator(mode="after")
    def _leaves_a_past(self) -> RerankerSettings:
        if self.windows * self.window_share > 0.8:  # noqa: PLR2004  # a fifth is left to make the first lists of
            raise ValueError("windows times window_share is at most 0.8: something must come before the first")
        return self


class EvaluationSettings(Group):
    """The evaluation of each night, on a split of its own data by time."""

    test_share: float = Field(
        0.1, gt=0, lt=1, description="share of the interactions, the newest, that the test part holds"
    )
    max_users: int = Field(5_000, ge=1, description="test users scored; more make the intervals narrower")
    min_users: int = Field(50, ge=2, description="with fewer test users the figures are not compared")
    seed: int = 7


class GateSettings(Group):
    """When a generation is too much worse than the served one to be published."""

    enabled: bool = True
    tolerance: Share = Field(0.05, description="share of the served NDCG@10 that a night may lose")
    max_loss: Share = Field(0.3, description="share of the interactions, users or books that one night may lose")


class ServeSettings(Group):
    """The online process."""

    poll_seconds: float = Field(1.0, gt=0, le=5, description="time between two looks at the published pointer")
    faiss_threads: int = Field(1, ge=1)


class PageSettings(Group):
    """The page that the online process serves at `/`."""

    operator_key: SecretStr | None = Field(
        None, min_length=16, description="needed to roll back from the page; unset: the page cannot roll back"
    )
    cover_urls: bool = Field(False, description="show covers from the addresses in the catalogue, on any host")

    @field_validator("operator_key")
    @classmethod
    def _fits_in_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not (key.get_secret_value().isascii() and key.get_secret_value().isprintable()):
            raise ValueError("the operator key consists of ASCII letters, digits and signs")
        return key


class BatchSettings(Group):
    """The offline process."""

    threads: int | None = Field(None, ge=1, description="BLAS, FAISS and OpenMP threads; by default all cores")
    collect_grace_hours: float = Field(48.0, ge=0, description="generations younger than this are never collected")
    lease_minutes: float = Field(
        60.0, gt=0, description="time without a heartbeat after which another run may take the data folder"
    )


class KafkaSettings(Group):
    """The optional intake of events from Kafka. Keys and certificates are PEM files."""

    brokers: str | None = Field(None, description="host:port of one broker or, joined by commas, of several")
    topic: str = Field("nightshelf.events", pattern=_TOPIC)
    group: str = Field("nightshelf", min_length=1, description="consumers of one group share the topic's partitions")
    dead_letter_topic: str | None = Field(None, pattern=_TOPIC, description="where refused events go; unset: log only")
    batch_messages: int = Field(500, ge=1, le=10_000, description="messages handed to Redis between two commits")
    session_timeout_seconds: float = Field(
        10.0, ge=1, description="after this silence a consumer loses its partitions to the others of its group"
    )
    progress_seconds: float = Field(30.0, gt=0, description="how often counts are logged")
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ca_file: Path | None = Field(
        None, description="authorities that sign the brokers' certificates; by default the system's list"
    )
    certificate_file: Path | None = Field(None, description="this client's certificate, for mutual TLS")
    key_file: Path | None = None
    key_password: SecretStr | None = None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None

    @field_validator("brokers")
    @classmethod
    def _are_host_and_port(cls, brokers: str | None) -> str | None:
        if brokers is not None and not all(_BROKER.fullmatch(broker) for broker in brokers.split(",")):
            raise ValueError("brokers are HOST:PORT, several of them joined by commas")
        return brokers


class Settings(BaseSettings):
    """All settings, with their defaults."""

    model_config = SettingsConfigDict(
        env_prefix="NIGHTSHELF_", env_nested_delimiter="__", frozen=True, extra="ignore", env_ignore_empty=True
    )

    data_dir: Path = Path("data")
    redis_url: str | None = Field(None, description="redis://, rediss:// or unix://; unset means the embedded server")
    source: str | None = Field(None, description="folder that runs take in by default, or `demo`")
    redis_prefix: str = Field("ns", pattern=r"^[A-Za-z0-9_.-]+$")
    embedder: str = Field("all-MiniLM-L6-v2", description="a sentence-transformers name or folder")
    log_format: Literal["console", "json"] = "console"
    redis: RedisSettings = RedisSettings()
    user_state: UserStateSettings = UserStateSettings()
    content: ContentSettings = ContentSettings()
    collaborative: CollaborativeSettings = CollaborativeSettings()
    item_transitions: ItemTransitionSettings = ItemTransitionSettings()
    blend: BlendSettings = BlendSettings()
    reranker: RerankerSettings = RerankerSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    gate: GateSettings = GateSettings()
    serve: ServeSettings = ServeSettings()
    page: PageSettings = PageSettings()
    batch: BatchSettings = BatchSettings()
    kafka: KafkaSettings = KafkaSettings()


def load_settings(**overrides: object) -> Settings:
    """Read the environment once; `overrides` that are not `None` win over it.

    Raises:
        NightshelfError: a variable is no setting (names its successor or the closest name), or a value is not allowed.
    """
    refuse_unknown_variables(Settings)
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(map(_problem, error.errors()))
        raise NightshelfError(f"A setting is not allowed: {problems}.", hint="Correct or unset it.") from error
    except SettingsError as error:  # a group that is not JSON
        raise NightshelfError(f"A setting is not readable: {error}.", hint="Correct or unset it.") from error


def _problem(item: ErrorDetails) -> str:
    """One setting that is not allowed, with what it holds and why not."""
    variable = variable_of(".".join(map(str, item["loc"])))
    unknown = f" {successor(variable, Settings)}." if item["type"] == "extra_forbidden" else ""
    return f"{variable} = {_shown(item)}: {item['msg']}{unknown}"


def _shown(item: ErrorDetails) -> str:
    """What a setting holds, unless that is a secret."""
    return "…" if str(item["loc"][-1]).endswith(_SECRETS) else repr(item["input"])
