"""Prepares the interactions table of a snapshot: assigns item indexes, joins events, drops duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from services.batch.sources.ids import match_by_spelling
from services.batch.sources.interaction_rows import KIND_DTYPE, KINDS
from services.batch.sources.rejects import RejectLog
from shared.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN_BOOK = "unknown book"
_COLUMNS = ["user_id", "book_number", "kind", "value", "time", "event_id"]


def respelled(interactions: pd.DataFrame, books: pd.DataFrame) -> dict[str, str]:
    """Book ids of interactions that no book has, but that differ from a book's id in spelling only.

    Returns:
        Id in the interactions -> id of the book, where that is safe (see `match_by_spelling`).
    """
    used = interactions["book_id"].astype("category").cat.remove_unused_categories().cat.categories.tolist()
    book_ids = books["book_id"].tolist()
    known = set(book_ids)
    matched = match_by_spelling([text for text in used if text not in known], used, book_ids)
    return {text: book_ids[place] for text, place in matched.items()}


def number_interactions(
    interactions: pd.DataFrame,
    books: pd.DataFrame,
    rejects: RejectLog,
    source_name: str,
    spellings: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Replace book ids by item indexes; interactions with books not in `books` are rejected.

    Args:
        interactions: see `services.batch.sources.source`.
        books: the valid books, with `book_number`.
        rejects: receives interactions with other books.
        source_name: for `rejects`, where the rows have no `file`.
        spellings: other spellings of book ids, from `respelled`.

    Returns:
        `user_id` and `kind` categorical, `book_number` int32, `value`, `time`, and `event_id` categorical (missing if
        the frame has none).
    """
    if not np.isfinite(interactions["time"].to_numpy(dtype=np.float64)).all():
        raise SourceError("An interaction has no time.", where=source_name)
    ids = interactions["book_id"].astype("category").cat
    wanted = [(spellings or {}).get(text, text) for text in ids.categories]
    places = pd.Index(books["book_id"], dtype=object).get_indexer(pd.Index(wanted, dtype=object))
    # The code -1 of a missing or unknown id selects the appended -1.
    item_index = np.append(np.append(books["book_number"].to_numpy(), -1)[places], -1)[ids.codes.to_numpy()]
    unknown = np.flatnonzero(item_index < 0)
    if len(unknown):
        lost = interactions.iloc[unknown]
        rows = lost["row"].to_numpy(dtype=np.int64) if "row" in lost else unknown + 1
        files = lost["file"].astype(object) if "file" in lost else pd.Series(source_name, index=lost.index)
        for file in files.unique():
            of_file = (files == file).to_numpy()
            rejects.add_many(str(file), rows[of_file], "book_id", lost["book_id"][of_file].tolist(), UNKNOWN_BOOK)
    known = item_index >= 0
    no_event_ids = pd.Series(index=interactions.index, dtype=pd.CategoricalDtype([]))
    columns = {
        "user_id": interactions["user_id"].astype("category"),
        "book_number": item_index.astype(np.int32),
        "kind": interactions["kind"].astype(KIND_DTYPE),
        "value": interactions["value"].astype(np.float64),
        "time": interactions["time"].astype(np.float64),
        "event_id": interactions["event_id"].astype("category") if "event_id" in interactions else no_event_ids,
    }
    return pd.DataFrame(columns, index=interactions.index)[known].reset_index(drop=True)


def join(interactions: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """The source's interactions, then the events, in one frame."""
    if not len(events):
        return interactions
    users = pd.api.types.union_categoricals([interactions["user_id"], events["user_id"]]).categories
    event_ids = events["event_id"].cat.categories
    frames = [
        frame.assign(
            user_id=frame["user_id"].cat.set_categories(users), event_id=frame["event_id"].cat.set_categories(event_ids)
        )
        for frame in (interactions, events)
    ]
    return pd.concat(frames, ignore_index=True)


def latest(interactions: pd.DataFrame, n_books: int) -> pd.DataFrame:
    """Sort by time (stable) and keep only the last row of each user, book and kind."""
    times = interactions["time"].to_numpy()
    if (np.diff(times) < 0).any():
        interactions = interactions.take(np.argsort(times, kind="stable"))
    keys = interactions["user_id"].cat.codes.to_numpy().astype(np.int64) * n_books
    keys += interactions["book_number"].to_numpy()
    keys *= len(KINDS)
    keys += interactions["kind"].cat.codes.to_numpy()
    return interactions[~pd.Series(keys).duplicated(keep="last").to_numpy()][_COLUMNS].reset_index(drop=True)
