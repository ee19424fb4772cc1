"""Names of authors: without roles, without words for nobody, and not torn apart at the comma of `Roe, Jan`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from services.batch.sources.cells.lists import split_list
from services.batch.sources.cells.missing import is_missing
from services.batch.sources.source import LIST_SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterable

NOBODY = frozenset(
    {
        "unknown", "unknown author", "author unknown", "unknown authors", "unk", "unbekannt", "inconnu", "desconocido",
        "anonymous", "anonym", "anonymus", "anon", "anonyme", "anónimo", "anonimo", "anônimo", "аноним",
        "various", "various authors", "various artists", "various writers", "multiple authors", "several authors",
        "assorted authors", "many authors", "diverse", "div", "divers", "varios", "varios autores", "vários autores",
        "auteurs divers", "collectif", "autori vari", "vv.aa", "vv. aa", "aa.vv", "aa. vv", "vvaa", "aavv",
        "no author", "no author listed", "not listed", "author", "not specified", "unspecified", "uncredited",
        "et al", "others", "and others", "u.a", "various contributors", "n/a n/a",
    }
)  # fmt: skip
"""In lower case, without a full stop at the end. Books "by" one of these have no author in common."""

_ROLE_WORDS = (
    r"(?:goodreads\s+)?author|writer|text|story|creator|co-?author|translat(?:or|ed|ion)|trans|tr|transl|illustrat(?:or|ed|ions)|"
    r"illus?|ill|artist|art|drawings|pictures|photograph(?:er|y|s)|photos|cover(?:\s+(?:art|artist|design|illustrator))?|"
    r"edit(?:or|ed)|series\s+editor|ed|eds|editors|hrsg|hg|narrat(?:or|ed)|reader|read\s+by|foreword|afterword|"
    r"preface|introduction|intro|contributor|contributions|compil(?:er|ed)|comp|adapt(?:er|ed|or|ation)|designer|"
    r"penciller|inker|colou?rist|letterer|director|producer|commentary|notes|consultant|pseudonym|pseud|"
    r"übersetzer(?:in)?|übers|traducteur|traductrice|trad|traductor|traductora"
)
_ROLE = rf"(?:{_ROLE_WORDS})s?\.?(?:\s*(?:,|/|&|and)\s*(?:{_ROLE_WORDS})s?\.?)*"
_ROLE_AFTER = re.compile(rf"\s*[(\[]\s*{_ROLE}(?:\s+by)?\s*[)\]]\s*", re.IGNORECASE)
_ROLE_BEFORE = re.compile(
    rf"^\s*(?:(?:{_ROLE_WORDS})(?:\s+and\s+(?:{_ROLE_WORDS}))?\s+by\s+|(?:{_ROLE_WORDS})\s*:\s*|by\s+)", re.IGNORECASE
)
_LIFE = re.compile(r"\s*[,(]\s*(?:b\. ?|d\. ?|ca?\. ?)?\d{4}\??\s*[-\N{EN DASH}]\s*(?:\d{4}\??)?\)?\.?\s*$")
_MIN_INVERTED, _INVERTED_SHARE = 3, 0.8
_ROLE_AT_END = re.compile(r",\s*(?:ed|eds|hrsg|hg|trans|transl|illus|ill|comp)\.?\s*$", re.IGNORECASE)
_SUFFIX = re.compile(r"jr|sr|i{2,3}|iv|ph\.?d|m\.?d|esq|dds|rn|cpa|msw|lcsw|ed\.?d|m\.?b\.?a|[oc]be", re.IGNORECASE)
_PARTICLE = re.compile("de|d[aiu]|del|dell[ao]|de[rns]|la|le|van|von|el|al|bin|ibn|ma?c|st|saint|san|o'", re.IGNORECASE)
_INITIAL = re.compile(r"\w\.?(?:-?\w\.)*")


@lru_cache(maxsize=100_000)
def split_authors(text: str, separator: str | None) -> tuple[str, ...]:
    """The distinct authors of a cell, in order, without roles such as `(Illustrator)`.

    `Unknown`, `Various` and their like are nobody. One surname with its first name (`Roe, Jan`) is one author even if
    commas separate authors, and so are a name and its `Jr.`.

    Args:
        text: the cell.
        separator: between authors; `None` if the cell holds one.
    """
    bare = _LIFE.sub("", _ROLE_AFTER.sub(" ", text)).strip()
    if LIST_SEPARATOR in text:  # the source has a list
        separator = None
    if separator is not None and separator.strip() == ",":
        inner = bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare
        if _is_inverted(inner):
            bare, separator = inner, None
        elif ";" in bare and "&" not in bare:
            separator = ";"
    people = (_person(name) for name in _with_suffixes(split_list(bare, separator)))
    return tuple(dict.fromkeys(name for name in people if name))


def are_inverted(texts: Iterable[str]) -> bool:
    """Whether the cells of a column are surnames and first names, such as `García Márquez, Gabriel`.

    Most then have one comma, also where there is one author.
    """
    bare = (_LIFE.sub("", _ROLE_AFTER.sub(" ", text)).strip() for text in texts)
    filled = [text for text in bare if not is_missing(text) and text[:1] not in "[{"]
    one_comma = [text for text in filled if text.split(";")[0].count(",") == 1]
    return (
        len(one_comma) >= _MIN_INVERTED
        and len(one_comma) >= _INVERTED_SHARE * len(filled)
        and sum(_is_inverted(text.split(";")[0]) for text in one_comma) >= len(one_comma) / 2
    )


def _person(name: str) -> str | None:
    """The name without roles; `None` for nobody."""
    name = _ROLE_AT_END.sub("", _ROLE_BEFORE.sub("", _ROLE_AFTER.sub(" ", name)))
    name = _LIFE.sub("", name).strip(" ,;")
    return None if _is_nobody(name) else name


def _is_nobody(name: str) -> bool:
    plain = name.strip(" []()<>*").rstrip(".?").strip().casefold()
    return plain in NOBODY or not any(character.isalnum() for character in plain)


def _is_inverted(text: str) -> bool:
    """Whether a cell is one surname, a comma and first names: one word on each side, particles and initials apart."""
    surname, comma, first = text.partition(",")
    if not comma or "," in first or _is_nobody(surname) or _is_nobody(first):
        return False
    surnames = [word for word in surname.split() if not _PARTICLE.fullmatch(word)]
    firsts = first.split()
    if len(surnames) != 1 or not firsts or _SUFFIX.fullmatch(firsts[0].rstrip(".")):
        return False
    if _INITIAL.fullmatch(surnames[0]):
        return False
    return all(_INITIAL.fullmatch(word) for word in firsts[1:])


def _with_suffixes(names: list[str]) -> list[str]:
    """`Jr.` and titles belong to the name before them."""
    joined: list[str] = []
    for name in names:
        if joined and _SUFFIX.fullmatch(name.rstrip(".")):
            joined[-1] = f"{joined[-1]}, {name}"
        else:
            joined.append(name)
    return joined
