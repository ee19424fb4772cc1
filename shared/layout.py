"""Paths under the data folder. No other module joins these names."""

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
        """Validated tables, one folder per snapshot, and `current`, which names the newest."""
        return self.root / "snapshots"

    @property
    def events(self) -> Path:
        """Events taken from the stream, one Parquet file per batch, named by first and last stream id."""
        return self.root / "events"

    @property
    def embeddings(self) -> Path:
        """The vector store, one folder per model."""
        return self.root / "embeddings"

    @property
    def artifacts(self) -> Path:
        """Finished artifacts, each in a folder `<kind>-<id>`."""
        return self.root / "artifacts"

    @property
    def retired_artifacts(self) -> Path:
        """Artifacts of earlier versions ("parts"): read and collected, never written."""
        return self.root / "parts"

    @property
    def staging(self) -> Path:
        """Artifacts being written. All may be deleted while no run is active."""
        return self.root / "staging"

    @property
    def cache_salt(self) -> Path:
        """Text that is part of every artifact id, so that a rebuild reuses nothing; absent at first."""
        return self.root / "epoch"

    @property
    def lock(self) -> Path:
        """The empty lock file of the process that uses the data folder."""
        return self.root / "nightly.lock"

    @property
    def lease(self) -> Path:
        """The run that owns the data folder between its steps, and the time of its last heartbeat."""
        return self.root / "run.json"

    @property
    def last_run(self) -> Path:
        """The record of each step of the last run, one file a step."""
        return self.root / "last-run"

    @property
    def mirrors(self) -> Path:
        """Copies of database tables and their positions. Without them, the next ingest reads it all."""
        return self.root / "mirrors"

    @property
    def generations(self) -> Path:
        """One manifest per generation, and `current`: a copy of the pointer for use without Redis."""
        return self.root / "generations"

    @property
    def reports(self) -> Path:
        """The report of each generation as a page and as JSON, one folder each."""
        return self.root / "reports"

    def report(self, generation_id: str, scope: Literal["night", "full"]) -> Path:
        """The report page of a generation: of its night, or of an evaluation with every baseline."""
        return self.reports / generation_id / f"{scope}.html"

    def best_report(self, generation_id: str) -> Path | None:
        """The full report of a generation, else that of its night, else `None`. Its JSON is beside it."""
        pages = (self.report(generation_id, "full"), self.report(generation_id, "night"))
        return next((page for page in pages if page.is_file()), None)

    @property
    def tuned(self) -> Path:
        """The settings that the last search found, and its record; absent before the first search."""
        return self.root / "tuned.json"

    @property
    def valkey(self) -> Path:
        """The embedded server's data, socket and log."""
        return self.root / "valkey"


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file atomically: readers see the old or the new bytes, also after a power cut."""
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
