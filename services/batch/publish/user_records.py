"""The state of each user of a snapshot, as Redis keeps it (`shared.keys`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray

from services.batch.ingest.feedback import positive_rows, seen_rows, user_item_feedback, viewed_books, viewed_rows
from services.batch.ingest.interactions import Interactions
from services.batch.sources.interaction_rows import KINDS
from shared.feedback import slot_of
from shared.settings import UserStateSettings

_Books = list[tuple[int, float]]  # item indexes and times


@dataclass(frozen=True, slots=True)
class UserRecord:
    """What a user's interactions come to.

    Attributes:
        statements: those of each book, by item index, oldest first, joined by blanks.
        seen: item indexes, newest first.
        recent: positive books and their times, newest first.
        viewed: likewise, viewed books.
    """

    statements: dict[int, str]
    seen: list[int]
    recent: _Books
    viewed: _Books

    def to_json(self, bounds: UserStateSettings, later: Sequence[tuple[str, ...]] = ()) -> bytes:
        """Flat lists for Redis, within the bounds; the oldest seen books make room for `later` changes of others."""
        seen, viewed = self.seen, self.viewed[: bounds.max_viewed]
        if len(seen) + len(later) > bounds.max_seen:
            n_new = len({int(change[0]) for change in later} - set(seen))
            seen = seen[: max(0, bounds.max_seen - n_new)]
        is_whole = len(seen) == len(self.seen) and len(viewed) == len(self.viewed)
        kept = self.statements.keys() if is_whole else {*seen, *(number for number, _ in viewed)}
        records = self.statements.items()
        return orjson.dumps(
            {
                "seen": list(map(str, seen)),
                "recent": _flat(self.recent[: bounds.max_recent]),
                "viewed": _flat(viewed),
                "feedback": [text for number, record in records if number in kept for text in (str(number), record)],
            }
        )


NO_RECORD = UserRecord({}, [], [], [])


def user_records(interactions: Interactions, settings: UserStateSettings) -> Iterator[tuple[str, UserRecord]]:
    """The record of each user with a seen or viewed book."""
    known, views = user_item_feedback(interactions, settings), viewed_books(interactions, settings)
    liked = known.take(known.positive)
    said = interactions.take(seen_rows(interactions, settings) | viewed_rows(interactions, settings))
    users = interactions.user_ids
    code_of = pd.Index(users).get_indexer(pd.Index(known.users))
    seen = _Grouped(code_of[known.rows], known.item_index, known.times, len(users))
    recent = _Grouped(code_of[liked.rows], liked.item_index, liked.times, len(users))
    viewed = _Grouped(views.user_codes, views.item_index, views.times, len(users))
    order = np.lexsort((said.times, said.user_codes))  # stable: the last one of equals stays last
    said = said.take(order)
    starts = np.searchsorted(said.user_codes, np.arange(len(users) + 1)).tolist()
    letters = _letters(said, settings)
    for code in np.flatnonzero(np.diff(starts)).tolist():
        rows = slice(starts[code], starts[code + 1])
        texts = [
            f"{letter}{seconds!r}" for letter, seconds in zip(letters[rows], said.times[rows].tolist(), strict=True)
        ]
        statements: dict[int, str] = {}
        for number, text in zip(said.item_index[rows].tolist(), texts, strict=True):
            statements[number] = f"{statements[number]} {text}" if number in statements else text
        books = [number for number, _ in seen.of(code)]
        yield str(users[code]), UserRecord(statements, books, recent.of(code), viewed.of(code))


def _letters(said: Interactions, settings: UserStateSettings) -> list[str]:
    """The first letter of each interaction's statement."""
    of_kind = np.array([slot_of(kind, settings) for kind in KINDS])
    slots = of_kind[said.kinds]
    counts = positive_rows(said, settings) | (slots == "V")
    letters: list[str] = np.where(counts, slots, np.char.lower(slots)).tolist()
    return letters


class _Grouped:
    """Books with times of each user code, newest first."""

    def __init__(
        self, codes: NDArray[np.integer], item_index: NDArray[np.int32], times: NDArray[np.float64], n_codes: int
    ) -> None:
        order = np.lexsort((-times, codes))
        self._item_index, self._times = item_index[order], times[order]
        self._starts = np.searchsorted(codes[order], np.arange(n_codes + 1)).tolist()

    def of(self, code: int) -> _Books:
        rows = slice(self._starts[code], self._starts[code + 1])
        return list(zip(self._item_index[rows].tolist(), self._times[rows].tolist(), strict=True))


def _flat(books: _Books) -> list[str]:
    """As the arguments of ZADD."""
    return [text for number, seconds in books for text in (repr(seconds), str(number))]
