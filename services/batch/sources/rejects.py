"""What the reading of a source met: rejected rows and values with their reasons, rows kept with a remark, and guesses.

Counts are complete; details of rejects are limited per reason.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from services.batch.sources.guesses import Guess

MAX_DETAILS_PER_REASON = 100_000
MAX_VALUE_CHARACTERS = 200

SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("row", pa.int64()),
        ("field", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
    ]
)


_ROW_STAYS = ("; left empty", "; kept under an id of its own")


def row_stays(reason: str) -> bool:
    """Whether a row with this reason was kept: only a value of it was refused."""
    return reason.endswith(_ROW_STAYS)


class RejectLog:
    """Collects the rejects of one ingest.

    Args:
        max_details_per_reason: detailed rows per reason, to bound memory. `counts` counts all.

    Attributes:
        counts: rejects by reason.
        kept: rows that were kept although something was missing, by what was made of them.
        guesses: in the order in which they were made.
    """

    def __init__(self, max_details_per_reason: int = MAX_DETAILS_PER_REASON) -> None:
        self.counts: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self.guesses: list[Guess] = []
        self._max_details = max_details_per_reason
        self._tables: list[pa.Table] = []

    @property
    def total(self) -> int:
        """Number of all rejects, including those without details."""
        return self.counts.total()

    @property
    def n_set_aside(self) -> int:
        """Number of rows set aside, without those of which only a value was refused."""
        return sum(n for reason, n in self.counts.items() if not row_stays(reason))

    def add(self, source: str, row: int, field: str, value: str, reason: str) -> None:
        """Reject one row or value. `row` 1 is the first data row of the file `source`."""
        self.add_many(source, np.array([row], dtype=np.int64), field, [value], reason)

    def add_many(self, source: str, rows: NDArray[np.int64], field: str, values: Sequence[object], reason: str) -> None:
        """Reject rows or values that share a field and a reason.

        Args:
            source: file name.
            rows: shape (n,), int64; 1 is the first data row.
            field: the invalid column; `row` for the whole row.
            values: n invalid values, as text (a sequence, or a pyarrow array of strings).
            reason: a short phrase, the same for all rows with this error; `counts` groups by it.
        """
        if not len(rows):
            return
        room = max(0, self._max_details - self.counts[reason])
        self.counts[reason] += len(rows)
        if not room:
            return
        kept = [str(value)[:MAX_VALUE_CHARACTERS] for value in values[:room]]
        n_kept = len(kept)
        columns = [[source] * n_kept, rows[:room], [field] * n_kept, kept, [reason] * n_kept]
        self._tables.append(
            pa.table(
                [pa.array(column, type_) for column, type_ in zip(columns, SCHEMA.types, strict=True)], schema=SCHEMA
            )
        )

    def keep(self, remark: str, n: int) -> None:
        """Count `n` rows that were kept although something was missing."""
        self.kept[remark] += n

    def guess(self, guess: Guess) -> None:
        """Record a guess about the source."""
        self.guesses.append(guess)

    def take_over(self, details: pa.Table, counts: dict[str, int]) -> None:
        """Add the rejects of an earlier ingest unchanged."""
        self._tables.append(details)
        self.counts.update(counts)

    def table(self) -> pa.Table:
        """The detailed rejects, in order: source, row, field, value, reason."""
        return pa.concat_tables([SCHEMA.empty_table(), *self._tables]).combine_chunks()
