"""Table files, `.csv`, `.csv.gz` or `.parquet`, read in batches of text columns.

All values are text here; `book_rows` and `interaction_rows` parse and validate them. Column names are compared
case-insensitively, and `-`, `_` and blanks are equal.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.batch.sources.files.csv_rows import CsvRows, Dialect, sniff, text_blocks
from services.batch.sources.source import LIST_SEPARATOR
from shared.artifacts.generation import sha256_of
from shared.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from services.batch.sources.rejects import RejectLog

SUFFIXES = (".csv", ".csv.gz", ".parquet")
PARQUET_BATCH_ROWS = 1 << 18
_MAX_EXACT_FLOAT = 2.0**53
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def plain_name(column: str) -> str:
    """The normalized column name: `Book-Title` and `book_title` are equal."""
    return "_".join(column.strip().lower().replace("-", " ").replace("_", " ").split())


@dataclass(frozen=True, slots=True)
class TableFile:
    """A readable table. Make it with `open_table`."""

    path: Path
    columns: tuple[str, ...]
    dialect: Dialect | None

    @property
    def stem(self) -> str:
        """The file's name in lower case, without any of `SUFFIXES`."""
        name = self.path.name.lower()
        return next(name.removesuffix(suffix) for suffix in reversed(SUFFIXES) if name.endswith(suffix))

    def position(self, column: str) -> int | None:
        """The position of a column, or `None`."""
        names = [plain_name(name) for name in self.columns]
        wanted = plain_name(column)
        return names.index(wanted) if wanted in names else None

    def __contains__(self, column: str) -> bool:
        return self.position(column) is not None

    def require(self, columns: Sequence[str]) -> None:
        """Check that the file has all of these columns.

        Raises:
            SourceError: names the missing columns, the file, and its columns.
        """
        missing = [column for column in columns if column not in self]
        if missing:
            raise SourceError(
                f"{self.path.name} has no column {' and no column '.join(repr(column) for column in missing)}; "
                f"its columns are {', '.join(self.columns)}.",
                where=str(self.path),
                hint="Rename the column, or map it in a nightshelf.toml in the same folder (see docs/sources.md).",
            )

    def batches(self, columns: Mapping[str, str], rejects: RejectLog) -> Iterator[pa.Table]:
        """Read columns, in batches.

        Args:
            columns: output column name -> column name in the file.
            rejects: receives rows that cannot be split into fields.

        Yields:
            Tables with these columns as stripped text, `""` if missing, and `row` (int64, 1 is the first data row).
            Lists (Parquet) are joined with `LIST_SEPARATOR`.

        Raises:
            SourceError: a column is missing, or the file is damaged at its start.
        """
        self.require(list(columns.values()))
        positions = [cast("int", self.position(name)) for name in columns.values()]
        read = self._parquet_batches(positions) if self.dialect is None else self._csv_batches(positions, rejects)
        for batch, rows in read:
            values = [pc.utf8_trim_whitespace(column) for column in batch.columns]
            yield pa.table([*values, pa.array(rows)], names=[*columns, "row"])

    def frame(self, columns: Mapping[str, str], rejects: RejectLog) -> pd.DataFrame:
        """All rows of `batches` in one frame, for book tables."""
        empty = pa.table({name: pa.array([], pa.string()) for name in columns} | {"row": pa.array([], pa.int64())})
        frame: pd.DataFrame = pa.concat_tables([empty, *self.batches(columns, rejects)]).to_pandas()
        return frame

    def _csv_batches(self, positions: list[int], rejects: RejectLog) -> Iterator[tuple[pa.Table, NDArray[np.int64]]]:
        reader = CsvRows(self.path.name, cast("Dialect", self.dialect), len(self.columns), positions, rejects)
        with _open_bytes(self.path) as file:
            yield from reader.batches(_data_blocks(file, self.path, rejects))

    def _parquet_batches(self, positions: list[int]) -> Iterator[tuple[pa.Table, NDArray[np.int64]]]:
        n_rows = 0
        try:
            with pq.ParquetFile(self.path) as file:
                names = [file.schema_arrow.names[position] for position in positions]
                for batch in file.iter_batches(batch_size=PARQUET_BATCH_ROWS, columns=list(dict.fromkeys(names))):
                    texts = [_as_text(batch.column(name)) for name in names]
                    rows = np.arange(n_rows + 1, n_rows + len(batch) + 1, dtype=np.int64)
                    yield pa.table(texts, names=[str(i) for i in range(len(texts))]), rows
                    n_rows += len(batch)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self.path, error) from error


def open_table(path: Path) -> TableFile:
    """Open a table and read its header.

    Raises:
        SourceError: the file is empty or is not a table.
    """
    try:
        if path.name.lower().endswith(".parquet"):
            return TableFile(path, tuple(pq.read_schema(path).names), None)
        with _open_bytes(path) as file:
            head = next(text_blocks(file), b"")
        if not head:
            raise SourceError(f"{path.name} is empty.", where=str(path), hint="Export it again.")
        if head.startswith(_UTF16_MARKS) or b"\x00" in head[:1000]:
            raise SourceError(f"{path.name} is not UTF-8 text.", where=str(path), hint="Save it as CSV in UTF-8.")
        dialect, columns = sniff(head)
    except (pa.ArrowException, OSError, EOFError, zlib.error, csv.Error) as error:
        raise _unreadable(path, error) from error
    return TableFile(path, tuple(columns), dialect)


def list_tables(folder: Path) -> list[Path]:
    """The possible table files of a folder, by name, without hidden ones."""
    names = (
        path for path in folder.iterdir() if path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")
    )
    return sorted(path for path in names if path.is_file())


def fingerprint_files(kind: str, paths: Sequence[Path]) -> str:
    """A hash of the source kind and of the names, sizes and contents of the files."""
    digest = hashlib.sha256(kind.encode())
    for path in sorted(paths):
        digest.update(f"\n{path.name} {path.stat().st_size} {sha256_of(path)}".encode())
    return digest.hexdigest()


def _unreadable(path: Path, error: BaseException) -> SourceError:
    return SourceError(f"{path.name} cannot be read: {error}.", where=str(path), hint="Export it again.")


def _open_bytes(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path)) if path.name.lower().endswith(".gz") else path.open("rb")


def _data_blocks(file: BinaryIO, path: Path, rejects: RejectLog) -> Iterator[bytes]:
    """Blocks of data rows without the header. A truncated compressed file is read up to the damage."""
    blocks = text_blocks(file)
    started = False
    while True:
        try:
            block = next(blocks, None)
        except (EOFError, OSError, zlib.error) as error:
            if not started:
                raise _unreadable(path, error) from error
            rejects.add(path.name, 0, "file", str(error), "compressed file is damaged from here on")
            return
        if block is None:
            return
        data = block if started else block.split(b"\n", 1)[1]
        started = True
        if data:
            yield data


def _as_text(column: pa.Array) -> pa.Array:
    """A Parquet column as text: missing values as `""`, whole floats without `.0`, times as seconds since 1970."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        column = pc.binary_join(column.cast(pa.list_(pa.string())), LIST_SEPARATOR)
    elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
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
