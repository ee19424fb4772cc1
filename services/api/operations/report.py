"""The report on the served generation, read from the data folder."""

from __future__ import annotations

import base64
import hashlib
from typing import Literal

from shared.errors import NoReportError
from shared.layout import DataFolder


def read_report(folder: DataFolder, generation_id: str, ending: Literal[".html", ".json"]) -> bytes:
    """The best report on a generation: by `evaluate` if there is one, else by its night.

    Raises:
        NoReportError: there is none.
    """
    page = folder.best_report(generation_id)
    if page is None:
        raise NoReportError(
            f"There is no report on the generation {generation_id}.",
            hint=f"Run `nightshelf evaluate --generation {generation_id}`, or `nightshelf nightly` again.",
        )
    return page.with_suffix(ending).read_bytes()


def content_policy(page: bytes) -> str:
    """The Content-Security-Policy of a report: it loads and runs nothing, and uses only its own style sheet."""
    style = page.partition(b"<style>")[2].partition(b"</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
