"""Settings by dotted name, and the settings of a night: explicit values, then tuned values, then defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from services.batch.tune.record import Value, read_record
from shared.errors import ArtifactError
from shared.layout import DataFolder
from shared.settings import Settings


class TunedSettingsSource(PydanticBaseSettingsSource):
    """The `chosen` values of `tuned.json` in the data folder; earlier settings sources name the data folder."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """One group of settings."""
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """All groups with tuned values.

        Raises:
            ArtifactError: the record of tuned settings cannot be read.
        """
        record = read_record(DataFolder(self.current_state["data_dir"]))
        return {} if record is None else _by_group(record.chosen)


class _GivenSettings(Settings):
    """Settings from arguments only, not from the environment."""

    model_config = SettingsConfigDict(extra="forbid")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # pydantic passes it by name
        init_settings: PydanticBaseSettingsSource,
        *_: Any,
        **_others: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the arguments."""
        return (init_settings,)


class _TunedSettings(_GivenSettings):
    """Settings from arguments, then tuned values."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **_others: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments take precedence over tuned values."""
        return init_settings, TunedSettingsSource(settings_cls)


def with_tuned(settings: Settings) -> Settings:
    """The settings with tuned values in place of defaults; explicit values stay.

    Raises:
        ArtifactError: the record of tuned settings cannot be read, or contains an invalid value.
    """
    explicit = settings.model_dump(exclude_unset=True) | {"data_dir": settings.data_dir}
    try:
        return _TunedSettings(**explicit)
    except ValidationError as error:
        raise ArtifactError(
            f"The tuned settings contain an invalid value: {reason_of(error)}.",
            where=str(DataFolder(settings.data_dir).tuned),
            hint="Delete them with `nightshelf tune --reset`, and tune again.",
        ) from error


def with_values(settings: Settings, values: Mapping[str, Value]) -> Settings:
    """The settings with these values, by dotted name.

    Raises:
        ValidationError: a value is not allowed, or there is no setting of this name.
    """
    explicit = settings.model_dump(exclude_unset=True)
    changed = {group: explicit.get(group, {}) | fields for group, fields in _by_group(values).items()}
    return _GivenSettings(**explicit | changed)


def value_of(settings: Settings, name: str) -> Value:
    """The value of a setting, for instance of `blend.recent_books`."""
    group, _, field = name.partition(".")
    return cast("Value", getattr(getattr(settings, group), field))


def is_explicit(settings: Settings, name: str) -> bool:
    """Whether it is set by the environment or the caller, even to its default."""
    group, _, field = name.partition(".")
    chosen = getattr(settings, group)
    return group in settings.model_fields_set and isinstance(chosen, BaseModel) and field in chosen.model_fields_set


def tuned_names(settings: Settings) -> list[str]:
    """Names of the settings with a tuned value."""
    record = read_record(DataFolder(settings.data_dir))
    values = {} if record is None else record.chosen
    return sorted(name for name, value in values.items() if value_of(settings, name) == value)


def reason_of(error: ValidationError) -> str:
    """The reasons for invalid values, in one line."""
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())


def _by_group(values: Mapping[str, Value]) -> dict[str, Any]:
    """Dotted names and values as nested dictionaries."""
    groups: dict[str, dict[str, Value]] = {}
    for name, value in values.items():
        group, _, field = name.partition(".")
        groups.setdefault(group, {})[field] = value
    return groups
