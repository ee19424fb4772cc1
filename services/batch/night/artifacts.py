"""What a night makes of a snapshot, artifact by artifact: each is built from the snapshot and the settings alone, or reused.

An artifact's id is a hash of exactly what shapes it. So the id of every artifact of a night is known without building one, and
the steps of a night, which may be processes of their own, agree on them by snapshot and settings alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.batch.content.catalog import build_catalog
from services.batch.content.embed import Embedded, Embedder, embed_books, open_embedder
from services.batch.evaluate.nightly_evaluation import build_evaluation
from services.batch.models.collaborative import build_collaborative, build_without_withdrawn, names_withdrawn
from services.batch.models.factors import build_factors
from services.batch.models.popularity import build_popularity
from services.batch.pipeline.train_reranker import build_reranker
from services.batch.runtime.artifact_builder import Metadata, artifact_id, build_artifact, read_cache_salt
from shared.artifacts.generation import (
    AnyArtifactKind,
    ArtifactKind,
    artifact_folder,
    content_id,
    read_artifact,
    verify_artifact,
)
from shared.errors import ArtifactError

if TYPE_CHECKING:
    from services.batch.ingest.interactions import Interactions
    from services.batch.ingest.snapshot import Snapshot
    from services.batch.runtime.progress import Progress
    from shared.layout import DataFolder
    from shared.settings import Settings

# Raise an artifact's number when the same inputs should give different files than before.
BUILD_VERSIONS: dict[AnyArtifactKind, int] = {
    "catalog": 1,
    "content": 2,
    "collaborative": 2,
    "popularity": 1,
    "factors": 2,
    "evaluation": 3,
    "reranker": 1,
}


class ArtifactBuilder:
    """The artifacts of one snapshot under one choice of settings.

    Args:
        folder: the data folder.
        snapshot: what they are made from.
        settings: what shapes them.
        progress: told how far each is.
    """

    def __init__(self, folder: DataFolder, snapshot: Snapshot, settings: Settings, progress: Progress) -> None:
        self._folder, self.snapshot, self._settings, self._progress = folder, snapshot, settings, progress
        self._threads = settings.batch.threads
        self._cache_salt = read_cache_salt(folder)
        self._embedded: Embedded | None = None
        self._whole: set[tuple[AnyArtifactKind, str]] = set()
        self.built: list[AnyArtifactKind] = []

    @property
    def n_embedded(self) -> int:
        """Books embedded in this run."""
        return self._embedded.n_embedded if self._embedded else 0

    @property
    def n_reused_vectors(self) -> int:
        """Active books whose vector was there."""
        return self.snapshot.manifest.counts.active_books - self.n_embedded

    # Which artifacts

    def ids(self) -> dict[ArtifactKind, str]:
        """The artifacts of a generation."""
        ids: dict[ArtifactKind, str] = {
            "catalog": self.catalog_id,
            "content": self.content_id,
            "collaborative": self.collaborative_id,
            "popularity": self.popularity_id,
        }
        return ids | ({"reranker": self.reranker_id} if self._settings.reranker.enabled else {})

    @cached_property
    def catalog_id(self) -> str:
        """Of the books."""
        return self._id("catalog", books=self._files["books"])

    @cached_property
    def content_id(self) -> str:
        """Of the books, the model and the settings of the index."""
        settings = self._settings.content.model_dump(mode="json")
        return self._id("content", books=self._files["books"], model=self._embedder.model_key, settings=settings)

    @cached_property
    def popularity_id(self) -> str:
        """Of the books, the interactions and the clusters."""
        return self._id("popularity", **self._files, clusters=self.content_id, kinds=self._kinds)

    @cached_property
    def factors_id(self) -> str:
        """Of the interactions; new books alone leave the factors as they are."""
        settings = self._settings.collaborative.model_dump(mode="json", exclude={"list_length"})
        return self._id(
            "factors",
            interactions=self._files["interactions"],
            settings=settings,
            item_transitions=self._item_transitions,
            kinds=self._kinds,
        )

    @cached_property
    def collaborative_id(self) -> str:
        """Of the interactions and of which books were withdrawn: those must leave the lists."""
        return self._id(
            "collaborative",
            interactions=self._files["interactions"],
            withdrawn=self._withdrawn,
            settings=self._settings.collaborative.model_dump(mode="json"),
            item_transitions=self._item_transitions,
            kinds=self._kinds,
        )

    @cached_property
    def reranker_id(self) -> str:
        """Of everything that shapes a blended list, and of the evaluation: what it did not measure is not served."""
        return self._id("reranker", **self._whole_pipeline, evaluation=self.evaluation_id)

    @cached_property
    def evaluation_id(self) -> str:
        """Of everything that shapes an answer."""
        source = self.snapshot.manifest.source.name
        chosen = self._settings.evaluation.model_dump(mode="json")
        return self._id("evaluation", **self._whole_pipeline, source=source, evaluation=chosen)

    @property
    def _whole_pipeline(self) -> dict[str, object]:
        settings = self._settings.model_dump(mode="json", include={"collaborative", "item_transitions", "blend"})
        if self._settings.reranker.enabled:
            settings["reranker"] = self._settings.reranker.model_dump(mode="json")
        kinds = self._kinds | {"max_recent": self._settings.user_state.max_recent}
        return {**self._files, "content": self.content_id, "settings": settings, "kinds": kinds}

    # Making them

    def embed(self) -> None:
        """Bring the vector store up to date, unless the content artifact is there and needs no vector."""
        if not self._is_whole("content", self.content_id):
            self._embed()

    def factors(self) -> str | None:
        """Factor the interactions; `None` where the collaborative artifact is there and needs no factors."""
        if self._is_whole("collaborative", self.collaborative_id):
            return None
        return self._build(
            "factors",
            self.factors_id,
            lambda path: build_factors(
                path,
                self._interactions,
                len(self._books),
                self._settings.collaborative,
                self._settings.item_transitions,
                self._settings.user_state,
                threads=self._threads,
                progress=self._progress,
            ),
        )

    def collaborative(self) -> str:
        """List the best books of every user."""
        if (factors := self.factors()) is not None:
            self._build(
                "collaborative",
                self.collaborative_id,
                lambda path: build_collaborative(
                    path,
                    artifact_folder(self._folder, "factors", factors),
                    self._active,
                    list_length=self._settings.collaborative.list_length,
                    threads=self._threads,
                    progress=self._progress,
                ),
            )
        return self.collaborative_id

    def kept_collaborative(self, served: str) -> str:
        """The collaborative artifact that is served, without the books withdrawn since."""
        artifact = artifact_folder(self._folder, "collaborative", served)
        if not names_withdrawn(artifact, self._active):
            return served
        return self._build(
            "collaborative",
            self._id("collaborative", of=served, withdrawn=self._withdrawn),
            lambda path: build_without_withdrawn(path, artifact, self._active),
        )

    def index(self) -> None:
        """Everything made of the books themselves, and of how popular they are."""
        self.catalog()
        self.content()
        self.popularity()

    def catalog(self) -> str:
        """The books as they are shown and found."""
        return self._build("catalog", self.catalog_id, lambda path: build_catalog(path, self._books))

    def content(self) -> str:
        """Index, clusters and map of the descriptions."""

        def make(path: Path) -> Metadata:
            # scikit-learn takes a second to import, and most steps, each a process of its own, do without it.
            from services.batch.content.index import build_content  # noqa: PLC0415

            vectors, content = self._embed().vectors, self._settings.content
            return build_content(path, vectors, self._books, content, threads=self._threads, progress=self._progress)

        return self._build("content", self.content_id, make)

    def popularity(self) -> str:
        """Counts, averages and popular lists."""

        def make(path: Path) -> Metadata:
            cluster_of = np.load(artifact_folder(self._folder, "content", self.content()) / "cluster_of.npy")
            return build_popularity(path, self._books, self._interactions, cluster_of, self._settings.user_state)

        return self._build("popularity", self.popularity_id, make)

    def reranker(self) -> str | None:
        """What puts blended lists into order, if the evaluation finds that good; `None` where that is off."""
        if not self._settings.reranker.enabled:
            return None
        evaluation = artifact_folder(self._folder, "evaluation", self.evaluation())

        def make(path: Path) -> Metadata:
            if not read_artifact(evaluation).metadata["ranked"]:
                return {"learned": False}
            content = artifact_folder(self._folder, "content", self.content())
            return build_reranker(
                path,
                self._books,
                self._interactions,
                content,
                self._settings,
                threads=self._threads,
                progress=self._progress,
            )

        return self._build("reranker", self.reranker_id, make)

    def evaluation(self) -> str:
        """How well the same settings do on the newest interactions of this snapshot when they do not know them."""
        return self._build(
            "evaluation",
            self.evaluation_id,
            lambda path: build_evaluation(
                path,
                self._books,
                self._interactions,
                self.snapshot.manifest.source.name,
                artifact_folder(self._folder, "content", self.content()),
                self._settings,
                threads=self._threads,
                progress=self._progress,
            ),
        )

    def measured(self) -> str:
        """Everything that an answer is shaped by but the lists of users, and how well it does."""
        evaluation = self.evaluation()
        self.reranker()
        return evaluation

    # What they are made from

    @property
    def _files(self) -> dict[str, str]:
        return self.snapshot.manifest.files

    @cached_property
    def _books(self) -> pd.DataFrame:
        return self.snapshot.load_books()

    @property
    def _interactions(self) -> Interactions:
        return self.snapshot.interactions

    @cached_property
    def _active(self) -> NDArray[np.bool_]:
        active: NDArray[np.bool_] = self._books["active"].to_numpy(bool)
        return active

    @cached_property
    def _withdrawn(self) -> str:
        return content_id(np.flatnonzero(~self._active).tolist())

    @cached_property
    def _embedder(self) -> Embedder:
        return open_embedder(self._settings.embedder, threads=self._threads)

    @property
    def _item_transitions(self) -> dict[str, object]:
        return self._settings.item_transitions.model_dump(mode="json")

    @cached_property
    def _kinds(self) -> dict[str, object]:
        names = {"seen_kinds", "positive_kinds", "positive_rating"}
        kinds = self._settings.user_state.model_dump(mode="json", include=names)
        return {name: sorted(value) if isinstance(value, list) else value for name, value in kinds.items()}

    def _id(self, kind: AnyArtifactKind, **inputs: object) -> str:
        cache_salt = {"cache_salt": self._cache_salt} if self._cache_salt else {}
        return artifact_id(kind, version=BUILD_VERSIONS[kind], **cache_salt, **inputs)

    def _embed(self) -> Embedded:
        if self._embedded is None:
            store = self._folder.embeddings / self._cache_salt if self._cache_salt else self._folder.embeddings
            self._embedded = embed_books(self._books, store, self._embedder, self._progress)
        return self._embedded

    def _is_whole(self, kind: AnyArtifactKind, identity: str) -> bool:
        """Whether the artifact is there and holds against its checksums."""
        if (kind, identity) not in self._whole:
            path = artifact_folder(self._folder, kind, identity)
            try:
                verify_artifact(path)
            except ArtifactError:
                return False
            self._whole.add((kind, identity))
        return True

    def _build(self, kind: AnyArtifactKind, identity: str, make: Callable[[Path], Metadata]) -> str:
        if (kind, identity) not in self._whole:
            _, is_new = build_artifact(self._folder, kind, identity, make)
            self._whole.add((kind, identity))
            if is_new:
                self.built.append(kind)
        return identity
