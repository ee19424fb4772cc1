"""EASE, a linear autoencoder over books in closed form: Steck, "Embarrassingly shallow autoencoders", WWW 2019.

X is the matrix of positive interactions, P = (X^T X + λI)^-1 and B = I - P · diag(P)^-1. A book's score is the sum of
its column of B over the user's books. B is dense over all liked books, which limits their number. With fewer users than
books, P is computed as (I - X^T (X X^T + λI)^-1 X) / λ (Woodbury), which inverts the smaller matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.batch.evaluate.baselines.recommender import FittedRecommender, ScoreRanker
from services.batch.ingest.training_data import Training
from services.batch.runtime.progress import Progress
from shared.errors import ModelError

MOST_BOOKS = 30_000


@dataclass(frozen=True)
class Ease:
    """EASE.

    Attributes:
        regularization: λ.
        history_decay: weight of each of a user's books relative to the one newer, when scoring; 1 is EASE as published.
    """

    regularization: float = 250.0
    history_decay: float = 1.0
    name: str = "ease"
    title: ClassVar[str] = "EASE"

    def fit(self, training: Training, *, threads: int, progress: Progress) -> FittedRecommender:
        """Compute B.

        Raises:
            ModelError: more than 30,000 books have a positive interaction.
        """
        liked = np.flatnonzero(training.popularity)
        if len(liked) > MOST_BOOKS:
            raise ModelError(f"EASE inverts a matrix of {len(liked):,} books; the maximum is {MOST_BOOKS:,}.")
        positive_interactions = training.positive_interactions[:, liked].tocsr()
        with progress.task("Inverting", 1) as advance:
            weights = weights_of(positive_interactions, self.regularization, threads=threads)
            advance(1)

        histories = training.histories.weighted(decay=self.history_decay, n=training.n_books)[:, liked].tocsr()

        def scores(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            of_all = np.zeros((len(rows), training.n_books), np.float32)
            of_all[:, liked] = histories[rows] @ weights
            return of_all

        return ScoreRanker(training, scores)


def weights_of(positive_interactions: csr_matrix, regularization: float, *, threads: int) -> NDArray[np.float32]:
    """B: float32, (n_books, n_books), its diagonal 0.

    Args:
        positive_interactions: X, float32, (n_users, n_books), sparse.
        regularization: λ.
        threads: threads to invert with.
    """
    n_users, n_books = positive_interactions.shape
    if n_users < n_books:
        inverse = _inverse(positive_interactions @ positive_interactions.T, regularization, threads)
        precision: NDArray[np.float32] = positive_interactions.T @ np.asarray(positive_interactions.T @ inverse).T
        precision *= -1
        precision[np.diag_indices(n_books)] += 1
    else:
        precision = _inverse(positive_interactions.T @ positive_interactions, regularization, threads)
    precision /= -np.diag(precision).copy()[None, :]
    np.fill_diagonal(precision, 0)
    return precision


def _inverse(gram: csr_matrix, regularization: float, threads: int) -> NDArray[np.float32]:
    """The inverse of `gram` + λI: dense, symmetric, float32."""
    import torch  # noqa: PLC0415  # its LAPACK inverts large matrices in place; slow to import

    dense: NDArray[np.float32] = gram.toarray().astype(np.float32)
    if not len(dense):
        return dense
    dense[np.diag_indices(len(dense))] += regularization
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        matrix = torch.from_numpy(dense)
        torch.linalg.cholesky(matrix, out=matrix)
        torch.cholesky_inverse(matrix, out=matrix)
    finally:
        torch.set_num_threads(before)
    return dense
