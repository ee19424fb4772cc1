"""The environment variables of the settings, and the errors for unknown and unreadable ones."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from shared.deprecated import REMOVED_SETTINGS, SETTINGS, setting_now
from shared.errors import NightshelfError

PREFIX = "NIGHTSHELF_"

# Variables of the containers, the DAGs, the benchmarks and the tests. They are not settings.
OTHER_VARIABLES = frozenset(
    PREFIX + name
    for name in (
        "AIRFLOW_METRICS", "AIRFLOW_URL", "ALERT_WEBHOOK", "API_MEMORY", "BIN", "DATASETS", "NIGHTLY_CRON",
        "NIGHT_CPUS", "NIGHT_MEMORY", "PIP_EXTRA", "SETTINGS_FILE", "STEPS_AT_ONCE", "TIMEZONE", "VERSION",
    )
)  # fmt: skip
COMPOSE_VARIABLES = {
    f"{PREFIX}BIND": "only Docker Compose reads it; the commands have --host",
    f"{PREFIX}PORT": "only Docker Compose reads it; the commands have --port",
}
"""Variables of `.env` that a person may take for settings, with what to use instead."""

# Docker and Kubernetes set these, with such values, for a service whose name starts with `nightshelf`.
_OF_A_SERVICE = re.compile(
    rf"{PREFIX[:-1]}(_\w+)?_("
    r"PORT(_\d+_(TCP|UDP|SCTP))?=(tcp|udp|sctp)://.+"
    r"|PORT_\d+_(TCP|UDP|SCTP)_(PROTO=(tcp|udp|sctp)|PORT=\d+|ADDR=[0-9A-Fa-f.:]+)"
    r"|SERVICE_(HOST=[0-9A-Fa-f.:]+|PORT(_\w+)?=\d+))"
)
_MIN_SIMILARITY = 0.8
_MAX_WRONG_LETTERS = 2
_SECRETS = ("key", "password")


def is_group(field: FieldInfo) -> bool:
    """Whether a field of a settings model is a group of settings."""
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def variable_names(model: type[BaseModel], prefix: str = PREFIX) -> Iterator[str]:
    """The environment variables of a model's settings and groups."""
    for variable, _ in _variables(model, prefix):
        yield variable


def variable_of(name: str) -> str:
    """The environment variable of a dotted setting name."""
    return f"{PREFIX}{name.replace('.', '__').upper()}"


def refuse_unknown_variables(model: type[BaseModel]) -> None:
    """Check every `NIGHTSHELF_` variable that is set and not empty, in any case.

    Raises:
        NightshelfError: some are not settings; names each with its successor or the closest name.
    """
    known = OTHER_VARIABLES | set(variable_names(model))
    unknown = sorted(
        name
        for name, value in _present().items()
        if name not in known and not _OF_A_SERVICE.fullmatch(f"{name}={value}")
    )
    if unknown:
        raise NightshelfError(
            f"{'This variable is not a setting' if len(unknown) == 1 else 'These variables are not settings'}: "
            f"{'; '.join(advice_on(name, model) for name in unknown)}.",
            where="environment",
            hint=f"Rename or unset {'it' if len(unknown) == 1 else 'them'}; docs/settings.md lists all settings.",
        )


def advice_on(variable: str, model: type[BaseModel]) -> str:
    """An unknown variable with its current name, why it was removed, or the closest name."""
    if variable in COMPOSE_VARIABLES:
        return f"{variable} ({COMPOSE_VARIABLES[variable]})"
    name = variable.removeprefix(PREFIX).lower().replace("__", ".")
    if name in REMOVED_SETTINGS:
        return f"{variable} was removed: {REMOVED_SETTINGS[name]}"
    now = variable_of(setting_now(name))
    if now != variable and now in variable_names(model):
        return f"{variable} is now {now}"
    spellings = _spellings(model)
    spelt = _spelt(variable)
    cutoff = max(_MIN_SIMILARITY, 1 - _MAX_WRONG_LETTERS / len(spelt)) if spelt else 1.0
    close = get_close_matches(spelt, sorted(spellings), n=1, cutoff=cutoff)
    if close:
        return f"{variable} (did you mean {spellings[close[0]]}?)"
    if now != variable:
        group, _, setting = now.rpartition("__")
        return f"{variable} (the group is now {group}, and has no {setting})"
    return variable


def refuse_unreadable_variables(model: type[BaseModel]) -> None:
    """Check that groups and lists are JSON.

    Raises:
        NightshelfError: one is not; names it with an example.
    """
    present = _present()
    for variable, field in _variables(model, PREFIX):
        if variable not in present or not (is_group(field) or get_origin(field.annotation) is frozenset):
            continue
        try:
            json.loads(present[variable])
        except ValueError as error:
            raise NightshelfError(f"{variable} is not JSON.", where="environment", hint=_json_hint(field)) from error


def problem_of(item: ErrorDetails, model: type[BaseModel]) -> str:
    """Describe a setting that is not allowed: its variable, its value and the reason."""
    variable = variable_of(".".join(part for part in item["loc"] if isinstance(part, str)))
    if item["type"] == "extra_forbidden":
        advice = advice_on(variable, model)
        return f"{variable} is not a setting" if advice == variable else advice
    shown = "…" if str(item["loc"][-1]).endswith(_SECRETS) else repr(item["input"])
    return f"{variable} = {shown}: {item['msg']}"


def _json_hint(field: FieldInfo) -> str:
    if not is_group(field):
        return f"Write a JSON list, for instance '{json.dumps(sorted(field.default))}', or unset it."
    name, value = next(iter(field.default.model_dump(mode="json", exclude_none=True).items()))
    example = json.dumps({name: value})
    return f"Write a JSON object, for instance '{example}', or set a variable for each setting of the group."


def _present() -> dict[str, str]:
    """The variables with our prefix that are set and not empty, in upper case."""
    return {name.upper(): value for name, value in os.environ.items() if value and name.upper().startswith(PREFIX)}


def _variables(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        yield variable, field
        if is_group(field):
            yield from _variables(type(field.default), f"{variable}__")


def _spelt(variable: str) -> str:
    """A variable without its prefix, and with one underscore for two."""
    return variable.removeprefix(PREFIX).replace("__", "_")


def _spellings(model: type[BaseModel]) -> dict[str, str]:
    """What a misspelt variable may be close to, current and retired names, each with what to say is meant."""
    current = list(variable_names(model))
    found = {_spelt(variable_of(name)): f"{variable_of(name)}, which was removed" for name in REMOVED_SETTINGS}
    for retired, now in SETTINGS.items():
        before, after = variable_of(retired), variable_of(now)
        found[_spelt(before)] = after
        found |= {_spelt(name.replace(after, before, 1)): name for name in current if name.startswith(f"{after}__")}
    return found | {_spelt(name): name for name in current}
