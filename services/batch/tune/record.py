"""`tuned.json`: what a search for better settings found, and the values that the next night takes from it."""

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
    """One choice of settings and what came of it.

    Attributes:
        settings: dotted names and values of everything searched.
        value: mean NDCG@10 of the users it was scored on.
        n_users: how many they were.
        pruned: whether it was given up before all users were scored.
        seconds: it took.
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
        minutes: the budget; seed: of the search.
        n_training_interactions, n_validation_interactions, n_unseen_interactions: what trials learned from, were asked
            about, and did not load.
        n_search_users, n_check_users: test users that trials were compared on, and those kept for the check alone.
        left_out: settings that were not searched because they are set explicitly.
        present, found: the settings before, and the best of the search.
        before, after: NDCG@10 with them on the users kept for the check; difference: user by user.
        better: whether the whole interval of the difference lies above 0.
        chosen: dotted names and values that nights use from now on: those found if they are better, else what was
            tuned before.
        trials: in their order; the first has the present settings.
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
    """The last search's record; `None` if there is none.

    Raises:
        ArtifactError: it is not readable.
    """
    try:
        return TuningRecord.model_validate_json(folder.tuned.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ArtifactError(
            f"The record of tuned settings is not readable: {error}.",
            where=str(folder.tuned),
            hint="Restore it from a copy, or forget it: `nightshelf tune --reset`.",
        ) from error


def write_record(folder: DataFolder, record: TuningRecord) -> None:
    """Write the record, whole or not at all."""
    write_durably(folder.tuned, record.model_dump_json(indent=1).encode())
