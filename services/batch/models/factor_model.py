"""The interface of a factor model: a matrix of positive interactions in, factors of users and books out.

`services.batch.models.svd` is the default, `services.batch.models.als` the second implementation; both pass one
contract suite. To add another, write a class with `factorize` and name it in `services.batch.models.registry`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.batch.runtime.progress import Progress
from shared.errors import ArtifactError


@dataclass(frozen=True, slots=True)
class Factors:
    """Factors whose dot product is how much a user is expected to like a book; comparable within one user only.

    A user or a book without positives has a row of zeros. `rank` may be smaller than asked for where the matrix holds
    less; it is at least 1.

    Attributes:
        user_factors: float32, (n_users, rank).
        item_factors: float32, (n_books, rank).
        fold_in_factors: float32, (n_books, rank). The sum of the rows of a user's positive books is that user's
            factor, up to rounding, so that a new user gets the list the night would have made. The books in that sum
            may be weighted, see `services.batch.models.factors.fit_factors`.
    """

    user_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]
    fold_in_factors: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Refuse factors that no list could be made of.

        Raises:
            ArtifactError: a factor is not a finite number.
        """
        for name in ("user_factors", "item_factors", "fold_in_factors"):
            if not np.isfinite(getattr(self, name)).all():
                raise ArtifactError(
                    f"The factor model gave {name} that are not finite numbers.",
                    hint="Lower NIGHTSHELF_COLLABORATIVE__RANK or look for extreme values in the interactions.",
                )

    @property
    def rank(self) -> int:
        """Columns of each matrix."""
        return int(self.item_factors.shape[1])


class Factorizer(Protocol):
    """Something that factors a matrix of positives. The same matrix and seed give the same factors."""

    def factorize(self, positive_interactions: csr_matrix, *, progress: Progress) -> Factors:
        """Factor `positives`, (n_users, n_books): above 0 where the user liked the book, absent elsewhere.

        Rows and columns may be empty, and so may the matrix.

        Raises:
            ArtifactError: a value is not finite or is below 0.
        """
        ...


def checked(positive_interactions: csr_matrix) -> csr_matrix:
    """Return `positives` as float32, duplicates summed, without stored zeros.

    Raises:
        ArtifactError: a value is not finite or is below 0.
    """
    matrix = csr_matrix(positive_interactions, dtype=np.float32, copy=True)
    if not np.isfinite(matrix.data).all() or (matrix.data < 0).any():
        raise ArtifactError(
            "The matrix of positives holds values that are below 0 or not finite.",
            hint="Look for damaged values in the interactions of the snapshot.",
        )
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def no_factors(n_users: int, n_books: int) -> Factors:
    """Factors of a matrix without a single positive: one column of zeros."""
    return Factors(
        user_factors=np.zeros((n_users, 1), np.float32),
        item_factors=np.zeros((n_books, 1), np.float32),
        fold_in_factors=np.zeros((n_books, 1), np.float32),
    )
