"""Table files, read in batches of text columns: CSV, text with tabs (`.tsv`, `.txt`), either with `.gz`, and Parquet.

All values are text here; `book_rows` and `interaction_rows` parse and validate them. Column names are compared
case-insensitively, and `-`, `_` and blanks are equal.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.batch.sources.files.csv_rows import CsvRows
from services.batch.sources.files.dialect import Header, sniff
from services.batch.sources.files.encoding import TextForm, find_form, given_form, read_block
from services.batch.sources.files.parquet_rows import parquet_batches
from services.batch.sources.files.text_blocks import text_blocks
from services.batch.sources.guesses import Guess
from shared.artifacts.generation import sha256_of
from shared.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from services.batch.sources.rejects import RejectLog

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz", ".parquet")
_ENCODING_SETTING = 'encoding = "…" in nightshelf.toml'
_HEAD_BYTES = 1 << 16
_NOT_TEXT = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "compressed with gzip (its name should then end in .gz)"),
    (b"PAR1", "a Parquet file (its name should then end in .parquet)"),
    (b"SQLite format 3", "an SQLite database"),
    (b"%PDF", "a PDF document"),
)


def plain_name(column: str) -> str:
    """The normalized column name: `Book-Title` and `book_title` are equal."""
    return "_".join(column.strip().lower().replace("-", " ").replace("_", " ").split())


@dataclass(frozen=True, slots=True)
class TableFile:
    """A readable table. Make it with `open_table`."""

    path: Path
    columns: tuple[str, ...]
    header: Header | None = None
    form: TextForm | None = None

    @property
    def guesses(self) -> tuple[Guess, ...]:
        """What the file did not say itself: its encoding, and unusual separators and quotes."""
        if self.header is None or self.form is None:
            return ()
        name, dialect = self.path.name, self.header.dialect
        guesses = [Guess(f"encoding of {name}", str(self.form), _ENCODING_SETTING)] if self.form.is_guess else []
        if dialect.backslash_escapes:
            guesses.append(Guess(f"quotes in {name}", "a backslash before a quote keeps it from ending the text", ""))
        if dialect.delimiter == "\t" and dialect.quoting:
            guesses.append(Guess(f"quotes in {name}", "enclose fields", ""))
        return tuple(guesses)

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
        read = self._parquet_batches(positions) if self.header is None else self._csv_batches(positions, rejects)
        for batch, rows in read:
            values = [pc.utf8_trim_whitespace(column) for column in batch.columns]
            yield pa.table([*values, pa.array(rows)], names=[*columns, "row"])

    def frame(self, columns: Mapping[str, str], rejects: RejectLog) -> pd.DataFrame:
        """All rows of `batches` in one frame, for book tables."""
        empty = pa.table({name: pa.array([], pa.string()) for name in columns} | {"row": pa.array([], pa.int64())})
        frame: pd.DataFrame = pa.concat_tables([empty, *self.batches(columns, rejects)]).to_pandas()
        return frame

    def _csv_batches(self, positions: list[int], rejects: RejectLog) -> Iterator[tuple[pa.Table, NDArray[np.int64]]]:
        header = cast("Header", self.header)
        fields = header.fields[: len(self.columns)]
        reader = CsvRows(self.path.name, header.dialect, fields, positions, rejects)
        with _open_bytes(self.path) as file:
            yield from reader.batches(_data_blocks(file, self, rejects))

    def _parquet_batches(self, positions: list[int]) -> Iterator[tuple[pa.Table, NDArray[np.int64]]]:
        try:
            yield from parquet_batches(self.path, positions)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self.path, error) from error


def open_table(path: Path, encoding: str | None = None) -> TableFile:
    """Open a table and read its header.

    Args:
        path: the file.
        encoding: of a text file; by default it is found out, and `TableFile.guesses` tells.

    Raises:
        SourceError: the file is empty or is not a table, or the encoding is unknown.
    """
    try:
        if path.name.lower().endswith(".parquet"):
            return TableFile(path, tuple(pq.read_schema(path).names))
        form = _text_form(path, encoding)
        with _open_bytes(path) as file:
            head = next(text_blocks(file, form), b"")
        if not head:
            raise SourceError(f"{path.name} is empty.", where=str(path), hint="Export it again.")
        if b"\x00" in head[:1000]:
            raise _no_text(path, "not text")
        header = sniff(head)
    except (pa.ArrowException, OSError, EOFError, zlib.error, csv.Error) as error:
        raise _unreadable(path, error) from error
    return TableFile(path, header.columns, header, form)


def _text_form(path: Path, encoding: str | None) -> TextForm:
    with _open_bytes(path) as file:
        head = read_block(file, _HEAD_BYTES)
        if what := next((what for mark, what in _NOT_TEXT if head.startswith(mark)), None):
            raise _no_text(path, what)
        if encoding is None:
            file.seek(0)
            return find_form(file)
    try:
        return given_form(encoding, head)
    except LookupError:
        raise SourceError(
            f"There is no encoding {encoding!r}.", where=str(path), hint='For instance "utf-8" or "windows-1251".'
        ) from None


def _no_text(path: Path, what: str) -> SourceError:
    return SourceError(f"{path.name} is {what}.", where=str(path), hint="Save it as CSV in UTF-8.")


def list_tables(folder: Path) -> list[Path]:
    """The possible table files of a folder, by name, without hidden ones and texts without columns (`README.txt`)."""
    names = (
        path for path in folder.iterdir() if path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")
    )
    return sorted(path for path in names if path.is_file() and not _is_prose(path))


def _is_prose(path: Path) -> bool:
    """Whether a `.txt` file has no separator in its first line, but perhaps commas before blanks."""
    if not path.name.lower().endswith(".txt"):
        return False
    with path.open("rb") as file:
        line = file.readline(_HEAD_BYTES).replace(b"\x00", b"")
    return not re.search(rb"[\t;|]|,(?! )|^sep=", line)


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


def _data_blocks(file: BinaryIO, table: TableFile, rejects: RejectLog) -> Iterator[bytes]:
    """Blocks of data rows without the header. A truncated compressed file is read up to the damage.

    Where files were joined, the last row of one may have no line end before the header of the next.
    """
    path, header = table.path, cast("Header", table.header)
    glued = re.compile(rb"(?<=[^\n])" + re.escape(header.line) + rb"(?=\n)")
    blocks = text_blocks(file, table.form)
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
        data = block if started else block.split(b"\n", header.n_lines)[-1]
        started = True
        if len(header.fields) > 1 and header.line in data:
            data = glued.sub(b"\n" + header.line, data)
        if data:
            yield data
