"""All settings, frozen, read once by `load_settings`. Nothing reads the environment at import.

Each may be set as `NIGHTSHELF_<NAME>`; a nested one as `NIGHTSHELF_<GROUP>__<NAME>`, for instance
`NIGHTSHELF_COLLABORATIVE__RANK=128`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.environment import PREFIX, problem_of, refuse_unknown_variables, refuse_unreadable_variables
from shared.errors import NightshelfError

InteractionKind = Literal["view", "click", "rating", "read", "purchase", "dismiss"]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s,:\[\]]+):[0-9]{1,5}")
_TOPIC = r"^[A-Za-z0-9._-]{1,249}$"


class Group(BaseModel):
    """A frozen group of settings that refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RedisSettings(Group):
    """Timeouts for Redis. The request path uses short ones; batch runs use `batch_timeout_seconds`."""

    timeout_seconds: float = Field(0.5, gt=0, description="seconds for one read or write on the request path")
    connect_timeout_seconds: float = Field(0.5, gt=0, description="seconds for one attempt to connect")
    batch_timeout_seconds: float = Field(30.0, gt=0, description="seconds for one read or write of a batch run")
    retry_after_seconds: float = Field(
        0.5, gt=0, description="seconds after a failure before the API tries Redis again"
    )


class UserStateSettings(Group):
    """What Redis keeps for each user, and how the kinds of interaction count."""

    max_seen: int = Field(20_000, ge=100, description="most books in one user's seen set; runs keep the newest")
    max_recent: int = Field(100, ge=1, le=1000, description="most books in one user's list of recent books")
    max_viewed: int = Field(50, ge=1, le=1000, description="most books in one user's list of viewed books")
    seen_kinds: frozenset[InteractionKind] = Field(
        frozenset({"rating", "read", "purchase", "dismiss"}),
        description="kinds after which a book is not recommended again",
    )
    positive_kinds: frozenset[InteractionKind] = Field(
        frozenset({"rating", "read", "purchase"}), description="kinds that are positive, if also in seen_kinds"
    )
    positive_rating: float = Field(4.0, ge=1, le=5, description="lowest rating that is positive, on the scale 1-5")
    event_id_days: int = Field(7, ge=1, description="days for which Redis remembers an event_id, to count it once")

    @property
    def bounds(self) -> tuple[int, int, int]:
        """The most seen, recent and viewed books of a user."""
        return self.max_seen, self.max_recent, self.max_viewed


class ContentSettings(Group):
    """The index over the book descriptions, and the clusters."""

    exact_up_to: int = Field(50_000, ge=1, description="most books for which the index is exact (flat)")
    clusters: int | None = Field(None, ge=2, description="number of clusters; unset: sqrt(books / 2), from 4 to 60")
    seed: int = Field(7, description="random seed of the clusters and the index")


class CollaborativeSettings(Group):
    """The factor model. `docs/architecture.md` lists ranges that worked on real data."""

    algorithm: Literal["svd", "als"] = Field("svd", description="scaled SVD, or ALS (needs the extra `als`)")
    rank: int = Field(128, ge=2, le=4096, description="number of factors of each user and each book")
    user_exponent: Share = Field(0.3, description="a in D_u^-a A D_b^-b: dampens active users")
    book_exponent: Share = Field(0.3, description="b in D_u^-a A D_b^-b: dampens popular books")
    history_books: int = Field(60, ge=1, le=1000, description="newest liked books that make up a user's factors")
    history_decay: float = Field(0.82, gt=0, le=1, description="weight of a book relative to the book read after it")
    list_length: int = Field(100, ge=10, le=1000, description="books in each user's nightly list")
    seed: int = Field(7, description="random seed of the factor model")


class ItemTransitionSettings(Group):
    """What readers of a book read next. `services/batch/models/item_transitions.py` has the formula."""

    n_neighbors: int = Field(100, ge=10, le=1000, description="item transitions kept for each book")
    window: int = Field(100, ge=1, le=1000, description="largest distance of a pair, in books of a user's history")
    distance_exponent: float = Field(0.4, ge=0, le=3, description="e: how fast a pair's weight falls with distance")
    backward: Share = Field(0.0, description="weight of a pair from the later book to the earlier one")
    half_life: float | None = Field(
        0.1, gt=0, description="h: age at which a pair counts half, as a share of all likes; unset: age does not matter"
    )
    user_exponent: Share = Field(0.0, description="c: dampens users with many liked books")
    from_exponent: Share = Field(0.5, description="a: dampens popular books as starting points")
    to_exponent: Share = Field(0.2, description="b: dampens popular books as item transitions")
    trending_half_life: float = Field(
        0.01, gt=0, description="age at which a like counts half for trending books, as a share of all likes"
    )


