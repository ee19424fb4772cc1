"""What a source did not say and Nightshelf guessed, for the summary of an ingest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guess:
    """One guess about a source.

    Args:
        what: the subject, for instance `encoding of books.csv`.
        value: the guess, for instance `windows-1251`.
        setting: how to override it, for instance `encoding = "…" in nightshelf.toml`; `""` if nothing does.
    """

    what: str
    value: str
    setting: str
