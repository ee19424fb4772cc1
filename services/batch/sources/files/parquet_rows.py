"""Reads Parquet columns as the text that a CSV file would hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.batch.sources.source import LIST_SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

BATCH_ROWS = 1 << 18
_MAX_EXACT_FLOAT = 2.0**53


def parquet_batches(path: Path, positions: list[int]) -> Iterator[tuple[pa.Table, NDArray[np.int64]]]:
    """Batches of string columns `0 … len(positions) - 1`, each with its row numbers from 1.

    Raises:
        pa.ArrowException, OSError: the file is damaged.
    """
    n_rows = 0
    with pq.ParquetFile(path) as file:
        names = [file.schema_arrow.names[position] for position in positions]
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(dict.fromkeys(names))):
            texts = [as_text(batch.column(name)) for name in names]
            rows = np.arange(n_rows + 1, n_rows + len(batch) + 1, dtype=np.int64)
            yield pa.table(texts, names=[str(i) for i in range(len(texts))]), rows
            n_rows += len(batch)


def as_text(column: pa.Array) -> pa.Array:
    """A Parquet column as text.

    Missing values are `""`, whole floats have no `.0`, dates are in ISO 8601, times are seconds since 1970.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        column = pc.binary_join(column.cast(pa.list_(pa.string())), LIST_SEPARATOR)
    elif pa.types.is_date(kind):
        column = column.cast(pa.date32()).cast(pa.string())
    elif pa.types.is_timestamp(kind):
        microseconds = column.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False).cast(pa.int64())
        column = pc.divide(microseconds.cast(pa.float64()), 1e6)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
        is_whole = pc.and_(pc.equal(column, pc.floor(column)), pc.less(pc.abs(column), _MAX_EXACT_FLOAT))
        whole = pc.if_else(is_whole, column, None).cast(pa.int64())
        column = pc.coalesce(whole.cast(pa.string()), column.cast(pa.string()))
    if pa.types.is_binary(column.type):
        texts = [None if value is None else value.decode("utf-8", "replace") for value in column.to_pylist()]
        column = pa.array(texts, pa.string())
    return pc.fill_null(column.cast(pa.string()), "")
