"""Every error Nightshelf raises on purpose. The core knows no HTTP status; the API translates in one place."""

from __future__ import annotations


class NightshelfError(Exception):
    """The root: what went wrong, where, and what to do about it.

    Args:
        what: one sentence that names the thing at fault.
        where: the file, row, key, setting or field it was found in; `None` when `what` says it.
        hint: the next thing a person should do; `None` when there is nothing to do.
    """

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        where = f" [{self.where}]" if self.where else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{self.what}{where}{hint}"


class SourceError(NightshelfError):
    """A source folder, file or column that ingest cannot use at all."""


class ArtifactError(NightshelfError):
    """An artifact or a generation that is missing, damaged or inconsistent: never served, never published."""


class PublishConflictError(NightshelfError):
    """Someone else moved the `current` pointer since this run looked at it."""


class RunActiveError(NightshelfError):
    """Another run has the data folder; to be tried again later."""


class GateRefusedError(NightshelfError):
    """A generation is significantly worse than the one being served and was not published."""


class ModelError(NightshelfError):
    """The embedding model is missing or is not the one it claims to be."""


class StoreUnavailableError(NightshelfError):
    """Redis did not answer in time."""


class UnknownBookError(NightshelfError):
    """No book of the served catalogue has this id."""


class UnknownListError(NightshelfError):
    """No popular list is kept for this genre or cluster."""


class UnknownTitleError(NightshelfError):
    """No book is called this.

    Args:
        suggestions: up to seven titles that may have been meant, likeliest first.
    """

    def __init__(self, what: str, *, suggestions: list[dict[str, object]], hint: str | None = None) -> None:
        super().__init__(what, hint=hint)
        self.suggestions = suggestions


class NoReportError(NightshelfError):
    """There is no report on the generation being served."""


class InvalidRequestError(NightshelfError):
    """Something a caller sent that no rule of the API allows."""


class NoGenerationError(NightshelfError):
    """Nothing has been published yet, or nothing published could be loaded."""
