"""Settings by dotted name, and the settings of a night: what is set explicitly, then what was tuned, then defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from services.batch.tune.record import Value, read_record
from shared.errors import ArtifactError
from shared.layout import DataFolder
from shared.settings import Settings


def value_of(settings: Settings, name: str) -> Value:
    """The value of a setting, for instance of `blend.recent_books`."""
    value: Any = settings
    for step in name.split("."):
        value = value[int(step)] if step.isdigit() else getattr(value, step)
    return cast("Value", value)


def is_explicit(settings: Settings, name: str) -> bool:
    """Whether it was set, by the environment or the caller, and is not the default."""
    value: Any = settings
    for step in name.split("."):
        if not isinstance(value, BaseModel):
            return True
        if step not in value.model_fields_set:
            return False
        value = getattr(value, step)
    return True


def with_values(settings: Settings, values: Mapping[str, Value]) -> Settings:
    """The settings with other values.

    Raises:
        ValidationError: a value is not allowed, or there is no setting of this name.
    """
    groups: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        group, *path = name.split(".")
        place: Any = groups.setdefault(group, getattr(settings, group).model_dump())
        for step in path[:-1]:
            place = place[int(step)] if step.isdigit() else place[step]
        place[int(path[-1]) if path[-1].isdigit() else path[-1]] = value
    changed = {}
    for group, fields in groups.items():
        old = getattr(settings, group)
        new = type(old).model_validate(fields)
        touched = {name.split(".")[1] for name in values if name.startswith(f"{group}.")}
        changed[group] = old.model_copy(update={field: getattr(new, field) for field in touched})
    return settings.model_copy(update=changed)


def with_tuned(settings: Settings) -> Settings:
    """The settings with what was tuned in place of defaults; what is set explicitly stays.

    Raises:
        ArtifactError: the record of tuned settings is not readable, or holds what is not allowed.
    """
    folder = DataFolder(settings.data_dir)
    record = read_record(folder)
    if record is None:
        return settings
    values = {name: value for name, value in record.chosen.items() if not is_explicit(settings, name)}
    try:
        return with_values(settings, values)
    except (ValidationError, AttributeError, LookupError, TypeError) as error:
        raise ArtifactError(
            f"The tuned settings hold what is not allowed: {reason_of(error)}.",
            where=str(folder.tuned),
            hint="Forget them, `nightshelf tune --reset`, and tune again.",
        ) from error


def reason_of(error: Exception) -> str:
    """Why a value is not allowed, in one line."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
    return str(error)


def tuned_names(settings: Settings) -> list[str]:
    """Names of the settings that have their value from tuning."""
    record = read_record(DataFolder(settings.data_dir))
    values = {} if record is None else record.chosen
    return sorted(name for name, value in values.items() if value_of(settings, name) == value)
