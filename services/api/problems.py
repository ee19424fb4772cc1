"""Errors to answers, in this one place: every error becomes `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from services.api.schemas import Problem
from shared.errors import (
    InvalidRequestError,
    NightshelfError,
    NoGenerationError,
    StoreUnavailableError,
    UnknownBookError,
    UnknownTitleError,
)
from shared.log import get_logger

_STATUS: dict[type[NightshelfError], HTTPStatus] = {
    UnknownBookError: HTTPStatus.NOT_FOUND,
    UnknownTitleError: HTTPStatus.NOT_FOUND,
    InvalidRequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NoGenerationError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}
_TITLE: dict[type[NightshelfError], str] = {
    UnknownBookError: "Unknown book",
    UnknownTitleError: "Unknown title",
    InvalidRequestError: "Invalid request",
    NoGenerationError: "Not ready",
    StoreUnavailableError: "Store unavailable",
}
_DOCUMENTED = {400: "Not readable", 404: "Unknown", 422: "Invalid request", 503: "Not ready"}
DOCUMENTED_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, description in _DOCUMENTED.items()
}


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None, **members: Any) -> Response:
    """One problem document; `members` that are `None` are left out."""
    kind = title.lower().replace(" ", "-")
    document = {"type": f"urn:nightshelf:{kind}", "title": title, "status": status, "detail": detail}
    document |= {name: value for name, value in members.items() if value is not None}
    return Response(orjson.dumps(document), status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Make the application answer every error with a problem document, and say so in its OpenAPI document."""
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
    errors = [{"where": ".".join(str(part) for part in item["loc"]), "what": item["msg"]} for item in error.errors()]
    detail = "; ".join(f"{item['where']}: {item['what']}" for item in errors)
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid request", detail, where=errors[0]["where"], errors=errors,
        hint="Correct it; /docs says what is allowed.",
    )  # fmt: skip


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    hints = {404: "/docs lists what there is.", 405: "/docs lists the methods allowed here."}
    return problem(
        error.status_code, HTTPStatus(error.status_code).phrase, str(error.detail), dict(error.headers or {}),
        hint=hints.get(error.status_code),
    )  # fmt: skip


async def _unexpected(request: Request, error: Exception) -> Response:
    get_logger().error("request.failed", path=request.url.path, exc_info=error)
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error", "Something went wrong on our side; it has been logged."
    )
