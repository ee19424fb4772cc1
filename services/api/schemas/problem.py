"""The body of every error answer (RFC 9457)."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.api.schemas.books import BookReference


class FieldProblem(BaseModel):
    """One invalid field."""

    where: str
    what: str


class Problem(BaseModel):
    """An error (RFC 9457): what went wrong, where, and what to do."""

    type: str = Field(examples=["urn:nightshelf:unknown-title"])
    title: str
    status: int
    detail: str = Field(description="What went wrong")
    where: str | None = Field(None, description="The parameter, field or position with the error")
    hint: str | None = Field(None, description="What to do about it")
    errors: list[FieldProblem] | None = Field(None, description="One entry for each invalid field")
    suggestions: list[BookReference] | None = Field(None, description="Books you may have meant")
