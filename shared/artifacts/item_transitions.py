"""Item transitions and trending books, opened for serving; both are in the collaborative artifact.

`item_transitions` is a table of `shared.recommend.neighbor_table`: for each book, what its readers read next (see
`services.batch.models.item_transitions`). It has fewer rows than the catalogue if it is older. Trending books are the
same for every user (`services.batch.models.trending`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shared.deprecated import existing_file
from shared.recommend.neighbor_table import NO_CANDIDATES, Candidates, NeighborTable, open_rows, table_files

NAME = "item_transitions"
FILES = table_files(NAME)
TRENDING_FILES = ("trending.numbers.npy", "trending.scores.npy")
_NO_ROWS = (np.empty((0, 0), np.int32), np.empty((0, 0), np.float32))


def open_item_transitions(path: Path) -> NeighborTable:
    """The table of a collaborative artifact's folder; empty if an older version wrote none.

    Raises:
        ArtifactError: the files do not belong together.
    """
    return NeighborTable(open_rows(path, NAME) or _NO_ROWS, name=NAME)


def open_trending(path: Path) -> Candidates:
    """Item indexes and scores, best first; empty if an older version wrote none."""
    if not existing_file(path, TRENDING_FILES[0]).exists():
        return NO_CANDIDATES
    item_index, scores = (np.load(existing_file(path, name)) for name in TRENDING_FILES)
    return item_index, scores
