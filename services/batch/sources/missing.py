"""Texts that say that a value is missing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MISSING_TEXTS = frozenset(
    {
        "", "null", "(null)", "<null>", "nan", "-nan", "none", "nil", "n/a", "#n/a", "<na>", "nat", "\\n", "undefined",
        "-", "--", "?",
    }
)  # fmt: skip
"""In lower case. Programs write them for an empty cell; no id consists of them."""
_EXACTLY = frozenset({"NA"})  # of R; in lower case it is a name


def are_missing(texts: pa.Array) -> NDArray[np.bool_]:
    """bool, (n,): whether each stripped text stands for an empty cell."""
    lower = pc.is_in(pc.utf8_lower(texts), pa.array(sorted(MISSING_TEXTS)))
    found = pc.or_(lower, pc.is_in(texts, pa.array(sorted(_EXACTLY))))
    missing: NDArray[np.bool_] = np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)
    return missing
