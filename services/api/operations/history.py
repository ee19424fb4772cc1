"""Published generations with the figures their nights measured, read from the data folder."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from services.api.schemas.operations import Figure, GenerationFacts
from shared.artifacts.generation import GenerationManifest, artifact_folder, read_manifest
from shared.deprecated import RECOMMENDERS, renamed
from shared.errors import ArtifactError
from shared.layout import DataFolder

_MAX_SHOWN = 30


def facts_of(folder: DataFolder, manifest: GenerationManifest, *, served: bool) -> GenerationFacts:
    """One generation as the page shows it."""
    return GenerationFacts(
        **manifest.model_dump(include={"id", "created_at", "night", "source", "simulated_readers", "counts"}),
        served=served,
        metrics=_metrics(folder, manifest),
        gate=manifest.gate,
    )


def published(folder: DataFolder, ids: Sequence[str], served: str | None) -> list[GenerationFacts]:
    """The newest of these generations, newest first, without unreadable ones. Reads many files."""
    found = []
    for generation in sorted(set(ids), reverse=True)[:_MAX_SHOWN]:
        try:
            found.append(facts_of(folder, read_manifest(folder, generation), served=generation == served))
        except ArtifactError:
            continue
    return found


def on_disk(folder: DataFolder) -> list[str]:
    """Ids of the generations in the data folder: the fallback without Redis."""
    return [path.stem for path in folder.generations.glob("*.json")]


def _metrics(folder: DataFolder, manifest: GenerationManifest) -> dict[str, dict[str, Figure]]:
    if manifest.evaluation is None:
        return {}
    path = artifact_folder(folder, "evaluation", manifest.evaluation) / "metrics.json"
    try:
        systems = orjson.loads(path.read_bytes())["systems"]
    except (OSError, orjson.JSONDecodeError, KeyError):
        return {}
    return {
        system: {name: Figure.model_validate(figure) for name, figure in figures.items()}
        for system, figures in renamed(systems, RECOMMENDERS).items()
    }
