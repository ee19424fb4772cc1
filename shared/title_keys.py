"""Normalizes titles and names, so that spelling variants of one title have the same key.

`parse_title` splits a title into the forms to compare. Non-Latin scripts are kept; marks that people omit when typing
(accents, niqqud, tashkil) are removed. The functions are pure and accept any text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

# Letters that decomposition keeps but people type without marks.
_PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ı": "i", "ŧ": "t", "ŋ": "n"}  # noqa: RUF001
)
_APOSTROPHES = re.compile("['’‘‛ʼʻʹ′`´＇]")  # noqa: RUF001 - the characters meant
# Accents; Hebrew points; Arabic vowel signs; variation selectors. Not the vowel signs of Indic scripts, nor dakuten.
_LEFT_OUT = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]")  # fmt: skip  # noqa: E501
_ASCII_TO_WORDS = {code: chr(code) if chr(code).isalnum() else " " for code in range(128)}
_INITIALS = re.compile(r"(?<![^\W_])[^\W\d_][.*](?: ?[^\W\d_][.*])+(?:[^\W\d_](?![^\W_]))?")
_SPACED_INITIALS = re.compile(r"\b[^\W\d_](?: [^\W\d_]\b)+")
_C_LANGUAGES = re.compile(r"(?<![^\W_])([a-z])(\+\+|#)(?![^\W_])")
_IDEOGRAPH = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")

_NUMBER_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_ROMAN_NUMBERS = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
_NUMBER_OF = {
    word: str(number) for words in (_NUMBER_WORDS, _ROMAN_NUMBERS) for number, word in enumerate(words, start=1)
}
_NUMBER = r"(?:[0-9]+|" + "|".join(sorted(_NUMBER_OF, key=len, reverse=True)) + r")(?![^\W_])"
_VOLUME_HINTS = ("vol", "book ", "book.", "part ", "part.", "pt ", "pt.", "episode ", "issue ")
_VOLUME_WORD = r"vol|volume|book|part|pt|episode|issue"
_VOLUME_IN_KEY = re.compile(rf"(?<![^\W_])({_VOLUME_WORD}) ({_NUMBER})")
# "vol. 2" after anything, "part 2" only after a break: "The Jungle Book 2" is one title, "Henry IV, Part 2" a volume.
_VOLUME_MARK = re.compile(
    rf"(?:[\s,:;(\[–—-]+(?:vol|volume)\.? ?|[,:;(\[–—-]\s*(?:the\s)?(?:{_VOLUME_WORD})\.? ?)({_NUMBER})"  # noqa: RUF001
)
_SUBTITLE_HINTS = (":", ";", ", or", " or,", " - ", " – ", "—", "--", "(", "[")  # noqa: RUF001 - the dashes meant
_SUBTITLE_MARK = re.compile(r":(?![0-9])|(?<![0-9]):|;|, or |,? or, | [-–] |—|--|[(\[]")  # noqa: RUF001 - the dashes meant
# "(Discworld, #3)", "(Penguin Readers, Level 5)", "(Harry Potter, Book 3)"; not "(Part 2)" nor "(London, 1984)".
_PARENTHESIS = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_SERIES_WITHOUT_SIGN = re.compile(r"[^\s,],? (?:book|vol|volume|part|level|no)\.? [0-9]{1,3}$|[^\s,], [0-9]{1,3}$")
_NUMBER_SIGN = re.compile(r"# ?[0-9]")
_NUMBER_AT_END = re.compile(r",? (?:(?:book|vol|volume|part|level|no)\.? )?([0-9]{1,3})$")
_LEADING_ARTICLES = re.compile(r"(?:(?:the|an?) )+(?=.)")
_TRAILING_ARTICLE = re.compile(r", ?(?:the|an?)(?=$|[:;(\[]| [-(\[])")
_MAX_CUTS = 8  # maximum number of cuts of a title
_NAME_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md", "esq"})
# A name of only such words, at least one of them "unknown", or a whole name in `_NO_NAME`, names no author.
_UNKNOWN = re.compile(
    r"unknown|unnamed|uncredited|unidentified|unspecified|undefined|anon(?:ym(?:ous|us|e|er?)?)?|anonimo?s?|anonymos|"
    r"various|several|multiple|misc(?:ellaneous)?|assorted|diver(?:s|se|ses|sos|si)|verschiedene|vari[aeo]?s?|"
    r"descon(?:h?ec|oc)ido|sconosciuto|inconnue?|unbekannter?|onbekend|okand|ukjent|ukendt|nieznany|neznamy|"
    r"collectif|colectivo|неизвестн?(?:ен|ыи|о)|аноним"  # noqa: RUF001
)
_ROLE = re.compile(
    r"the|an?|and|or|(?:author|writer|artist|contributor|editor)s?|hands|people|autor(?:e|es|i|en)?|auteurs?|verfasser|автор"
)
_NO_NAME = re.compile(
    r"na|n a|nan|null|none|nil|missing|tb[ad]|et al|(?:and )?others|s ?n|(?:no|without) (?:authors?|name)|"
    r"(?:authors? )?not (?:available|applicable|specified|known|given|listed|stated)|aa ?vv|vv ?aa|без автора|"
    r"коллектив авторов|народ|佚名|无名氏|無名氏|作者不詳|不詳|不明|匿名"
)


class ParsedTitle(NamedTuple):
    """The forms of a title. All but `series` are lower-case words with single spaces.

    `full` is the whole title without a series suffix. `heads` are the prefixes of `full` that end at a break, shortest
    first (plain title, title with volume, …), without `full` itself. `volume` is like `"vol 2"`, or empty. `series` are
    the contents of series suffixes (see `series_positions`). `searchable` has all words of the title, series included.
    """

    full: str
    heads: tuple[str, ...]
    volume: str
    series: tuple[str, ...]
    searchable: str

    @property
    def plain(self) -> str:
        """The shortest form: no subtitle, no volume."""
        return self.heads[0] if self.heads else self.full


def fold(text: str) -> str:
    """Lower case without accents and apostrophes, `&` as "and", dotted initials joined; other punctuation stays."""
    if not text.isascii():
        text = _APOSTROPHES.sub("", text)
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).casefold()
        text = _LEFT_OUT.sub("", _APOSTROPHES.sub("", text).translate(_PLAIN_LETTERS))
        text = unicodedata.normalize("NFC", text)
        text = "".join([c for c in text if c.isprintable() or unicodedata.category(c) != "Cf"])
    text = " ".join(text.lower().replace("'", "").replace("`", "").split())
    if "&" in text:
        text = " ".join(text.replace("&", " and ").split())
    if "." in text or "*" in text:
        text = " ".join(_INITIALS.sub(_join_initials, text).split())
    if "++" in text or text.count("#") > text.count(" #"):
        text = _C_LANGUAGES.sub(lambda found: found[1] + ("plusplus" if found[2] == "++" else "sharp"), text)
    return text


def _join_initials(found: re.Match[str]) -> str:
    return found[0].replace(".", "").replace("*", "").replace(" ", "") + " "


def words_of(folded: str) -> str:
    """The words of folded text, separated by single spaces; combining marks stay with their letters."""
    if folded.isascii():
        return " ".join(folded.translate(_ASCII_TO_WORDS).split())
    spelled: list[str] = []
    in_word = False
    for character in folded:
        in_word = character.isalnum() or (in_word and unicodedata.category(character) in {"Mn", "Mc"})
        spelled.append(character if in_word else " ")
    return " ".join("".join(spelled).split())


def search_words(folded: str) -> str:
    """Like `words_of`, but each ideograph is a word, because they are written unspaced."""
    words = words_of(folded)
    return words if words.isascii() else _by_ideograph(words)


def _by_ideograph(words: str) -> str:
    return " ".join(_IDEOGRAPH.sub(r" \1 ", words).split())


def name_words(name: str) -> str:
    """The words of a person's name; initials are joined: `"J. K. Rowling"` and `"J K Rowling"` give `"jk rowling"`."""
    words = _SPACED_INITIALS.sub(lambda found: found[0].replace(" ", ""), words_of(fold(name)))
    return words if words.isascii() else _by_ideograph(words)


