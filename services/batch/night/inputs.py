"""The inputs of artifacts: the tables of a snapshot, the settings, and the vectors of its books."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.batch.content.embed import Embedded, embed_books
from services.batch.content.embedder import Embedder, open_embedder
from services.batch.ingest.interactions import Interactions
from services.batch.ingest.snapshot import Snapshot
from services.batch.runtime.artifact_builder import read_cache_salt
from services.batch.runtime.context import RunContext
from shared.artifacts.generation import content_id


class NightInputs:
    """The inputs of a night, loaded lazily and once.

    Args:
        context: of the run.
        snapshot: the data of the night.
    """

    def __init__(self, context: RunContext, snapshot: Snapshot) -> None:
        self.context, self.snapshot = context, snapshot
        self.cache_salt = read_cache_salt(context.folder)

    def value(self, name: str) -> object:
        """The value of this input in the id of an artifact: a hash of data, or the settings themselves."""
        return _VALUES[name](self)

    @property
    def source(self) -> str:
        """The name of the source."""
        return self.snapshot.manifest.source.name

    @cached_property
    def books(self) -> pd.DataFrame:
        """The snapshot's books; row i is item index i."""
        return self.snapshot.load_books()

    @property
    def interactions(self) -> Interactions:
        """The snapshot's interactions, oldest first."""
        return self.snapshot.interactions

    @cached_property
    def active(self) -> NDArray[np.bool_]:
        """bool, (n_books,): whether the source still has the book."""
        active: NDArray[np.bool_] = self.books["active"].to_numpy(bool)
        return active

    @cached_property
    def withdrawn(self) -> str:
        """A hash of the books that the source no longer has."""
        return content_id(np.flatnonzero(~self.active).tolist())

    @cached_property
    def embedder(self) -> Embedder:
        """The embedding model."""
        return open_embedder(self.context.settings.embedder, threads=self.context.threads)

    @cached_property
    def embedded(self) -> Embedded:
        """The vectors of all books; missing ones are embedded now."""
        store = self.context.folder.embeddings
        store = store / self.cache_salt if self.cache_salt else store
        return embed_books(self.books, store, self.embedder, self.context.progress)

    @property
    def n_embedded(self) -> int:
        """Books embedded so far in this run."""
        return self.embedded.n_embedded if "embedded" in self.__dict__ else 0

    @property
    def n_reused_vectors(self) -> int:
        """Active books whose vector was in the store."""
        return self.snapshot.manifest.counts.active_books - self.n_embedded


def _section(name: str, exclude: set[str] | None = None) -> Callable[[NightInputs], object]:
    return lambda night: getattr(night.context.settings, name).model_dump(mode="json", exclude=exclude)


def _feedback(night: NightInputs) -> dict[str, object]:
    """The rules for seen and positive interactions."""
    names = {"seen_kinds", "positive_kinds", "positive_rating"}
    rules = night.context.settings.user_state.model_dump(mode="json", include=names)
    return {name: sorted(value) if isinstance(value, list) else value for name, value in rules.items()}


def _reranker(night: NightInputs) -> object:
    settings = night.context.settings.reranker
    return settings.model_dump(mode="json") if settings.enabled else None


_VALUES: dict[str, Callable[[NightInputs], object]] = {
    "books": lambda night: night.snapshot.manifest.files["books"],
    "interactions": lambda night: night.snapshot.manifest.files["interactions"],
    "source": lambda night: night.source,
    "order": lambda night: night.snapshot.manifest.source.order,
    "withdrawn": lambda night: night.withdrawn,
    "embedding_model": lambda night: night.embedder.model_key,
    "feedback": _feedback,
    "settings.max_recent": lambda night: night.context.settings.user_state.max_recent,
    "settings.factors": _section("collaborative", exclude={"list_length"}),
    "settings.reranker": _reranker,
    **{f"settings.{name}": _section(name) for name in ("blend", "collaborative", "content", "evaluation")},
    "settings.item_transitions": _section("item_transitions"),
}