class BlendSettings(Group):
    """The weights of the candidate lists, and how lists are made from recent books. Only ratios of weights matter."""

    collaborative_weight: float = Field(0.1, ge=0, description="weight of the collaborative list")
    content_weight: float = Field(0.05, ge=0, description="weight of the content list")
    item_transitions_weight: float = Field(0.47, ge=0, description="weight of the item transitions")
    same_series_author_weight: float = Field(0.28, ge=0, description="weight of the list of same series or author")
    trending_weight: float = Field(0.1, ge=0, description="weight of the trending books")
    cold_start_books: int = Field(
        2, ge=0, le=100, description="a user with at most this many recent books is a cold-start user"
    )
    cold_start_content_weight: float = Field(0.6, ge=0, description="weight of the content list for cold-start users")
    few_books_trending_weight: float = Field(
        0.9, ge=0, description="added to trending_weight for other users, divided by the number of recent books"
    )
    content_candidates: int = Field(100, ge=10, le=1000, description="most candidates from the content list")
    item_transitions_candidates: int = Field(100, ge=10, le=1000, description="most candidates from item transitions")
    recent_books: int = Field(10, ge=1, le=100, description="recent books that the content list is made from")
    recency_decay: float = Field(0.85, gt=0, le=1, description="weight of each recent book relative to the next newer")
    viewed_weight: Share = Field(0.7, description="weight of a viewed book in the content list; a recent one has 1")
    item_transitions_recent_books: int = Field(
        60, ge=1, le=100, description="recent books that the list of item transitions is made from"
    )
    item_transitions_decay: float = Field(
        0.95, gt=0, le=1, description="weight of a recent book relative to the book read after it"
    )
    same_series_author_candidates: int = Field(100, ge=10, le=1000, description="most candidates by series or author")
    same_series_author_recent_books: int = Field(
        30, ge=1, le=100, description="recent books that the list of same series or author is made from"
    )
    same_series_author_decay: float = Field(
        0.9, gt=0, le=1, description="weight of a recent book relative to the book read after it"
    )
    fold_in_share: Share = Field(
        0.25, description="share of the history's weight that new likes need before fold-in replaces the nightly list"
    )


class RerankerSettings(Group):
    """The optional reranker of the blend. Nightly runs and the API both need the extra `reranker`."""

    enabled: bool = Field(False, description="train a reranker each night; the API uses it if its generation has one")
    books: int = Field(100, ge=20, le=1000, description="first books of the blend that are reordered")
    windows: int = Field(6, ge=1, le=20, description="number of time windows to train on")
    window_share: float = Field(0.05, gt=0, le=0.5, description="share of all interactions in each window")
    max_users: int = Field(5_000, ge=1, description="most users to train on in each window")
    trees: int = Field(100, ge=1, le=2000, description="number of boosted trees")
    leaves: int = Field(15, ge=2, le=255, description="most leaves of each tree")
    learning_rate: float = Field(0.05, gt=0, le=1, description="learning rate of the boosted trees")
    seed: int = Field(7, description="random seed of the trees and of the samples of users")

    @model_validator(mode="after")
    def _leaves_a_past(self) -> RerankerSettings:
        if self.windows * self.window_share > 0.8:  # noqa: PLR2004  # a fifth is left to make the first lists of
            raise ValueError("windows times window_share is at most 0.8: something must come before the first")
        return self


class EvaluationSettings(Group):
    """The evaluation of each night: its data is split by time, or as its order allows."""

    test_share: float = Field(0.1, gt=0, lt=1, description="share of the interactions in the test part: the newest")
    max_users: int = Field(5_000, ge=1, description="most test users; more users give narrower intervals")
    min_users: int = Field(50, ge=2, description="fewest test users for the gate; a search needs twice as many")
    seed: int = Field(7, description="random seed of the samples of users and of the bootstrap intervals")