def last_name(name: str) -> str:
    """The last name: `"J.R.R. Tolkien"` and `"Tolkien, J. R. R."` give `"tolkien"`; empty for none."""
    folded = fold(name)
    before, comma, after = folded.partition(",")
    if comma and words_of(after).replace(" ", "") not in _NAME_SUFFIXES:
        return words_of(before).replace(" ", "")
    parts = [words_of(part).replace(" ", "") for part in before.split()]
    parts = [part for part in parts if part] or [""]
    while len(parts) > 1 and parts[-1] in _NAME_SUFFIXES:
        parts.pop()
    return parts[-1]


@lru_cache(1 << 16)
def author_key(name: str) -> str:
    """A key of an author: `"Tolkien, J. R. R."` and `"J.R.R. Tolkien"` share it; `""` for "Unknown" or "Various"."""
    words = words_of(fold(name))
    others = [word for word in words.split() if not _UNKNOWN.fullmatch(word)]
    if _NO_NAME.fullmatch(words) or (words.count(" ") >= len(others) and all(map(_ROLE.fullmatch, others))):
        return ""
    return " ".join(sorted(name_words(name).split()))


def author_keys(names: Sequence[str]) -> list[str]:
    """The keys of the authors who are known, each once."""
    return list(dict.fromkeys(filter(None, map(author_key, names))))


