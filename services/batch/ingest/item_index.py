"""Item indexes: assigned once, in the order of the source, never changed and never reused."""

from __future__ import annotations

import numpy as np
import pandas as pd


def number_books(known: pd.DataFrame | None, books: pd.DataFrame) -> pd.DataFrame:
    """Merge the books of a source with all known books.

    Args:
        known: books of the last snapshot, row i has item index i; `None` before the first snapshot.
        books: the current books of the source: `BOOK_COLUMNS` of `services.batch.sources.source`, ids distinct.

    Returns:
        All known books, row i has item index i, with `book_number` (int32) and `active`. Books in the source have its
        metadata and are active; the others keep their old metadata and are inactive. New ids get item indexes from
        `len(known)` on, in the order of the source.
    """
    if known is None:
        known = books.iloc[:0]
    item_index = pd.Index(known["book_id"], dtype=object).get_indexer(pd.Index(books["book_id"], dtype=object))
    is_new = item_index < 0
    item_index[is_new] = len(known) + np.arange(int(is_new.sum()))
    current = books.assign(book_number=item_index.astype(np.int32), active=True)
    is_gone = np.ones(len(known), dtype=bool)
    is_gone[item_index[~is_new]] = False
    if not is_gone.any():
        return current.sort_values("book_number", ignore_index=True)
    gone = known.assign(book_number=np.arange(len(known), dtype=np.int32), active=False)[is_gone]
    return pd.concat([gone[current.columns], current]).sort_values("book_number", ignore_index=True)
