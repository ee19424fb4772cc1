"""What each step of the last run did: written by the steps themselves, read by the API for the page.

One file a step, so that steps beside each other do not wait for one another. Files of an earlier run stay until the
same step runs again; the last run is the one whose step began last.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.layout import DataFolder, write_durably

Fact = str | int | float | bool | None


class StepRecord(BaseModel):
    """One step of a run.

    `seconds` and `error` are known when it has ended. A step that was killed says `running` for ever.
    """

    model_config = ConfigDict(frozen=True)
    run: str
    step: str
    status: Literal["running", "done", "failed"]
    began_at: datetime
    seconds: float | None = None
    error: str | None = None
    facts: dict[str, Fact] = {}


def write_record(folder: DataFolder, account: StepRecord) -> None:
    """Keep what a step says of itself, instead of what it said before."""
    name = account.step.replace(" ", "-")
    write_durably(folder.last_run / f"{name}.json", account.model_dump_json(indent=2).encode())


def read_last_run(folder: DataFolder) -> list[StepRecord]:
    """The steps of the last run in the order they began; empty before the first. What cannot be read is left out."""
    accounts = []
    for path in folder.last_run.glob("*.json"):
        try:
            accounts.append(StepRecord.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError):
            continue
    accounts.sort(key=lambda account: account.began_at)
    return [account for account in accounts if account.run == accounts[-1].run]
