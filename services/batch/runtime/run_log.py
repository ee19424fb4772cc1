"""Keeps account of a step while it runs, for whoever looks at the page: that it began, and how it ended."""

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
    """Write down that this step of this run began, and how it ended; put what is worth telling into what this yields.

    An account that cannot be written is no reason to stop a run.
    """
    facts: dict[str, Fact] = {}
    account = StepRecord(run=run, step=step, status="running", began_at=datetime.now(UTC))
    started = time.perf_counter()

    def tell(status: str, error: str | None = None) -> None:
        ended = {"status": status, "error": error, "facts": facts, "seconds": round(time.perf_counter() - started, 3)}
        _write(folder, account.model_copy(update=ended))

    _write(folder, account)
    try:
        yield facts
    except BaseException as error:
        tell("failed", error.what if isinstance(error, NightshelfError) else f"{type(error).__name__}: {error}")
        raise
    tell("done")


def _write(folder: DataFolder, account: StepRecord) -> None:
    try:
        write_record(folder, account)
    except OSError as error:
        get_logger().warning("account.not_written", step=account.step, error=str(error))
