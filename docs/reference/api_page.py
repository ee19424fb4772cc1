"""docs/api.md: every route with its parameters and answers, from the API's own OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus

from docs.reference.markdown import Schema, code, name_of, table, without_null, words_of
from services.api.app import create_app
from shared.settings import load_settings

HEAD = """\
# HTTP API

A running server shows the same as a page to try things on, at `/docs`, and as OpenAPI 3.1, at `/openapi.json`. Every
error is `application/problem+json` (RFC 9457) with the fields of `Problem` below. `make docs` writes this page from the
OpenAPI document.
"""


def document() -> Schema:
    """The OpenAPI document; no Redis is asked."""
    return create_app(load_settings(redis_url="unix:///nowhere")).openapi()


def api_page() -> str:
    """The page's text."""
    opened = document()
    sections = [HEAD]
    for path, operations in opened["paths"].items():
        for method, operation in operations.items():
            sections.append(_operation(method.upper(), path, operation))
    sections.append("# Shapes\n\nObjects in bodies and answers.\n")
    for name, schema in sorted(opened["components"]["schemas"].items()):
        sections.append(_shape(name, schema))
    return "\n".join(sections)


def _operation(method: str, path: str, operation: Schema) -> str:
    parts = [f"## {code(f'{method} {path}')}"]
    if "description" in operation:
        parts.append(operation["description"])
    if parameters := operation.get("parameters"):
        rows = [
            [code(one["name"]), one["in"], words_of(without_null(one["schema"])),
             _default(one["schema"], required=one["required"]), one.get("description", "")]
            for one in parameters
        ]  # fmt: skip
        parts.append(table(("Parameter", "In", "Allowed", "Default", "Meaning"), rows))
    if body := operation.get("requestBody"):
        parts.append(f"Body: {_content(body)}.")
    answers = [
        [status, answer["description"] if int(status) >= HTTPStatus.BAD_REQUEST else "The answer", _content(answer)]
        for status, answer in sorted(operation["responses"].items())
    ]
    parts.append(table(("Status", "Meaning", "Content"), answers))
    return "\n\n".join(parts) + "\n"


def _content(answer: Schema) -> str:
    return "; ".join(
        f"{words_of(content['schema'])}, {code(kind)}" if content.get("schema") else code(kind)
        for kind, content in answer.get("content", {}).items()
    )


def _shape(name: str, schema: Schema) -> str:
    required = set(schema.get("required", ()))
    rows = [
        [code(field), words_of(one), _default(one, required=field in required), one.get("description", "")]
        for field, one in schema.get("properties", {}).items()
    ]
    parts = [f"## {code(name_of(name))}"]
    if "description" in schema:
        parts.append(schema["description"])
    if rows:
        parts.append(table(("Field", "Type", "Default", "Meaning"), rows))
    else:
        parts.append(words_of(schema))
    return "\n\n".join(parts) + "\n"


def _default(schema: Schema, *, required: bool) -> str:
    if required:
        return "required"
    return "" if schema.get("default") is None else code(str(schema["default"]).lower())
