"""Reads real-world CSV files in blocks; broken rows do not stop it.

Lines that are not UTF-8 are decoded as Windows-1252 (a superset of printable Latin-1), so one wrong byte affects one
line only. pyarrow parses the blocks. A block with a quote that is not closed on its line (a multi-line text, or damage)
is parsed row by row instead; reading resumes on the line after the damage.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow import csv as pyarrow_csv

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from services.batch.sources.rejects import RejectLog

BLOCK_BYTES = 8 << 20
MAX_RECORD_LINES = 1_000
DELIMITERS = ",;\t|"
_END = "\n\n"  # a sentinel: no line of a file equals it
_BOM = b"\xef\xbb\xbf"
_BACKSLASH_QUOTE = re.compile(rb'\\"(?!["\r\n,;\t|])')


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""The field separator of a file, and whether a quote in a quoted field may be `\"` (`""` always works)."""

    delimiter: str
    backslash_escapes: bool

    @property
    def escape(self) -> str | None:
        """The escape character for the csv module."""
        return "\\" if self.backslash_escapes else None


def sniff(head: bytes) -> tuple[Dialect, list[str]]:
    """The dialect and the column names of a file, from its first block (as `text_blocks` gives it)."""
    header = head.split(b"\n", 1)[0].decode()
    parsed = {delimiter: next(csv.reader([header], delimiter=delimiter), []) for delimiter in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda candidate: len(parsed[candidate]))
    dialect = Dialect(delimiter, backslash_escapes=delimiter == ";" or bool(_BACKSLASH_QUOTE.search(head)))
    return dialect, [name.strip() for name in parsed[delimiter]]


def text_blocks(file: BinaryIO, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    r"""Complete lines as UTF-8, each terminated by one `\n`, without byte order mark and empty lines."""
    rest = file.read(len(_BOM)).removeprefix(_BOM)
    while data := file.read(block_bytes):
        complete, newline, tail = data.rpartition(b"\n")
        if not newline:
            rest += data
            continue
        if block := _normalised(rest + complete):
            yield block
        rest = tail
    if block := _normalised(rest):
        yield block


def _normalised(block: bytes) -> bytes:
    block = block.replace(b"\r\n", b"\n").rstrip(b"\r").replace(b"\r", b" ")
    try:
        block.decode()
    except UnicodeDecodeError:
        block = b"\n".join(_as_utf8(line) for line in block.split(b"\n"))
    if b"\n\n" in block:
        block = re.sub(rb"\n{2,}", b"\n", block)
    block = block.strip(b"\n")
    return block + b"\n" if block else b""


def _as_utf8(line: bytes) -> bytes:
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding).encode()
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1").encode()


