"""Writes the content neighbors of each book into the content artifact."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.artifacts.content import NAME, nearest_rows
from shared.recommend.neighbor_table import save_rows
from shared.work_id import edition_groups


def save_content_neighbors(folder: Path, index: faiss.Index, vectors: NDArray[np.float32], books: pd.DataFrame) -> None:
    """Compute and save the rows that `shared.artifacts.content` describes.

    Args:
        folder: of the artifact.
        index: over the vectors; labels are item indexes.
        vectors: float32, (n_books, dim), unit rows.
        books: the snapshot's books; titles and authors identify editions of one work.
    """
    work_id = edition_groups(books["title"].tolist(), [list(names) for names in books["authors"]])
    save_rows(folder, NAME, nearest_rows(index, vectors, work_id))