class GateSettings(Group):
    """The check that refuses to publish a generation that lost data or is worse than the served one."""

    enabled: bool = Field(True, description="false: a nightly run publishes its generation without this check")
    tolerance: Share = Field(0.05, description="largest allowed loss of NDCG@10, as a share of the served value")
    max_loss: Share = Field(0.3, description="largest allowed loss of interactions, users or books, as a share")


class ServeSettings(Group):
    """The API process."""

    poll_seconds: float = Field(1.0, gt=0, le=5, description="seconds between two checks for a new generation")
    faiss_threads: int = Field(1, ge=1, description="FAISS threads of each process")


class PageSettings(Group):
    """The web page that the API serves at `/`."""

    operator_key: SecretStr | None = Field(
        None, min_length=16, description="key to roll back from the page; unset: the page cannot roll back"
    )
    cover_urls: bool = Field(False, description="load cover images from the addresses in the catalogue, on any host")

    @field_validator("operator_key")
    @classmethod
    def _fits_in_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not (key.get_secret_value().isascii() and key.get_secret_value().isprintable()):
            raise ValueError("the operator key consists of ASCII letters, digits and signs")
        return key


class BatchSettings(Group):
    """Nightly runs and other batch commands."""

    threads: int | None = Field(None, ge=1, description="BLAS, FAISS and OpenMP threads; unset: all cores")
    collect_grace_hours: float = Field(48.0, ge=0, description="hours for which `collect` keeps every generation")
    lease_minutes: float = Field(
        60.0, gt=0, description="minutes without a heartbeat after which another run may take the data folder"
    )


class KafkaSettings(Group):
    """The optional consumer of events from Kafka. Keys and certificates are PEM files."""

    brokers: str | None = Field(None, description="host:port of each broker, joined by commas")
    topic: str = Field("nightshelf.events", pattern=_TOPIC, description="topic to read events from")
    group: str = Field("nightshelf", min_length=1, description="consumer group; its members share the partitions")
    dead_letter_topic: str | None = Field(None, pattern=_TOPIC, description="topic for refused events; unset: log only")
    batch_messages: int = Field(500, ge=1, le=10_000, description="most messages between two commits")
    session_timeout_seconds: float = Field(
        10.0, ge=1, description="seconds without a heartbeat after which a consumer loses its partitions"
    )
    progress_seconds: float = Field(30.0, gt=0, description="seconds between two progress logs")
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="protocol to the brokers: SSL encrypts, SASL needs a user name and a password"
    )
    ca_file: Path | None = Field(None, description="certificate authorities of the brokers; unset: the system's list")
    certificate_file: Path | None = Field(None, description="this client's certificate, for mutual TLS")
    key_file: Path | None = Field(None, description="private key of this client's certificate")
    key_password: SecretStr | None = Field(None, description="password of the private key, if it is encrypted")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="how the client proves its password, with SASL"
    )
    username: str | None = Field(None, description="user name, required with SASL")
    password: SecretStr | None = Field(None, description="password, required with SASL")

    @field_validator("brokers")
    @classmethod
    def _are_host_and_port(cls, brokers: str | None) -> str | None:
        if brokers is not None and not all(_BROKER.fullmatch(broker) for broker in brokers.split(",")):
            raise ValueError("brokers are HOST:PORT, several of them joined by commas")
        return brokers


class Settings(BaseSettings):
    """All settings. The variable of a setting in a group contains the name of the group."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore", env_ignore_empty=True
    )

    data_dir: Path = Field(Path("data"), description="folder of snapshots, artifacts, generations and events")
    redis_url: str | None = Field(None, description="redis://, rediss:// or unix://; unset: the embedded server")
    source: str | None = Field(None, description="folder that runs read books and ratings from by default, or `demo`")
    source_id: str | None = Field(
        None, max_length=200, description="identity of the source for the quality gate; unset: that in nightshelf.toml"
    )
    redis_prefix: str = Field("ns", pattern=r"^[A-Za-z0-9_.-]+$", description="start of every Redis key")
    embedder: str = Field("all-MiniLM-L6-v2", description="sentence-transformers model: a name or a folder")
    log_format: Literal["console", "json"] = Field("console", description="log lines as text, or as JSON objects")
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
    refuse_unreadable_variables(Settings)
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(problem_of(item, Settings) for item in error.errors())
        raise NightshelfError(f"A setting is not allowed: {problems}.", hint="Correct or unset it.") from error
