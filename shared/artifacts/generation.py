"""Artifacts and generations: what a night publishes and the API serves.

An *artifact* is an immutable folder `<kind>-<id>` with its files and `artifact.json` (sizes, SHA-256), written last. A
*generation* is a small manifest that names one artifact of each kind. This module reads and verifies them;
`services.batch.publish` writes them. Formats of earlier versions are read too (`shared.deprecated`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from shared.artifacts.catalog import Catalog, open_same_series_author
from shared.artifacts.content import ContentNeighbors
from shared.artifacts.item_transitions import open_item_transitions, open_trending
from shared.artifacts.popularity import Popularity
from shared.deprecated import artifact_now, artifact_then, existing_file, generation_now
from shared.errors import ArtifactError
from shared.layout import DataFolder
from shared.recommend.candidates import CandidateGenerator
from shared.recommend.fold_in import FoldIn
from shared.recommend.neighbor_table import Candidates, NeighborTable
from shared.recommend.reranker import Reranker
from shared.settings import BlendSettings

ArtifactKind = Literal["catalog", "content", "collaborative", "popularity", "reranker"]
ARTIFACT_KINDS: tuple[ArtifactKind, ...] = get_args(ArtifactKind)
AnyArtifactKind = Literal[ArtifactKind, "factors", "evaluation"]  # the last two belong to the batch half only
OPTIONAL_ARTIFACTS: frozenset[ArtifactKind] = frozenset({"reranker"})
ARTIFACT_FORMAT = 1


class FileInfo(BaseModel):
    """Size in bytes and SHA-256 of one file of an artifact."""

    model_config = ConfigDict(frozen=True)
    n_bytes: int
    sha256: str


class ArtifactManifest(BaseModel):
    """`artifact.json`: the kind, id and files of an artifact."""

    model_config = ConfigDict(frozen=True)
    kind: AnyArtifactKind
    id: str
    format: int = ARTIFACT_FORMAT
    files: dict[str, FileInfo]
    metadata: dict[str, str | int | float | bool | None] = {}

    @model_validator(mode="before")
    @classmethod
    def _under_names_of_today(cls, raw: object) -> object:
        return artifact_now(raw) if isinstance(raw, dict) else raw


class GateVerdict(BaseModel):
    """The quality gate's verdict on a generation, compared with the one then served.

    `value` and `served_value` are means of `metric` over users; `low` and `high` bound their difference (95 %). If data
    was lost, `metric` is `interactions`, `users` or `books`, and the values are counts. `compared` says in a sentence
    what was compared with what. `accepted_because` is the operator's reason to publish it despite the verdict.
    """

    model_config = ConfigDict(frozen=True)
    verdict: Literal["pass", "no-comparison", "worse", "off"]
    reason: str
    metric: str
    value: float | None = None
    served_value: float | None = None
    low: float | None = None
    high: float | None = None
    n_users: int = 0
    compared: str = ""
    accepted_because: str | None = None


class GenerationManifest(BaseModel):
    """A generation: one artifact of each kind, where the data came from, and how lists are blended.

    There is a reranker artifact only if the reranker is on.

    `source_id` is the identity that somebody gave to the source. `counts` has the numbers of books, users and
    interactions, and as `source_books`, `source_users` and `source_interactions` those without events.

    For information: `collaborative` and `item_transitions` are the settings of those models. `tuned` names the settings
    that a search found. `night` is the date of a scheduled run, `evaluation` the artifact with the metrics by user,
    and `gate` the verdict on them.
    """

    model_config = ConfigDict(frozen=True)
    id: str
    created_at: datetime
    artifacts: dict[ArtifactKind, str]
    snapshot: str
    source: str
    source_id: str | None = None
    simulated_readers: bool
    rating_scale: str
    counts: dict[str, int]
    blend: BlendSettings
    collaborative: dict[str, str | int | float | bool | None] | None = None
    item_transitions: dict[str, str | int | float | bool | None] | None = None
    tuned: list[str] = []
    night: str | None = None
    evaluation: str | None = None
    gate: GateVerdict | None = None

    @model_validator(mode="before")
    @classmethod
    def _under_names_of_today(cls, raw: object) -> object:
        return generation_now(raw) if isinstance(raw, dict) else raw

    @field_validator("blend", mode="before")
    @classmethod
    def _as_it_was_measured(cls, blend: object) -> object:
        """A weight that an older manifest lacks is 0."""
        return {"few_books_trending_weight": 0.0} | blend if isinstance(blend, dict) else blend


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def artifact_folder(folder: DataFolder, kind: AnyArtifactKind, artifact_id: str) -> Path:
    """The folder of a finished artifact, under its current or its retired name."""
    path = folder.artifacts / f"{kind}-{artifact_id}"
    retired = folder.retired_artifacts / artifact_then(path.name)
    return retired if retired.is_dir() and not path.exists() else path


def verify_artifact(path: Path) -> ArtifactManifest:
    """Read `artifact.json` and check the size and checksum of every file.

    Raises:
        ArtifactError: the artifact is absent, incomplete or damaged; names the file.
    """
    try:
        manifest = ArtifactManifest.model_validate_json(existing_file(path, "artifact.json").read_bytes())
    except FileNotFoundError as error:
        raise ArtifactError(f"The artifact {path.name} has no artifact.json.", where=str(path)) from error
    except ValidationError as error:
        raise ArtifactError(f"The artifact.json of {path.name} is not readable: {error}.", where=str(path)) from error
    if manifest.format != ARTIFACT_FORMAT:
        raise ArtifactError(f"{path.name} has format {manifest.format}; this code reads {ARTIFACT_FORMAT}.")
    for name, fact in manifest.files.items():
        file = path / name
        if not file.is_file() or file.stat().st_size != fact.n_bytes:
            raise ArtifactError(f"{name} of {path.name} is missing or cut short.", where=str(file))
        if sha256_of(file) != fact.sha256:
            raise ArtifactError(f"{name} of {path.name} does not match its recorded checksum.", where=str(file))
    return manifest


def read_artifact(path: Path) -> ArtifactManifest:
    """The manifest of a verified artifact."""
    return ArtifactManifest.model_validate_json(existing_file(path, "artifact.json").read_bytes())


def read_manifest(folder: DataFolder, generation_id: str) -> GenerationManifest:
    """The manifest of a generation.

    Raises:
        ArtifactError: there is none of this id, or it is not readable.
    """
    path = folder.generations / f"{generation_id}.json"
    try:
        return GenerationManifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise ArtifactError(f"There is no generation {generation_id!r}.", where=str(folder.generations)) from error
    except ValidationError as error:
        raise ArtifactError(f"The manifest of {generation_id} is not readable: {error}.", where=str(path)) from error


def read_pointer_file(folder: DataFolder) -> str | None:
    """The published generation's id on disk, for use without Redis."""
    path = folder.generations / "current"
    return path.read_text().strip() or None if path.exists() else None


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation opened for serving: everything a request needs besides Redis.

    The collaborative artifact (`item_transitions` and `fold_in`) and the reranker may be older than the catalogue, and
    then cover fewer books.
    """

    manifest: GenerationManifest
    catalog: Catalog
    content: ContentNeighbors
    popularity: Popularity
    item_transitions: NeighborTable
    same_series_author: NeighborTable
    trending: Candidates
    fold_in: FoldIn
    reranker: Reranker | None = None

    @property
    def id(self) -> str:
        """The generation's id."""
        return self.manifest.id

    @property
    def candidate_generator(self) -> CandidateGenerator:
        """The generator of the other candidate lists."""
        return CandidateGenerator(
            self.content, self.item_transitions, self.same_series_author, self.trending, self.manifest.blend
        )

    @property
    def collaborative_id(self) -> str:
        """The id that scopes this generation's per-user lists in Redis."""
        return self.manifest.artifacts["collaborative"]


