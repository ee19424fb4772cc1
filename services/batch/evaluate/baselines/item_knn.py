"""Item-based nearest neighbors: cosine between the columns of the rating matrix; missing ratings are 0.

Deshpande and Karypis, "Item-based top-N recommendation algorithms", ACM TOIS 22 (2004): the score of a book is the sum
of the user's ratings of its nearest books, each weighted by its similarity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from services.batch.evaluate.baselines.recommender import FittedRecommender, ScoreRanker
from services.batch.ingest.training_data import Training
from services.batch.runtime.progress import Progress

_SIMILARITIES_AT_ONCE = 8_000_000


@dataclass(frozen=True)
class ItemKnn:
    """Cosine over the zero-filled matrix of stars.

    Attributes:
        n_neighbors: neighbors used per book.
        history_decay: weight of each liked book relative to the next newer one, when scoring; `None` uses the stars of
            all rated books instead, as published.
    """

    n_neighbors: int = 50
    history_decay: float | None = None
    name: str = "item-knn"
    title: ClassVar[str] = "Item-kNN, cosine"

    def fit(self, training: Training, *, threads: int, progress: Progress) -> FittedRecommender:  # noqa: ARG002  # the interface
        """Find the neighbors of each book."""
        stars = training.stars
        lengths = np.sqrt(np.asarray(stars.multiply(stars).sum(axis=0)).ravel())
        lengths[lengths == 0] = 1
        scaled = csr_matrix((stars.data / lengths[stars.indices], stars.indices, stars.indptr), stars.shape)
        by_book = scaled.T.tocsr().astype(np.float32)
        at_once = max(1, _SIMILARITIES_AT_ONCE // training.n_books)
        blocks = []
        with progress.task("Neighbors of books", training.n_books) as advance:
            for first in range(0, training.n_books, at_once):
                similarities = (by_book[first : first + at_once] @ scaled).toarray().astype(np.float32)
                own = np.arange(len(similarities))
                similarities[own, first + own] = 0
                blocks.append(_largest(similarities, self.n_neighbors))
                advance(len(similarities))
        onto = vstack(blocks, format="csr").T.tocsr()
        decay = self.history_decay
        histories = stars if decay is None else training.histories.weighted(decay=decay, n=training.n_books)

        def scores(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            return np.asarray((histories[rows] @ onto).toarray(), np.float32)

        return ScoreRanker(training, scores)


def _largest(block: NDArray[np.float32], n: int) -> csr_matrix:
    """The `n` largest positive values of each row; the others are dropped."""
    n = min(n, block.shape[1])
    columns = np.argpartition(-block, n - 1, axis=1)[:, :n]
    values = np.take_along_axis(block, columns, axis=1)
    rows = np.repeat(np.arange(len(block)), n)
    kept = values.ravel() > 0
    return csr_matrix((values.ravel()[kept], (rows[kept], columns.ravel()[kept])), shape=block.shape)
