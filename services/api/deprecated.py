"""Query parameters still accepted under an older name, and the response header that says so (RFC 9745)."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import Request

DEPRECATED_PARAMETERS = {"content_weight": "content_share"}
"""Each deprecated parameter of `GET /api/recommendations/user/{user_id}` with its successor."""

DEPRECATED_SINCE = datetime(2026, 11, 28, tzinfo=UTC)
_HEADERS = {"Deprecation": f"@{int(DEPRECATED_SINCE.timestamp())}"}


def former_names(parameter: str) -> list[str]:
    """The deprecated names of a parameter."""
    return [old for old, new in DEPRECATED_PARAMETERS.items() if new == parameter]


def deprecation_headers(request: Request) -> dict[str, str] | None:
    """The `Deprecation` header for a request with a deprecated parameter, `None` for any other."""
    if not request.scope["query_string"] or DEPRECATED_PARAMETERS.keys().isdisjoint(request.query_params.keys()):
        return None
    return _HEADERS