class CsvRows:
    """Reads the data rows of one file, in batches.

    Args:
        source: file name, for rejects.
        dialect: see `sniff`.
        n_columns: required number of fields; other rows are rejected.
        wanted: positions of the columns to return.
        rejects: receives broken rows.
    """

    def __init__(
        self, source: str, dialect: Dialect, n_columns: int, wanted: Sequence[int], rejects: RejectLog
    ) -> None:
        self._source = source
        self._dialect = dialect
        self._n_columns = n_columns
        self._wanted = list(wanted)
        self._rejects = rejects
        self._n_rows = 0

    def batches(self, blocks: Iterator[bytes]) -> Iterator[tuple[pa.Table, NDArray[np.int64]]]:
        """Batches of string columns `0 … len(wanted) - 1`, each with its row numbers (1: first after the header).

        Args:
            blocks: the data rows from `text_blocks`, without the header.
        """
        pending = b""
        for block in blocks:
            batch, pending = self._parse(pending + block, at_end=False)
            yield batch
        if pending:
            yield self._parse(pending, at_end=True)[0]

    def _parse(self, block: bytes, *, at_end: bool) -> tuple[tuple[pa.Table, NDArray[np.int64]], bytes]:
        odd = _lines_with_odd_quotes(block, self._dialect)
        if not len(odd):
            batch = self._parse_whole(block)
            if batch is not None:
                return batch, b""
        return self._parse_by_row(block, odd, at_end=at_end)

    def _parse_whole(self, block: bytes) -> tuple[pa.Table, NDArray[np.int64]] | None:
        """Parse a block of one-line rows; `None` if pyarrow fails or finds a different number of rows."""
        broken: list[tuple[int, int, str]] = []

        def set_aside(row: pyarrow_csv.InvalidRow) -> str:
            broken.append((row.number, row.actual_columns, row.text))
            return "skip"

        names = [str(position) for position in range(self._n_columns)]
        wanted = [names[position] for position in self._wanted]
        try:
            table = pyarrow_csv.read_csv(
                pa.BufferReader(block),
                # pyarrow numbers skipped rows only with one thread.
                read_options=pyarrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=len(block) + 1),
                parse_options=pyarrow_csv.ParseOptions(
                    delimiter=self._dialect.delimiter,
                    escape_char=self._dialect.escape or False,
                    invalid_row_handler=set_aside,
                ),
                convert_options=pyarrow_csv.ConvertOptions(
                    include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
                ),
            )
        except pa.ArrowInvalid:
            return None
        n_lines = block.count(b"\n")
        if table.num_rows + len(broken) != n_lines:
            return None
        kept = np.ones(n_lines, dtype=bool)
        for number, n_found, text in broken:
            kept[number - 1] = False
            self._reject_count(self._n_rows + number, n_found, text)
        rows = self._n_rows + 1 + np.flatnonzero(kept)
        self._n_rows += n_lines
        return table.rename_columns([str(i) for i in range(len(wanted))]), rows

    def _parse_by_row(
        self, block: bytes, odd: NDArray[np.int64], *, at_end: bool
    ) -> tuple[tuple[pa.Table, NDArray[np.int64]], bytes]:
        lines = block.decode().split("\n")[:-1]
        next_odd = np.append(odd, len(lines))
        columns: list[list[str]] = [[] for _ in self._wanted]
        rows: list[int] = []
        i = 0
        while i < len(lines):
            fields = self._fields(lines[i])
            n_lines = 1
            if fields is None:
                end = int(next_odd[np.searchsorted(next_odd, i, side="right")]) if i < len(lines) - 1 else len(lines)
                if end == len(lines) and not at_end and end - i <= MAX_RECORD_LINES:
                    break
                if end < len(lines) and end - i < MAX_RECORD_LINES:
                    fields = self._joined(lines[i : end + 1])
                    n_lines = end + 1 - i if fields else 1
            self._n_rows += 1
            if fields is None:
                self._rejects.add(self._source, self._n_rows, "row", lines[i], "quote is never closed")
            elif len(fields) != self._n_columns:
                self._reject_count(self._n_rows, len(fields), lines[i])
            else:
                rows.append(self._n_rows)
                for column, position in zip(columns, self._wanted, strict=True):
                    column.append(fields[position])
            i += n_lines
        table = pa.table({str(i): pa.array(column, pa.string()) for i, column in enumerate(columns)})
        rest = "".join(f"{line}\n" for line in lines[i:]).encode()
        return (table, np.array(rows, dtype=np.int64)), rest

    def _fields(self, line: str, *, strict: bool = False) -> list[str] | None:
        """The fields of a row; `None` if its last quote is open or it is not CSV."""
        lines = iter([*(f"{part}\n" for part in line.split("\n")), _END])
        reader = csv.reader(lines, delimiter=self._dialect.delimiter, escapechar=self._dialect.escape, strict=strict)
        try:
            fields = next(reader)
        except csv.Error:
            return None
        # With an open quote, the reader has consumed the sentinel.
        return fields if next(lines, None) == _END else None

    def _joined(self, lines: list[str]) -> list[str] | None:
        """The fields of a multi-line row; `None` unless it is well-formed and contains no complete rows."""
        fields = self._fields("\n".join(lines), strict=True)
        if fields is None or len(fields) != self._n_columns:
            return None
        swallowed = lines[1:-1]
        return None if swallowed and all(self._looks_like_row(line) for line in swallowed) else fields

    def _looks_like_row(self, line: str) -> bool:
        """Whether a line has the right number of fields and is not prose with a blank after each comma."""
        fields = self._fields(line)
        return (
            fields is not None
            and len(fields) == self._n_columns
            and not any(field[:1].isspace() for field in fields[1:])
        )

    def _reject_count(self, row: int, n_found: int, text: str) -> None:
        reason = "fewer fields than the header" if n_found < self._n_columns else "more fields than the header"
        self._rejects.add(self._source, row, "row", text, reason)


def _lines_with_odd_quotes(block: bytes, dialect: Dialect) -> NDArray[np.int64]:
    """Positions of the lines that hold an odd number of unescaped quotes."""
    if b'"' not in block:
        return np.empty(0, dtype=np.int64)
    if dialect.backslash_escapes:
        block = block.replace(rb"\\", b"  ").replace(rb"\"", b"  ")
    data = np.frombuffer(block, dtype=np.uint8)
    line_ends = np.flatnonzero(data == ord("\n"))
    quotes_before = np.searchsorted(np.flatnonzero(data == ord('"')), line_ends)
    return np.flatnonzero(np.diff(quotes_before, prepend=0) % 2)
