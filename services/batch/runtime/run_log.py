"""Records the start and end of a step in the run log, which the page shows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from shared.errors import NightshelfError
from shared.layout import DataFolder
from shared.log import get_logger
from shared.run_log import Fact, StepRecord, write_record


@contextmanager
def run_log(folder: DataFolder, run: str, step: str) -> Iterator[dict[str, Fact]]:
    """Record the start and end of this step; yields a dictionary for facts to show.

    A failed write of the record does not stop the run.
    """
    facts: dict[str, Fact] = {}
    record = StepRecord(run=run, step=step, status="running", began_at=datetime.now(UTC))
    started = time.perf_counter()

    def end(status: str, error: str | None = None) -> None:
        ended = {"status": status, "error": error, "facts": facts, "seconds": round(time.perf_counter() - started, 3)}
        _write(folder, record.model_copy(update=ended))

    _write(folder, record)
    try:
        yield facts
    except BaseException as error:
        end("failed", error.what if isinstance(error, NightshelfError) else f"{type(error).__name__}: {error}")
        raise
    end("done")


def _write(folder: DataFolder, record: StepRecord) -> None:
    try:
        write_record(folder, record)
    except OSError as error:
        get_logger().warning("account.not_written", step=record.step, error=str(error))
