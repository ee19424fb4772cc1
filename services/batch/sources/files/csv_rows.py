r"""Reads the rows of real-world CSV files in batches; broken rows do not stop it.

pyarrow parses the blocks. A block with a quote that is not closed on its line (a multi-line text, or damage) is parsed
row by row instead; reading resumes on the line after the damage. Rows that do not have as many fields as the header are
fitted to it where their meaning is clear, and rejected otherwise.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pyarrow_csv

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from services.batch.sources.files.dialect import Dialect
    from services.batch.sources.rejects import RejectLog

MAX_RECORD_LINES = 1_000
_MIN_SHORT_FIELDS = 2
_END = "\n\n"  # a sentinel: no line of a file equals it


class CsvRows:
    """Reads the data rows of one file, in batches.

    Args:
        source: file name, for rejects.
        dialect: see `dialect.sniff`.
        header: the fields of the header as written.
        wanted: positions of the columns to return.
        rejects: receives broken rows.
    """

    def __init__(
        self, source: str, dialect: Dialect, header: Sequence[str], wanted: Sequence[int], rejects: RejectLog
    ) -> None:
        self._source = source
        self._dialect = dialect
        self._header = list(header)
        self._n_columns = len(header)
        self._n_fields = dialect.n_fields or len(header)
        self._wanted = list(wanted)
        self._rejects = rejects
        self._n_rows = 0
        empty = dialect.delimiter * (self._n_fields - 1) + "\n"
        self._blank_row = empty.encode()
        self._padded_row = f'"{dialect.delimiter * (self._n_columns - 1)}\n'.encode()

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
        if not len(odd) and not self._needs_rows(block):
            batch = self._parse_whole(block)
            if batch is not None:
                return batch, b""
        return self._parse_by_row(block, odd, at_end=at_end)

    def _needs_rows(self, block: bytes) -> bool:
        r"""Whether pyarrow would misread a block: blanks before quotes, rows quoted as a whole, `\N`, an open end."""
        if self._dialect.backslash_escapes and (b"\\N" in block or b"\\\n" in block):
            return True
        if not self._dialect.quoting or b'"' not in block:
            return False
        if self._dialect.spaced or (self._n_columns > _MIN_SHORT_FIELDS and self._padded_row in block):
            return True
        last = block[block.rfind(b"\n", 0, -1) + 1 : -1]  # pyarrow takes the end of the block for a closing quote
        return b'"' in last and self._fields(last.decode()) is None

    def _parse_whole(self, block: bytes) -> tuple[pa.Table, NDArray[np.int64]] | None:
        """Parse a block of one-line rows; `None` if pyarrow fails or finds a different number of rows."""
        broken: list[tuple[int, str]] = []

        def set_aside(row: pyarrow_csv.InvalidRow) -> str:
            broken.append((row.number, row.text))
            return "skip"

        names = [str(position) for position in range(self._n_fields)]
        try:
            table = pyarrow_csv.read_csv(
                pa.BufferReader(block),
                # pyarrow numbers skipped rows only with one thread.
                read_options=pyarrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=len(block) + 1),
                parse_options=pyarrow_csv.ParseOptions(
                    delimiter=self._dialect.delimiter,
                    quote_char='"' if self._dialect.quoting else False,
                    escape_char=self._dialect.escape or False,
                    invalid_row_handler=set_aside,
                ),
                convert_options=pyarrow_csv.ConvertOptions(
                    include_columns=self._needed_columns(),
                    column_types=dict.fromkeys(names, pa.string()),
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid:
            return None
        n_lines = block.count(b"\n")
        if table.num_rows + len(broken) != n_lines:
            return None
        is_row = np.ones(n_lines, dtype=bool)
        is_row[[number - 1 for number, _ in broken]] = False
        rows = self._n_rows + 1 + np.flatnonzero(is_row)
        table, rows = self._without_odd_rows(table, rows, block)
        fitted = [(self._n_rows + number, fields) for number, text in broken if (fields := self._row(number, text))]
        self._n_rows += n_lines
        return self._merged(table, rows, fitted)

    def _needed_columns(self) -> list[str]:
        """The wanted columns that the rows have, then those beyond the header, which must be empty."""
        wanted = {position for position in self._wanted if position < self._n_fields}
        return [str(position) for position in [*sorted(wanted), *range(self._n_columns, self._n_fields)]]

    def _without_odd_rows(
        self, table: pa.Table, rows: NDArray[np.int64], block: bytes
    ) -> tuple[pa.Table, NDArray[np.int64]]:
        """The table without rows that have a value beyond the header, repeat the header, or are blank."""
        surplus = np.zeros(len(rows), dtype=bool)
        for position in range(self._n_columns, self._n_fields):
            surplus |= pc.not_equal(pc.utf8_trim_whitespace(table[str(position)]), "").to_numpy()
        blank, headers = np.zeros_like(surplus), np.zeros_like(surplus)
        if self._n_fields > 1 and (block.startswith(self._blank_row) or b"\n" + self._blank_row in block):
            lines = block.split(b"\n")
            blank = np.array([lines[row - self._n_rows - 1] + b"\n" == self._blank_row for row in rows], dtype=bool)
        present = sorted({position for position in self._wanted if position < self._n_fields})
        if len(present) > 1:
            headers = pc.equal(table[str(present[0])], self._header[present[0]]).to_numpy()
            for position in present[1:] if headers.any() else []:
                headers &= pc.equal(table[str(position)], self._header[position]).to_numpy()
        odd = surplus | blank | headers
        if not odd.any():
            return table, rows
        lines = block.split(b"\n")
        for mask, reason in ((surplus, _MORE), (headers, _HEADER)):
            for row in rows[mask]:
                self._rejects.add(self._source, int(row), "row", lines[row - self._n_rows - 1].decode(), reason)
        return table.filter(pa.array(~odd)), rows[~odd]

    def _merged(
        self, table: pa.Table, rows: NDArray[np.int64], fitted: list[tuple[int, list[str]]]
    ) -> tuple[pa.Table, NDArray[np.int64]]:
        """The wanted columns, with the rows that were read one by one in their places."""
        columns = [
            table[str(position)] if position < self._n_fields else pa.array([""] * len(rows), pa.string())
            for position in self._wanted
        ]
        names = [str(i) for i in range(len(columns))]
        whole = pa.table(columns, names=names)
        if not fitted:
            return whole, rows
        own = [pa.array([fields[position] for _, fields in fitted], pa.string()) for position in self._wanted]
        rows = np.concatenate([rows, np.array([row for row, _ in fitted], dtype=np.int64)])
        order = np.argsort(rows, kind="stable")
        return pa.concat_tables([whole, pa.table(own, names=names)]).take(pa.array(order)), rows[order]

    def _row(self, number: int, text: str) -> list[str] | None:
        """The fields of a row that pyarrow set aside, fitted to the header; `None` if it is rejected or blank."""
        return self._accepted(self._n_rows + number, self._fields(text), text)

    def _accepted(self, row: int, fields: list[str] | None, text: str) -> list[str] | None:
        """The fields of a row, fitted to the header; `None` if it is blank, or broken and therefore rejected."""
        if not text.strip(self._dialect.delimiter):
            return None
        fitted = None if fields is None else self._fitted(fields, text)
        if fitted is None:
            reason = _OPEN if fields is None else _FEWER if len(fields) < self._n_columns else _MORE
            self._rejects.add(self._source, row, "row", text.split("\n", 1)[0], reason)
        elif fitted == self._header:
            self._rejects.add(self._source, row, "row", text, _HEADER)
            return None
        return fitted

    def _fitted(self, fields: list[str], text: str) -> list[str] | None:
        """The fields of a row, as many as the header has.

        Empty fields beyond the header are dropped, and missing ones at the end are empty; a row that was quoted as a
        whole is split. `None` if there are values beyond the header, or too little to be a row.
        """
        n = self._n_columns
        if (len(fields) == 1 or n > _MIN_SHORT_FIELDS) and text.startswith('"') and not any(fields[1:]):
            inner = self._fields(fields[0], strict=True) or []
            if len(inner) == n and self._looks_like_row(fields[0]):
                return inner
        if len(fields) >= n:
            return None if any(field.strip() for field in fields[n:]) else fields[:n]
        is_usual = self._dialect.spaced or len(fields) == self._n_fields
        is_prose = not is_usual and any(field[:1].isspace() for field in fields[1:])
        return None if len(fields) < _MIN_SHORT_FIELDS or is_prose else fields + [""] * (n - len(fields))

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
            fields = self._accepted(self._n_rows, fields, "\n".join(lines[i : i + n_lines]))
            if fields is not None:
                rows.append(self._n_rows)
                for column, position in zip(columns, self._wanted, strict=True):
                    column.append(fields[position])
            i += n_lines
        table = pa.table({str(i): pa.array(column, pa.string()) for i, column in enumerate(columns)})
        rest = "".join(f"{line}\n" for line in lines[i:]).encode()
        return (table, np.array(rows, dtype=np.int64)), rest

    def _fields(self, text: str, *, strict: bool = False) -> list[str] | None:
        """The fields of a row; `None` if its last quote is open or it is not CSV."""
        if self._dialect.backslash_escapes and "\\N" in text:
            text = self._dialect.without_nulls(text)
        lines = iter([*(f"{part}\n" for part in text.split("\n")), _END])
        try:
            fields = next(self._dialect.reader(lines, strict=strict))
        except csv.Error:
            return None
        # With an open quote, the reader has consumed the sentinel.
        return fields if next(lines, None) == _END else None

    def _joined(self, lines: list[str]) -> list[str] | None:
        """The fields of a multi-line row; `None` unless it is well-formed and contains no complete rows."""
        text = "\n".join(lines)
        fields = self._fields(text, strict=True)
        if fields is None or self._fitted(fields, text) is None:
            return None
        swallowed = lines[1:-1]
        return None if swallowed and all(self._looks_like_row(line) for line in swallowed) else fields

    def _looks_like_row(self, line: str) -> bool:
        """Whether a line has the right number of fields and is not prose with a blank after each comma."""
        fields = self._fields(line)
        return (
            fields is not None
            and len(fields) == self._n_columns
            and (self._dialect.spaced or not any(field[:1].isspace() for field in fields[1:]))
        )


_OPEN = "quote is never closed"
_FEWER = "fewer fields than the header"
_MORE = "more fields than the header"
_HEADER = "the header again"


def _lines_with_odd_quotes(block: bytes, dialect: Dialect) -> NDArray[np.int64]:
    """Positions of the lines that hold an odd number of unescaped quotes."""
    if not dialect.quoting or b'"' not in block:
        return np.empty(0, dtype=np.int64)
    if dialect.backslash_escapes:
        block = block.replace(rb"\\", b"  ").replace(rb"\"", b"  ")
    data = np.frombuffer(block, dtype=np.uint8)
    line_ends = np.flatnonzero(data == ord("\n"))
    quotes_before = np.searchsorted(np.flatnonzero(data == ord('"')), line_ends)
    return np.flatnonzero(np.diff(quotes_before, prepend=0) % 2)
