"""The environment variables of the settings, and the error for unknown ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches

from pydantic import BaseModel

from shared.deprecated import OF_A_SERVICE, OTHER_VARIABLES, setting_now
from shared.errors import NightshelfError

_PREFIX = "NIGHTSHELF_"


def variable_names(model: type[BaseModel], prefix: str = _PREFIX) -> Iterator[str]:
    """The environment variables of a model's settings and groups."""
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        yield variable
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from variable_names(field.annotation, f"{variable}__")


def variable_of(name: str) -> str:
    """The environment variable of a dotted setting name."""
    return f"{_PREFIX}{name.replace('.', '__').upper()}"


def refuse_unknown_variables(model: type[BaseModel]) -> None:
    """Check every `NIGHTSHELF_` variable that is set and not empty, in any case.

    Raises:
        NightshelfError: some are not settings; names each with its successor or the closest name.
    """
    present = {name.upper() for name, value in os.environ.items() if value and name.upper().startswith(_PREFIX)}
    unknown = sorted(
        name for name in present - OTHER_VARIABLES - set(variable_names(model)) if not OF_A_SERVICE.fullmatch(name)
    )
    if unknown:
        raise NightshelfError(
            f"{'This variable is not a setting' if len(unknown) == 1 else 'These variables are not settings'}: "
            f"{'; '.join(successor(name, model) for name in unknown)}.",
            where="environment",
            hint="Rename or unset it." if len(unknown) == 1 else "Rename or unset them.",
        )


def successor(variable: str, model: type[BaseModel]) -> str:
    """An unknown variable with its current name or the closest one."""
    now = variable_of(setting_now(variable.removeprefix(_PREFIX).lower().replace("__", ".")))
    if now != variable:
        return f"{variable} is now {now}"
    close = get_close_matches(variable, sorted(variable_names(model)), n=1, cutoff=0.8)
    return f"{variable} (did you mean {close[0]}?)" if close else variable
