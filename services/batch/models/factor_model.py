"""The interface of a factor model: it factors a matrix of positive interactions into user and item factors.

`services.batch.models.svd` is the default, `services.batch.models.als` the alternative; both pass the same contract
tests. To add another, write a class with `factorize` and name it in `services.batch.models.registry`.
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
    """Factors whose dot product is the score of a book for a user; comparable within one user only.

    Users and books without positive interactions have zero rows. `rank` is lower than requested if the matrix has a
    lower rank; it is at least 1.

    Attributes:
        user_factors: float32, (n_users, rank).
        item_factors: float32, (n_books, rank).
        fold_in_factors: float32, (n_books, rank). The sum of the rows of a user's positive books is the user's factor,
            up to rounding. So a new user gets the same list as from a night. The sum may be weighted, see
            `services.batch.models.factors.fit_factors`.
    """

    user_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]
    fold_in_factors: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Refuse factors that are not finite.

        Raises:
            ArtifactError: a factor is not a finite number.
        """
        for name in ("user_factors", "item_factors", "fold_in_factors"):
            if not np.isfinite(getattr(self, name)).all():
                raise ArtifactError(
                    f"The factor model returned {name} that are not finite numbers.",
                    hint="Lower NIGHTSHELF_COLLABORATIVE__RANK or check the interactions for extreme values.",
                )

    @property
    def rank(self) -> int:
        """Columns of each matrix."""
        return int(self.item_factors.shape[1])


class Factorizer(Protocol):
    """A factor model. The same matrix and seed give the same factors."""

    def factorize(self, positive_interactions: csr_matrix, *, progress: Progress) -> Factors:
        """Factor `positive_interactions`, (n_users, n_books): above 0 for each liked book, no entry elsewhere.

        Rows, columns and the whole matrix may be empty.

        Raises:
            ArtifactError: a value is not finite or is below 0.
        """
        ...


def checked(positive_interactions: csr_matrix) -> csr_matrix:
    """The matrix as float32, with duplicates summed and without stored zeros.

    Raises:
        ArtifactError: a value is not finite or is below 0.
    """
    matrix = csr_matrix(positive_interactions, dtype=np.float32, copy=True)
    if not np.isfinite(matrix.data).all() or (matrix.data < 0).any():
        raise ArtifactError(
            "The matrix of positive interactions has values that are below 0 or not finite.",
            hint="Check the interactions of the snapshot for invalid values.",
        )
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def no_factors(n_users: int, n_books: int) -> Factors:
    """Factors of an empty matrix: one column of zeros."""
    return Factors(
        user_factors=np.zeros((n_users, 1), np.float32),
        item_factors=np.zeros((n_books, 1), np.float32),
        fold_in_factors=np.zeros((n_books, 1), np.float32),
    )