def open_generation(folder: DataFolder, generation_id: str, *, previous: Generation | None = None) -> Generation:
    """Open a published or staged generation and check every file.

    Artifacts that `previous` has open are reused with their caches.

    Raises:
        ArtifactError: an artifact is missing, damaged, or does not fit the others.
    """
    manifest = read_manifest(folder, generation_id)
    missing = [kind for kind in ARTIFACT_KINDS if kind not in {*manifest.artifacts, *OPTIONAL_ARTIFACTS}]
    if missing:
        raise ArtifactError(f"Generation {generation_id} names no {' and no '.join(missing)} artifact.")
    paths = {kind: artifact_folder(folder, kind, artifact) for kind, artifact in manifest.artifacts.items()}
    opened = {
        kind
        for kind, artifact in manifest.artifacts.items()
        if previous and previous.manifest.artifacts.get(kind) == artifact
    }
    metadata = {kind: verify_artifact(path).metadata for kind, path in paths.items() if kind not in opened}
    catalog = previous.catalog if previous and "catalog" in opened else Catalog.open(paths["catalog"])
    if previous and {"catalog", "content"} <= opened:
        content = previous.content
    else:
        content = ContentNeighbors.open(paths["content"], catalog.work_id)
    same_series_author = (
        previous.same_series_author
        if previous and "catalog" in opened
        else open_same_series_author(paths["catalog"], catalog)
    )
    popularity = previous.popularity if previous and "popularity" in opened else Popularity.open(paths["popularity"])
    if previous and "collaborative" in opened:
        item_transitions, trending, fold_in = previous.item_transitions, previous.trending, previous.fold_in
    else:
        item_transitions, trending = (
            open_item_transitions(paths["collaborative"]),
            open_trending(paths["collaborative"]),
        )
        fold_in = FoldIn.open(paths["collaborative"], metadata["collaborative"])
    reranker = previous.reranker if previous and "reranker" in opened else None
    if "reranker" in metadata:
        reranker = Reranker.open(paths["reranker"], metadata["reranker"])
    generation = Generation(
        manifest, catalog, content, popularity, item_transitions, same_series_author, trending, fold_in, reranker
    )
    _require_fitting(generation)
    return generation


def _require_fitting(generation: Generation) -> None:
    catalog, reranker = generation.catalog, generation.reranker
    for name, n_rows, exact in (
        ("content neighbors", generation.content.n_books, True),
        ("ratings", generation.popularity.n_books, True),
        ("item factors", generation.fold_in.n_books, False),
        ("item_transitions", generation.item_transitions.n_books, False),
        ("the reranker", 0 if reranker is None else reranker.books.n_books, False),
    ):
        if n_rows > catalog.n_books or (exact and n_rows != catalog.n_books):
            raise ArtifactError(
                f"Generation {generation.id} has {n_rows} rows of {name} for {catalog.n_books} books.",
                hint="Run `nightshelf nightly` again; it rebuilds what does not fit.",
            )


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys: the same bytes for the same content. Ids are hashes of it."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def content_id(value: object) -> str:
    """A 16-digit id of any JSON-able value: the same content has the same id."""
    return hashlib.sha256(canonical_json(value)).hexdigest()[:16]
