"""Numbers as text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_DECIMAL_COMMA = r"^([+-]?\d+),(\d+)$"


def parse_numbers(texts: pa.Array) -> NDArray[np.float64]:
    """Parse numbers (`4`, `4.5`, `4,5`, `1e9`), shape (n,); NaN where a text is not a number."""
    texts = pc.replace_substring_regex(texts, _DECIMAL_COMMA, r"\1.\2")
    numbers = pc.if_else(pc.match_substring_regex(texts, _NUMBER), pc.utf8_ltrim(texts, "+"), None).cast(pa.float64())
    return np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)
