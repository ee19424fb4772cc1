"""The record of each step of the last run. Steps write it; the API reads it.

One file per step, so that parallel steps do not wait for each other. A record stays until the same step runs again. The
last run is the run whose step started last.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.layout import DataFolder, write_durably

Fact = str | int | float | bool | None


class StepRecord(BaseModel):
    """One step of a run.

    `seconds` and `error` are set when the step ends. A killed step stays `running`.
    """

    model_config = ConfigDict(frozen=True)
    run: str
    step: str
    status: Literal["running", "done", "failed"]
    began_at: datetime
    seconds: float | None = None
    error: str | None = None
    facts: dict[str, Fact] = {}


def write_record(folder: DataFolder, record: StepRecord) -> None:
    """Write the record of a step. Replaces its previous one."""
    name = record.step.replace(" ", "-")
    write_durably(folder.last_run / f"{name}.json", record.model_dump_json(indent=2).encode())


def read_last_run(folder: DataFolder) -> list[StepRecord]:
    """The steps of the last run in start order; empty before the first run. Skips unreadable files."""
    records = []
    for path in folder.last_run.glob("*.json"):
        try:
            records.append(StepRecord.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError):
            continue
    records.sort(key=lambda record: record.began_at)
    return [record for record in records if record.run == records[-1].run]
