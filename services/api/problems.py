"""Turns every error into an `application/problem+json` answer (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from services.api.schemas.problem import Problem
from shared.errors import (
    ArtifactError,
    InvalidRequestError,
    NightshelfError,
    NoGenerationError,
    NoReportError,
    PublishConflictError,
    RunActiveError,
    StoreUnavailableError,
    UnknownBookError,
    UnknownListError,
    UnknownTitleError,
)
from shared.log import get_logger

_STATUS: dict[type[NightshelfError], HTTPStatus] = {
    UnknownBookError: HTTPStatus.NOT_FOUND,
    UnknownListError: HTTPStatus.NOT_FOUND,
    UnknownTitleError: HTTPStatus.NOT_FOUND,
    NoReportError: HTTPStatus.NOT_FOUND,
    InvalidRequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NoGenerationError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    ArtifactError: HTTPStatus.CONFLICT,
    PublishConflictError: HTTPStatus.CONFLICT,
    RunActiveError: HTTPStatus.CONFLICT,
}
# A problem's type is made of its title, and clients compare types.
_TITLE: dict[type[NightshelfError], str] = {
    UnknownBookError: "Unknown book",
    UnknownListError: "Unknown genre or tribe",
    UnknownTitleError: "Unknown title",
    NoReportError: "No report",
    InvalidRequestError: "Invalid request",
    NoGenerationError: "Not ready",
    StoreUnavailableError: "Store unavailable",
    ArtifactError: "Not fit to be served",
    PublishConflictError: "Something else is served by now",
    RunActiveError: "A run is at work",
}
_DOCUMENTED = {
    400: "The body is not valid JSON",
    403: "Not allowed",
    404: "Not found",
    409: "Not possible now",
    415: "The body is not JSON",
    422: "Invalid request",
    503: "Not ready",
}
_DETAILS = {
    400: "The body cannot be read as JSON.",
    404: "There is nothing at {path}.",
    405: "{method} is not allowed at {path}.",
}
_HINTS = {
    400: "Send JSON in UTF-8; /docs shows its fields.",
    403: "The operator key is the setting NIGHTSHELF_PAGE__OPERATOR_KEY.",
    404: "/docs lists all routes.",
    405: "/docs lists the methods allowed here.",
    415: "Send JSON with the header Content-Type: application/json.",
}
_SHOWN_OF_PATH = 200


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers with these error statuses."""
    return {
        status: {
            "description": _DOCUMENTED[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None, **members: Any) -> Response:
    """A problem document; `members` that are `None` are left out."""
    kind = title.lower().replace(" ", "-")
    document = {"type": f"urn:nightshelf:{kind}", "title": title, "status": status, "detail": detail}
    document |= {name: value for name, value in members.items() if value is not None}
    return Response(orjson.dumps(document), status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Make the application answer every error with a problem document, and document that in its OpenAPI document."""
    app.add_exception_handler(NightshelfError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document["components"]["schemas"]
        definitions = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= definitions.pop("$defs", {}) | {"Problem": definitions}
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, NightshelfError)
    status = _STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    return problem(
        status,
        _TITLE.get(type(error), "Internal error"),
        error.what,
        {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None,
        where=error.where,
        hint=error.hint,
        suggestions=error.suggestions if isinstance(error, UnknownTitleError) else None,
    )


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [{"where": where_of(item), "what": what_of(item)} for item in error.errors()]
    detail = "; ".join(f"{item['where']}: {item['what']}" for item in errors)
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid request", detail, where=errors[0]["where"], errors=errors,
        hint="/docs shows what is allowed.",
    )  # fmt: skip


def where_of(item: Mapping[str, Any]) -> str:
    """The place of a validation error, as in `query.limit`; `body` for broken JSON.

    It may contain field names of the sender, which need not be valid UTF-8, so invalid characters are replaced.
    """
    place = "body" if item["type"] == "json_invalid" else ".".join(str(part) for part in item["loc"])
    return place.encode(errors="replace").decode()


def what_of(item: Mapping[str, Any]) -> str:
    """A validation error in plain words."""
    if item["type"] == "json_invalid":
        return f"Not JSON: {item['ctx']['error']} at character {item['loc'][-1]}"
    if item["type"] == "string_pattern_mismatch":
        return "Text must not be blank or contain control characters or bytes that are not UTF-8"
    message: str = item["msg"]
    return message.removeprefix("Value error, ")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    detail = _DETAILS.get(status, "{detail}").format(
        method=request.method, path=request.scope["path"][:_SHOWN_OF_PATH], detail=error.detail
    )
    return problem(status, HTTPStatus(status).phrase, detail, dict(error.headers or {}), hint=_HINTS.get(status))


async def _unexpected(request: Request, error: Exception) -> Response:
    get_logger().error("request.failed", path=request.url.path, exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error", "The server failed and logged the error.")