def _key(folded: str) -> str:
    """The words of folded text as a key; `""` if there are none."""
    return key_of_words(words_of(folded))


def key_of_words(words: str) -> str:
    """Words with volumes written one way and no leading article."""
    if _mentions(words, _VOLUME_HINTS):
        words = _VOLUME_IN_KEY.sub(_plain_volume, words)
    return _LEADING_ARTICLES.sub("", words, count=1) if words.startswith(("the ", "a ", "an ")) else words


def _mentions(text: str, hints: tuple[str, ...]) -> bool:
    """Whether to try a regular expression: most titles have no hint, and this check is cheaper."""
    return any([hint in text for hint in hints])  # noqa: C419 - a list is twice as fast as a generator here


def _plain_volume(found: re.Match[str]) -> str:
    word = {"volume": "vol", "pt": "part"}.get(found[1], found[1])
    return f"{word} {_NUMBER_OF.get(found[2]) or found[2].lstrip('0') or '0'}"


def _without_series(folded: str) -> tuple[str, tuple[str, ...]]:
    """The text without series suffixes, and their contents."""
    series: list[str] = []
    rest = folded
    for found in _PARENTHESIS.finditer(folded):
        inside = found[1]
        if ("#" in inside and _NUMBER_SIGN.search(inside)) or _SERIES_WITHOUT_SIGN.search(inside):
            series.append(inside)
            rest = rest.replace(found[0], " ")
    return (" ".join(rest.split()), tuple(series)) if series else (folded, ())


def series_positions(series: tuple[str, ...]) -> dict[str, str]:
    """Position by series name, from series suffixes: `"Death, #1; Discworld, #4"` has two."""
    positions: dict[str, str] = {}
    for inside in series:
        if "#" not in inside:
            number = _NUMBER_AT_END.search(inside)
            if number:
                positions[_key(inside[: number.start()])] = number[1].lstrip("0")
            continue
        for part in inside.split(";"):
            name, sign, position = part.partition("#")
            if sign:
                positions[_key(name)] = words_of(position.replace(".", "p"))
    return positions


def parse_title(title: str) -> ParsedTitle:
    """Split a title into its forms."""
    folded = fold(title)
    words = words_of(folded)
    searchable = words if words.isascii() else _by_ideograph(words)
    if words == folded and "vol" not in words:  # no punctuation: nothing to split
        return ParsedTitle(key_of_words(words), (), "", (), searchable)

    text, series = _without_series(folded) if "(" in folded or "[" in folded else (folded, ())
    if ", " in text:
        text = _TRAILING_ARTICLE.sub("", text)
    full = _key(text)
    if not full:
        text = folded  # the title is only a series suffix
        full = key_of_words(words)
    if not full:  # only punctuation: use it as the title
        full = " ".join("".join(c for c in text if c.isprintable() and unicodedata.category(c)[0] != "M").split())
        return ParsedTitle(full, (), "", series, "")

    volume_mark = _VOLUME_MARK.search(text) if _mentions(text, _VOLUME_HINTS) else None
    cuts: set[int] = set()
    if _mentions(text, _SUBTITLE_HINTS):
        cuts.update(found.start() for found in _SUBTITLE_MARK.finditer(text))
    if volume_mark:
        cuts.update(volume_mark.span())
    heads: list[str] = []
    for cut in sorted(cuts)[:_MAX_CUTS]:
        head = _key(text[:cut])
        if head and head not in heads and full.startswith(head + " "):
            heads.append(head)
    return ParsedTitle(full, tuple(heads), _key(volume_mark[0]) if volume_mark else "", series, searchable)


def title_key(title: str) -> str:
    """The comparison key of a title.

    Case, accents, punctuation, a leading or trailing article and a series suffix do not count. Subtitle and volume do
    (`ParsedTitle.heads` has shorter forms). Idempotent. Text without letters or digits is its own key; only text
    without visible characters has the key `""`.
    """
    return parse_title(title).full
