"""Where everything lives under the data folder. Nothing else in the code joins these names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder of one installation."""

    root: Path

    @property
    def snapshots(self) -> Path:
        """Validated tables, one folder a snapshot, and the file `current` that names the newest."""
        return self.root / "snapshots"

    @property
    def events(self) -> Path:
        """Events taken from the stream, one Parquet file a batch, named by first and last stream id."""
        return self.root / "events"

    @property
    def embeddings(self) -> Path:
        """The vector store, one folder a model."""
        return self.root / "embeddings"

    @property
    def artifacts(self) -> Path:
        """Finished artifacts, each in a folder `<kind>-<id>`."""
        return self.root / "artifacts"

    @property
    def retired_artifacts(self) -> Path:
        """Artifacts of versions that called them parts: read, and collected, but never written."""
        return self.root / "parts"

    @property
    def staging(self) -> Path:
        """Artifacts being written. Whatever is here when no run is active is left over and may be deleted."""
        return self.root / "staging"

    @property
    def cache_salt(self) -> Path:
        """A text that sets all artifacts apart from those made before it was written; absent at first."""
        return self.root / "epoch"

    @property
    def lock(self) -> Path:
        """Held by whatever runs; empty."""
        return self.root / "nightly.lock"

    @property
    def lease(self) -> Path:
        """Name of the run that keeps the data folder between its steps; touched while a step works."""
        return self.root / "run.json"

    @property
    def last_run(self) -> Path:
        """What each step of the last run did, one file a step."""
        return self.root / "last-run"

    @property
    def mirrors(self) -> Path:
        """A copy of the tables of a database, and how far it goes. Without it, everything is read once more."""
        return self.root / "mirrors"

    @property
    def generations(self) -> Path:
        """One manifest a generation, and the file `current`: a copy of the pointer for when Redis is away."""
        return self.root / "generations"

    @property
    def reports(self) -> Path:
        """How good each generation is, as a page and as JSON, one folder a generation."""
        return self.root / "reports"

    def report(self, generation_id: str, scope: Literal["night", "full"]) -> Path:
        """The page on a generation: what its night measured, or an evaluation with every baseline."""
        return self.reports / generation_id / f"{scope}.html"

    def best_report(self, generation_id: str) -> Path | None:
        """The fullest page there is on a generation; its JSON lies beside it."""
        pages = (self.report(generation_id, "full"), self.report(generation_id, "night"))
        return next((page for page in pages if page.is_file()), None)

    @property
    def tuned(self) -> Path:
        """The settings that a search found and the record of that search; absent before the first one."""
        return self.root / "tuned.json"

    @property
    def valkey(self) -> Path:
        """The embedded server's data, socket and log."""
        return self.root / "valkey"


def write_durably(path: Path, content: bytes) -> None:
    """Replace `path` by `content` so that a reader sees the old or the new bytes, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Make renames inside `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
