"""Markdown tables, and JSON schemas said in words: what the pages of the reference are made with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Schema = dict[str, Any]


def code(text: object) -> str:
    """As code."""
    return f"`{text}`"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; line breaks and bars in a cell do not break it."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def name_of(reference: str) -> str:
    """The schema that a `$ref` names."""
    return reference.rpartition("/")[2]


def without_null(schema: Schema) -> Schema:
    """For what text can only set or leave out: variables and query parameters."""
    if "anyOf" not in schema:
        return schema
    return schema | {"anyOf": [one for one in schema["anyOf"] if one.get("type") != "null"]}


def words_of(schema: Schema) -> str:
    """What a value may be: its type, choices and bounds."""
    if "$ref" in schema:
        return code(name_of(schema["$ref"]))
    if "anyOf" in schema:
        return " or ".join(words_of(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(code(choice) for choice in schema["enum"])
    if "const" in schema:
        return code(schema["const"])
    if schema.get("type") == "array":
        return f"list of {words_of(schema['items'])}" if "items" in schema else "list"
    kind: str = "path" if schema.get("format") == "path" else schema.get("type", "any")
    named = {"number": "number", "integer": "whole number", "string": "text", "boolean": "true or false"}
    return ", ".join([named.get(kind, kind), *_bounds(schema)])


def _bounds(schema: Schema) -> list[str]:
    signs = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    bounds = [f"{sign} {schema[key]:g}" for key, sign in signs.items() if key in schema]
    if "minLength" in schema and schema["minLength"] > 1:
        bounds.append(f"at least {schema['minLength']} characters")
    if "maxLength" in schema:
        bounds.append(f"at most {schema['maxLength']} characters")
    if "pattern" in schema and len(schema["pattern"]) <= 40:  # noqa: PLR2004  # a longer one tells a reader nothing
        bounds.append(code(schema["pattern"]))
    return bounds
