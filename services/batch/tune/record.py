"""`tuned.json`: the result of a search for better settings, and the tuned values for nights."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from services.batch.metrics.bootstrap import Interval
from shared.deprecated import tuning_now
from shared.errors import ArtifactError
from shared.layout import DataFolder, write_durably

Value: TypeAlias = int | float | str


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _under_names_of_today(cls, raw: object) -> object:
        return tuning_now(raw) if isinstance(raw, dict) else raw


class Trial(_Record):
    """One set of settings and its score.

    Attributes:
        settings: all searched settings by dotted name.
        value: mean NDCG@10 of the scored users.
        n_users: number of scored users.
        pruned: whether it stopped before all users were scored.
        seconds: duration of the trial.
    """

    settings: dict[str, Value]
    value: float
    n_users: int
    pruned: bool
    seconds: float


class TuningRecord(_Record):
    """The document.

    Attributes:
        source, snapshot: the data.
        minutes: the time budget; seed: of the search.
        n_training_interactions, n_validation_interactions, n_unseen_interactions: numbers of interactions that trials
            train on, are tested on, and do not load.
        n_search_users, n_check_users: test users of the trials, and of the check.
        left_out: settings not searched because they are explicit.
        present, found: the current settings, and those of the best trial.
        before, after: NDCG@10 of both on the users of the check; difference: paired by user.
        better: whether the whole interval of the difference is above 0.
        chosen: the tuned settings of later nights, by dotted name: `found` if it is better, else the earlier ones.
        trials: in order; the first has the current settings.
    """

    format: Literal[1] = 1
    created_at: datetime
    source: str
    snapshot: str
    minutes: float
    seed: int
    n_training_interactions: int
    n_validation_interactions: int
    n_unseen_interactions: int
    n_search_users: int
    n_check_users: int
    left_out: list[str]
    present: dict[str, Value]
    found: dict[str, Value]
    before: Interval
    after: Interval
    difference: Interval
    better: bool
    chosen: dict[str, Value]
    trials: list[Trial]


def read_record(folder: DataFolder) -> TuningRecord | None:
    """The record of the last search; `None` if there is none.

    Raises:
        ArtifactError: it cannot be read.
    """
    try:
        return TuningRecord.model_validate_json(folder.tuned.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ArtifactError(
            f"The record of tuned settings cannot be read: {error}.",
            where=str(folder.tuned),
            hint="Restore it from a backup, or delete it: `nightshelf tune --reset`.",
        ) from error


def write_record(folder: DataFolder, record: TuningRecord) -> None:
    """Write the record atomically."""
    write_durably(folder.tuned, record.model_dump_json(indent=1).encode())
