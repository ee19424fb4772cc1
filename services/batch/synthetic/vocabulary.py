"""The vocabulary of synthetic books by genre, read from `vocabulary.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GenreWords:
    """The vocabulary of one genre."""

    nouns: tuple[str, ...]
    qualities: tuple[str, ...]
    people: tuple[str, ...]
    troubles: tuple[str, ...]
    settings: tuple[str, ...]


def _read() -> dict[str, GenreWords]:
    genres = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text(encoding="utf-8"))
    return {name: GenreWords(**{kind: tuple(words) for kind, words in kinds.items()}) for name, kinds in genres.items()}


GENRES: dict[str, GenreWords] = _read()
"""Genre names with the words of their titles and descriptions. The order affects the results of a seed."""
