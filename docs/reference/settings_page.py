"""docs/settings.md: every setting as its environment variable, from the fields of `shared.settings`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.reference.markdown import Schema, code, name_of, table, without_null, words_of
from shared.environment import PREFIX, is_group, variable_of
from shared.settings import Settings

HEAD = """\
# Settings

Set these in the environment. Each process reads them once, when it starts, and refuses to start with a value that is
not allowed. A list is JSON: `["read", "purchase"]`. `make docs` writes this page from `shared/settings.py`.
"""


def groups() -> Iterator[tuple[str, type[BaseModel]]]:
    """Each group of settings with the prefix of its variables; those of no group come first."""
    yield PREFIX, Settings
    for name, field in Settings.model_fields.items():
        if is_group(field):
            yield f"{variable_of(name)}__", type(field.default)


def fields_of(group: type[BaseModel]) -> dict[str, FieldInfo]:
    """The group's own settings, without groups inside it."""
    return {name: field for name, field in group.model_fields.items() if not is_group(field)}


def settings_page() -> str:
    """The page's text."""
    sections = [HEAD]
    for prefix, group in groups():
        schema = group.model_json_schema()
        rows = [
            [code(prefix + name.upper()), _default(field), words_of(_resolved(schema, name)), field.description or ""]
            for name, field in fields_of(group).items()
        ]
        title = "General" if group is Settings else prefix.removeprefix(PREFIX).rstrip("_").capitalize()
        said = (group.__doc__ or "").replace("\n", " ").strip()
        shown = table(("Variable", "Default", "Allowed", "Meaning"), rows)
        sections.append(f"## {title.replace('_', ' ')}\n\n{said}\n\n{shown}\n")
    return "\n".join(sections)


def _resolved(schema: Schema, name: str) -> Schema:
    found: Schema = schema["properties"][name]
    return schema["$defs"][name_of(found["$ref"])] if "$ref" in found else without_null(found)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "unset"
    if isinstance(value, frozenset | set | tuple | list):
        return code(json.dumps(sorted(value)))
    return code(str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, Path) else value)
