"""Build functions of a night's artifacts, one per artifact, listed in `step_table`.

A build function writes its files into an empty folder and returns metadata. It imports its modules itself, for two
reasons. A step is a separate process and must not wait for libraries of other steps. The version of an artifact depends
on exactly these imports (`source_version`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.batch.night.inputs import NightInputs
    from services.batch.runtime.artifact_builder import Metadata
    from shared.artifacts.generation import AnyArtifactKind

    FolderOf = Callable[[AnyArtifactKind], Path]
    """The folder of another artifact of the same night, which is built first if missing."""
    Build = Callable[[NightInputs, FolderOf, Path], Metadata]


def catalog(night: NightInputs, _folder_of: FolderOf, path: Path) -> Metadata:
    """The books for display and search."""
    from services.batch.content.catalog import build_catalog

    return build_catalog(path, night.books)


def content(night: NightInputs, _folder_of: FolderOf, path: Path) -> Metadata:
    """Index, clusters and map of the descriptions."""
    from services.batch.content.index import build_content

    context = night.context
    return build_content(
        path,
        night.embedded.vectors,
        night.books,
        context.settings.content,
        threads=context.threads,
        progress=context.progress,
    )


def popularity(night: NightInputs, folder_of: FolderOf, path: Path) -> Metadata:
    """Counts, averages and popular lists."""
    import numpy as np

    from services.batch.models.popularity import build_popularity

    cluster_of = np.load(folder_of("content") / "cluster_of.npy")
    return build_popularity(path, night.books, night.interactions, cluster_of, night.context.settings.user_state)


def factors(night: NightInputs, _folder_of: FolderOf, path: Path) -> Metadata:
    """Factors, item transitions and trending books."""
    from services.batch.models.factors import build_factors

    return build_factors(path, night.interactions, len(night.books), night.context)


def collaborative(night: NightInputs, folder_of: FolderOf, path: Path) -> Metadata:
    """The best unseen books of every user."""
    from services.batch.models.collaborative import build_collaborative

    return build_collaborative(path, folder_of("factors"), night.active, night.context)


def evaluation(night: NightInputs, folder_of: FolderOf, path: Path) -> Metadata:
    """Metrics of the same settings on the newest interactions of the snapshot, which are held out from training."""
    from services.batch.evaluate.nightly_evaluation import build_evaluation

    return build_evaluation(path, night.books, night.interactions, night.source, folder_of("content"), night.context)


def reranker(night: NightInputs, folder_of: FolderOf, path: Path) -> Metadata:
    """The reranker of blended lists, if the evaluation shows no loss."""
    from services.batch.pipeline.train_reranker import build_reranker
    from shared.artifacts.generation import read_artifact

    if not read_artifact(folder_of("evaluation")).metadata["ranked"]:
        return {"learned": False}
    return build_reranker(path, night.books, night.interactions, folder_of("content"), night.context)
