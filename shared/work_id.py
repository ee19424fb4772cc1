"""Groups the editions of one work, derived from titles and authors.

Merging two works hides one of them; missing an edition only shows it twice. So likely volumes, guides and adaptations
stay separate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.title_keys import ParsedTitle, author_key, last_name, parse_title, series_positions

# A subtitle of only these words, at least one of them in _PRINTING_NOUNS, describes a printing.
_PRINTING_WORDS = re.compile(
    r"(?:\b(?:a|an|the|of|and|in|with|new|first|second|third|fourth|fifth|original|complete|revised|updated|expanded|"
    r"enlarged|special|deluxe|limited|collectors|anniversary|mass|market|large|movie|film|tv|media|tie|international|"
    r"us|uk|modern|penguin|vintage|oxford|popular|everyman|classics?|library|text|centennial|commemorative|novel|"
    r"novella|memoir|editions?|print|printing|paperback|hardcover|hardback|unabridged|abridged|annotated|illustrated|"
    r"reissue|reprint|uncut|version|kindle|ebook|audiobook|audio|cd|[0-9]+(?:st|nd|rd|th)?)(?: |$))+"
)
_PRINTING_NOUNS = re.compile(
    r"\b(?:novel|novella|memoir|editions?|print|printing|paperback|hardcover|hardback|unabridged|abridged|annotated|"
    r"illustrated|reissue|reprint|uncut|version|kindle|ebook|audiobook|audio|cd|tie|classics|text)\b"
)
# A subtitle with one of these names another work: a derived work, a collection or a part.
_OTHER_WORK = re.compile(
    r"\b(?:activity|adaptation|anthology|art|audio drama|book|books|box|boxed|boxset|bundle|chronicles|coloring|"
    r"colouring|collection|comic|comics|companion|compendium|complete series|cookbook|diary|dramatization|dvd|"
    r"encyclopedia|episode|graphic|guide|handbook|introduction to|issue|journal|libretto|making of|manga|"
    r"music|musical|notes|omnibus|part|parts|pictures|planner|play|poster|prequel|quiz|quotes|saga|sampler|score|"
    r"screenplay|script|season|sequel|set|sketchbook|soundtrack|stories|story of|summary|teacher|teachers|trilogy|"
    r"vol|volumes|workbook|world of|[0-9]+)\b"
)
_MIN_WORDS_OF_SHARED_SUBTITLE = 3
_MAX_COMPARED = 300  # books of one title and author compared in pairs; larger groups need equal positions


def edition_key(title: str, authors: Sequence[str]) -> str:
    """A key that editions of one work share, derived from one book alone.

    The title without series suffix and without a subtitle that describes a printing ("A Novel", "Deluxe Edition"), and
    the first author's last name. Other subtitles stay: "Batman: Year One" is not "Batman: The Killing Joke".
    `edition_groups` also groups "Sapiens" with "Sapiens: A Brief History of Humankind".
    """
    parsed = parse_title(title)
    name = last_name(authors[0]) if authors else ""
    return f"{_without_printing(parsed)}|{name}"


def edition_groups(titles: Sequence[str], authors: Sequence[Sequence[str]]) -> NDArray[np.int32]:
    """The lowest item index among the editions of each book's work: int32, (n_books,).

    Two books are editions of one work if they share the first author's last name and the title up to the first break,
    are not different volumes (in the title or in a series), and have compatible subtitles: equal, one a prefix of the
    other, describing a printing, or a single subtitle that names no guide, part or adaptation. A book without a known
    author is a work of its own: many books are called "Selected Poems" or "Annual Report".

    Args:
        titles: by item index.
        authors: of each book; only the first that is known counts; may be empty.
    """
    return groups_of_parsed([parse_title(title) for title in titles], authors)


def groups_of_parsed(parsed: Sequence[ParsedTitle], authors: Sequence[Sequence[str]]) -> NDArray[np.int32]:
    """`edition_groups` of parsed titles."""
    last_names: dict[str, str] = {}
    by_plain: dict[tuple[str, str, str], list[int]] = {}
    for number, (title, names) in enumerate(zip(parsed, authors, strict=True)):
        name = next(filter(None, (_known_last_name(author, last_names) for author in names)), "")
        if name and title.full:
            plain, volume, _subtitle = _cut(title)
            by_plain.setdefault((plain, name, volume), []).append(number)

    groups = np.arange(len(parsed), dtype=np.int32)
    for numbers in by_plain.values():
        if len(numbers) > 1:
            for same_text in _by_subtitle(numbers, parsed).values():
                for work in _by_series(same_text, parsed):
                    groups[work] = min(work)
    return groups


def _known_last_name(author: str, known: dict[str, str]) -> str:
    """The last name, `""` for a name like "Unknown"; kept in `known`."""
    if author not in known:
        known[author] = last_name(author) if author_key(author) else ""
    return known[author]


def _without_printing(title: ParsedTitle) -> str:
    """The title without a subtitle that describes a printing."""
    plain, volume, subtitle = _cut(title)
    return f"{plain} {volume}".rstrip() if _is_printing(subtitle) else title.full


def _cut(title: ParsedTitle) -> tuple[str, str, str]:
    """Plain title, volume and subtitle. All before a volume is title: "Attack on Titan: No Regrets"."""
    for head in title.heads if title.volume else ():
        with_volume = f"{head} {title.volume}"
        if title.full == with_volume or title.full.startswith(with_volume + " "):
            return head, title.volume, title.full[len(with_volume) + 1 :]
    return title.plain, title.volume, title.full[len(title.plain) + 1 :]


def _is_printing(subtitle: str) -> bool:
    return bool(_PRINTING_NOUNS.search(subtitle) and _PRINTING_WORDS.fullmatch(subtitle))


def _by_subtitle(numbers: list[int], parsed: Sequence[ParsedTitle]) -> dict[str, list[int]]:
    """Books of one plain title, author and volume, grouped by subtitle."""
    subtitles = {number: _cut(parsed[number])[2] for number in numbers}
    bare = [number for number in numbers if not subtitles[number] or _is_printing(subtitles[number])]
    parts: dict[str, list[int]] = {}
    last = ""
    for subtitle, number in sorted((subtitles[number], number) for number in set(numbers).difference(bare)):
        begins = subtitle.startswith(last + " ") and last.count(" ") + 1 >= _MIN_WORDS_OF_SHARED_SUBTITLE
        if not begins:
            last = subtitle
        parts.setdefault(last, []).append(number)
    if bare:
        own = [subtitle for subtitle in parts if not _OTHER_WORK.search(subtitle)]
        explained = len(own) == 1 and not all(subtitles[number] for number in bare)
        parts[""] = bare + (parts.pop(own[0]) if explained else [])
    return parts


class _Work(NamedTuple):
    positions: dict[str, str]
    numbers: list[int]


def _by_series(numbers: list[int], parsed: Sequence[ParsedTitle]) -> list[list[int]]:
    """Books of one title and author, split by their positions in a series.

    A book without a series joins the earliest position: "Captive Prince" is the first book of its series.
    """
    positions_of = {number: series_positions(parsed[number].series) for number in numbers}
    if len(numbers) > _MAX_COMPARED:
        same: dict[str, list[int]] = {}
        for number in numbers:
            same.setdefault(str(sorted(positions_of[number].items())), []).append(number)
        return list(same.values())
    works: list[_Work] = []
    for number in sorted(numbers, key=lambda number: _order(positions_of[number])):
        positions = positions_of[number]
        for work in works:
            if _agree(positions, work.positions):
                work.positions.update(positions)
                work.numbers.append(number)
                break
        else:
            works.append(_Work(positions, [number]))
    return [work.numbers for work in works]


def _order(positions: dict[str, str]) -> tuple[bool, int, str]:
    """By earliest position ("2" before "10" before "1 3"), books without a series last."""
    first = min(positions.values(), key=lambda position: (" " in position, len(position), position), default="")
    return not positions, len(first), first


def _agree(positions: dict[str, str], others: dict[str, str]) -> bool:
    """Whether books at these positions can be one work."""
    if not positions or not others:
        return True
    shared = [(name, other) for name in positions for other in others if _one_series(name, other)]
    return bool(shared) and all(positions[name] == others[other] for name, other in shared)


def _one_series(name: str, other: str) -> bool:
    """Whether one name contains the other's words: "Legend of Drizzt" and "The Legend of Drizzt, Omnibus"."""
    words, other_words = set(name.split()), set(other.split())
    return words <= other_words or other_words <= words
