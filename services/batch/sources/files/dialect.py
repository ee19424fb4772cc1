r"""Finds out how a text table is written: separator, quotes, header.

A quote within quotes is `""`, or `\"` where the file shows it; elsewhere a backslash is a character like any other.
Between tabs or bars, quotes are characters unless the file shows that they enclose fields.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

csv.field_size_limit(16 << 20)  # the csv module refuses fields beyond 128 KiB by default; texts may be longer
DELIMITERS = ",;\t|"
_SAMPLE_BYTES = 1 << 20
_MAX_HEADER_LINES = 20
_N_COUNTED_LINES = 1_000
_SEPARATOR_LINE = re.compile(r'"?sep=(\\t|[^\r\n"])\1*"?', re.IGNORECASE)
_MAY_BE_LITERAL = "\t|"
_BACKSLASH_QUOTE = re.compile(rb'\\"(?!["\r\n,;\t|])')


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""How the fields of a file are separated and quoted.

    Args:
        delimiter: between fields.
        backslash_escapes: a quote in a quoted field may be `\"`; `""` always works.
        quoting: quotes enclose fields; otherwise they are characters.
        n_fields: fields of most rows, if not as many as the header has.
        spaced: a blank follows each separator.
    """

    delimiter: str
    backslash_escapes: bool
    quoting: bool = True
    n_fields: int | None = None
    spaced: bool = False

    @property
    def escape(self) -> str | None:
        """The escape character for the csv module."""
        return "\\" if self.backslash_escapes else None

    def without_nulls(self, text: str) -> str:
        r"""The text of a row without fields `\N`, a database's word for missing; unescaped, they would become `N`."""
        between = re.escape(self.delimiter)
        return re.sub(rf"(?:(?<=^)|(?<={between}))\\N(?={between}|$)", "", text)

    def fields(self, text: str) -> list[str]:
        """The fields of the first row of a text."""
        return next(self.reader(text.split("\n")), [])

    def reader(self, lines: Iterable[str], *, strict: bool = False) -> Iterator[list[str]]:
        """A `csv.reader` of lines in this dialect."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            escapechar=self.escape,
            quoting=csv.QUOTE_MINIMAL if self.quoting else csv.QUOTE_NONE,
            skipinitialspace=self.spaced,
            strict=strict,
        )


@dataclass(frozen=True, slots=True)
class Header:
    """The beginning of a file.

    Args:
        dialect: of the file.
        fields: of the header as written.
        n_lines: lines before the first data row.
        line: the header's own line, or lines, without the last line end.
        named_separator: whether a line `sep=` gave the separator.
    """

    dialect: Dialect
    fields: tuple[str, ...]
    n_lines: int
    line: bytes
    named_separator: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The column names, without empty ones at the end."""
        names = [name.strip() for name in self.fields]
        while len(names) > 1 and not names[-1]:
            names.pop()
        return tuple(names)


def sniff(head: bytes) -> Header:
    """The dialect and the header of a file, from its first block (as `text_blocks` gives it)."""
    sample = head[:_SAMPLE_BYTES].decode("utf-8", "ignore")
    lines = sample.split("\n")
    separator = _SEPARATOR_LINE.fullmatch(lines[0].strip(" ")) if len(lines) > 1 else None
    if separator:
        lines = lines[1:]
    named = separator[1].replace("\\t", "\t") if separator else None
    fields, n_lines = _header(lines, named)
    delimiter = named or _delimiter(lines[:n_lines])
    quoting = delimiter not in _MAY_BE_LITERAL or _quotes_enclose("\n".join(lines), delimiter)
    if not quoting:
        fields, n_lines = lines[0].split(delimiter), 1
    dialect = Dialect(
        delimiter,
        backslash_escapes=quoting and bool(_BACKSLASH_QUOTE.search(head)),
        quoting=quoting,
        spaced=len(fields) > 1 and all(field[:1] == " " for field in fields[1:]),
    )
    n_fields = _usual_fields(lines[n_lines : n_lines + _N_COUNTED_LINES], dialect)
    dialect = Dialect(delimiter, dialect.backslash_escapes, quoting, n_fields, dialect.spaced)
    line = "\n".join(lines[:n_lines]).encode()
    return Header(dialect, tuple(fields), n_lines + bool(separator), line, bool(separator))


def _header(lines: list[str], named: str | None) -> tuple[list[str], int]:
    """The fields of the header and its number of lines; a quoted name may have several."""
    delimiter = named or _delimiter(lines)
    reader = csv.reader((f"{line}\n" for line in lines[:_MAX_HEADER_LINES]), delimiter=delimiter)
    fields = next(reader, [])
    n_lines = reader.line_num
    if n_lines >= min(_MAX_HEADER_LINES, len(lines)) > 1:  # a quote that is never closed
        return lines[0].split(delimiter), 1
    if len(fields) == 1 and lines[0].startswith('"'):  # the line as a whole is quoted
        return next(csv.reader([fields[0]], delimiter=named or _delimiter([fields[0]])), []), n_lines
    return fields, n_lines


def _delimiter(lines: list[str]) -> str:
    """The separator that gives the header most fields."""
    text = lines[0]
    counts = {candidate: _n_fields(text, candidate) for candidate in DELIMITERS}
    if max(counts.values()) == 1 and text.startswith('"'):
        inner = next(csv.reader([text]), [""])[0]
        counts = {candidate: _n_fields(inner, candidate) for candidate in DELIMITERS}
    return max(DELIMITERS, key=lambda candidate: counts[candidate])


def _n_fields(text: str, delimiter: str) -> int:
    return len(next(csv.reader([text], delimiter=delimiter), []))


def _quotes_enclose(sample: str, delimiter: str) -> bool:
    """Whether quotes enclose fields in a text with tabs or bars, and not by chance.

    They do if the header or whole rows are quoted, or if more fields needed the quotes than begin with one and do not
    end with one. Between bars, any enclosed field counts as one that needed them.
    """
    between, lines = re.escape(delimiter), sample.split("\n")
    names = lines[0].split(delimiter)
    if all(len(name) > 1 and name[0] == name[-1] == '"' for name in names):
        return True
    if _are_whole_rows(lines[1:_N_COUNTED_LINES], delimiter):
        return True
    needed = r'(?=[^"]*(?:""|[,\n\t]))' if delimiter == "\t" else ""
    inner = rf'(?:(?:[^"\n]|"")*|(?:[^"{between}]|"")*)"(?={between}|$)'
    n_opened = len(re.findall(rf'(?:^|{between})"', sample, re.MULTILINE))
    n_enclosed = len(re.findall(rf'(?:^|{between})"{inner}', sample, re.MULTILINE))
    n_needed = len(re.findall(rf'(?:^|{between})"{needed}{inner}', sample, re.MULTILINE))
    return n_needed > n_opened - n_enclosed


def _are_whole_rows(lines: list[str], delimiter: str) -> bool:
    """Whether most rows are quoted as a whole."""
    lines = [line for line in lines if line]
    n_whole = sum(
        line.startswith('"') and delimiter in line and _n_fields(line, delimiter) == 1 and line.endswith('"')
        for line in lines
    )
    return n_whole * 2 > len(lines)


def _usual_fields(lines: list[str], dialect: Dialect) -> int | None:
    counts: Counter[int] = Counter()
    for line in lines:
        with suppress(csv.Error):
            counts[len(dialect.fields(line))] += bool(line)
    n_fields = max(counts, key=lambda n: counts[n], default=1)
    return n_fields if n_fields > 1 else None
