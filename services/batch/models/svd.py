"""Scaled SVD: a truncated singular value decomposition of the normalized matrix of positive interactions.

A is the matrix of positive interactions (n_users, n_books), D_u and D_b are the diagonal matrices of its counts per
user and per book:

    B = D_u^-a A D_b^-b ≈ U S V^T            (rank k)
    user factors = A · V_left                V_left  = D_b^-b V   (also the fold-in factors)
    scores       = A · V_left · V_right      V_right = V^T        (V: the item factors)

Since B V = U S, a row of scores is the row of the best rank-k approximation of B (Eckart and Young, 1936) times the
user's D_u^a. This positive factor does not change the ranking, so it is left out. A user's scores then depend only on
the user's books, so fold-in is exact: the same books give the same scores.

The scaling keeps active users (a) and popular books (b) from dominating the leading singular vectors; a = b = 1/2 is
the normalized adjacency of spectral graph methods, a = b = 0 is PureSVD (Cremonesi, Koren and Turrin, "Performance of
recommender algorithms on top-N recommendation tasks", RecSys 2010). V comes from randomized subspace iteration (Halko,
Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53, 2011, algorithm 4.4), where bases are
orthonormalized with the eigenvectors of their small Gram matrix in float64. This also truncates rank-deficient bases.

This implementation is faster than the libraries: on 50,000 users, 10,000 books and rank 128, scikit-learn's
`randomized_svd` takes 1.5 times the processor time with its LU normalizer and 2.7 times with QR,
`scipy.sparse.linalg.svds` 3.4 times. Random data without structure is the hardest case for accuracy: there
`randomized_svd` captures 1 % more of the squared norm, `svds` 4 % (`make bench-own-code`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.batch.models.factor_model import Factors, checked, no_factors
from services.batch.runtime.progress import Progress

OVERSAMPLING = 32  # extra columns, cut at the end: they make the last wanted directions accurate
ITERATIONS = 4
_ROWS_AT_ONCE = 16_384  # rows converted to float64 at a time
# Singular values below this share of the largest are rounding errors: float32 sums are accurate to about 1e-6.
_NEGLIGIBLE = 1e-5


@dataclass(frozen=True)
class ScaledSvd:
    """The default factor model.

    Attributes:
        rank: singular vectors kept; fewer if the matrix has fewer.
        user_exponent: a, in [0, 1]; 0 weights users by activity, 1/2 gives all users about equal weight.
        book_exponent: b, in [0, 1]; the same for books.
        seed: of the random initialization; the same seed and matrix give the same factors.
    """

    rank: int
    user_exponent: float
    book_exponent: float
    seed: int

    def factorize(self, positive_interactions: csr_matrix, *, progress: Progress) -> Factors:
        """See `Factorizer.factorize`."""
        matrix = checked(positive_interactions)
        n_users, n_books = matrix.shape
        if not matrix.nnz:
            return no_factors(n_users, n_books)
        book_weights = _dampening(np.bincount(matrix.indices, minlength=n_books), self.book_exponent)
        weighted = csr_matrix((matrix.data * book_weights[matrix.indices], matrix.indices, matrix.indptr), matrix.shape)
        per_user = np.diff(matrix.indptr)
        of_users = np.repeat(_dampening(per_user, self.user_exponent), per_user)
        scaled = csr_matrix((weighted.data * of_users, matrix.indices, matrix.indptr), matrix.shape)

        right = right_singular_vectors(scaled, self.rank, seed=self.seed, progress=progress)
        right[np.bincount(matrix.indices, minlength=n_books) == 0] = 0
        return Factors(
            user_factors=np.asarray(weighted @ right, np.float32),
            item_factors=right,
            fold_in_factors=right * book_weights[:, None],
        )


def right_singular_vectors(matrix: csr_matrix, rank: int, *, seed: int, progress: Progress) -> NDArray[np.float32]:
    """The leading right singular vectors as columns, float32, (n_columns, at most `rank`), largest first.

    The largest entry of each is positive. Directions with singular values at rounding level are left out. `matrix` is
    float32 and has at least one nonzero value.
    """
    n_columns = matrix.shape[1]
    width = min(rank + OVERSAMPLING, *matrix.shape)
    basis = np.random.default_rng(seed).standard_normal((n_columns, width), dtype=np.float32)
    with progress.task("Factoring", ITERATIONS) as advance:
        for _ in range(ITERATIONS):
            basis = _orthonormal(matrix.T @ _orthonormal(matrix @ basis))
            advance(1)
    squared, rotation = _principal(matrix @ basis)
    kept = np.flatnonzero(squared > _NEGLIGIBLE**2 * squared[0])[:rank]
    vectors: NDArray[np.float32] = basis @ rotation[:, kept].astype(np.float32)
    largest = np.abs(vectors).argmax(axis=0)
    vectors *= np.sign(vectors[largest, np.arange(len(kept))])
    return vectors


def _dampening(counts: NDArray[np.int64], exponent: float) -> NDArray[np.float32]:
    """`counts` to the power of -`exponent`; 1 where the count is 0."""
    dampening: NDArray[np.float32] = (np.maximum(counts, 1) ** -float(exponent)).astype(np.float32)
    return dampening


def _orthonormal(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """An orthonormal basis of the column space; narrower than `columns` if these are linearly dependent."""
    squared, rotation = _principal(columns)
    kept = squared > _NEGLIGIBLE**2 * squared[0]
    basis: NDArray[np.float32] = columns @ (rotation[:, kept] / np.sqrt(squared[kept])).astype(np.float32)
    return basis


def _principal(columns: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squared singular values of `columns`, largest first, and the rotation onto their directions."""
    gram = np.zeros((columns.shape[1], columns.shape[1]))
    for first in range(0, len(columns), _ROWS_AT_ONCE):
        rows = columns[first : first + _ROWS_AT_ONCE].astype(np.float64)
        gram += rows.T @ rows
    squared, rotation = np.linalg.eigh(gram)
    return squared[::-1], rotation[:, ::-1]
