"""All errors that Nightshelf raises. `services.api.problems` maps them to HTTP statuses."""

from __future__ import annotations


class NightshelfError(Exception):
    """The base class: what is wrong, where, and what to do.

    Args:
        what: one sentence that names what is wrong.
        where: the file, row, key, setting or field; `None` if `what` names it.
        hint: what to do next; `None` if there is nothing to do.
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
    """A source folder, file or column that ingest cannot use."""


class ArtifactError(NightshelfError):
    """A missing, damaged or inconsistent artifact or generation. It cannot be served."""


class PublishConflictError(NightshelfError):
    """The `current` pointer moved since this run read it."""


class RunActiveError(NightshelfError):
    """Another run owns the data folder; try again later."""


class GateRefusedError(NightshelfError):
    """A generation is significantly worse than the served one and was not published."""


class ModelError(NightshelfError):
    """A model or its library is missing or wrong."""


class StoreUnavailableError(NightshelfError):
    """Redis did not answer in time."""


class UnknownBookError(NightshelfError):
    """No book of the served catalogue has this id."""


class UnknownListError(NightshelfError):
    """This genre or cluster has no popular list."""


class UnknownTitleError(NightshelfError):
    """No book has this title.

    Args:
        suggestions: up to seven similar titles, most similar first.
    """

    def __init__(self, what: str, *, suggestions: list[dict[str, object]], hint: str | None = None) -> None:
        super().__init__(what, hint=hint)
        self.suggestions = suggestions


class NoReportError(NightshelfError):
    """The served generation has no report."""


class InvalidRequestError(NightshelfError):
    """A request that the API does not allow."""


class NoGenerationError(NightshelfError):
    """Nothing is published, or no published generation could be loaded."""


def install_hint(*extras: str) -> str:
    """How to install extras of this project that are missing."""
    return f"In the checkout of Nightshelf: pip install -c constraints.txt -e '.[{','.join(extras)}]'"
