r"""Finds out how a text table is written: separator, quotes, header.

A quote within quotes is `""`, or `\"` where the file shows it; elsewhere a backslash is a character like any other.
Between tabs, quotes are characters unless the file shows that they enclose fields.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DELIMITERS = ",;\t|"
_SAMPLE_BYTES = 1 << 20
_MAX_HEADER_LINES = 20
_N_COUNTED_LINES = 1_000
_SEPARATOR_LINE = re.compile(r'"?sep=(\\t|[^\r\n"])"?', re.IGNORECASE)
_BACKSLASH_QUOTE = re.compile(rb'\\"(?!["\r\n,;\t|])')
_QUOTED = r'"(?:[^"\t]|"")*"'
_TAB_OPENED = re.compile(r'(?:^|\t)"', re.MULTILINE)
_TAB_ENCLOSED = re.compile(rf"(?:^|\t){_QUOTED}(?=\t|$)", re.MULTILINE)
_TAB_NEEDED = re.compile(r'(?:^|\t)"(?=[^"\t]*(?:""|[,\n]))(?:[^"\t]|"")*"(?=\t|$)', re.MULTILINE)


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
    quoting = delimiter != "\t" or _quotes_enclose("\n".join(lines))
    if not quoting:
        fields, n_lines = lines[0].split("\t"), 1
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


def _quotes_enclose(sample: str) -> bool:
    """Whether quotes enclose fields in a tab-separated text, and not by chance."""
    header = sample.split("\n", 1)[0].split("\t")
    if all(len(name) > 1 and name[0] == name[-1] == '"' for name in header):
        return True
    n_opened, n_enclosed = len(_TAB_OPENED.findall(sample)), len(_TAB_ENCLOSED.findall(sample))
    n_needed = len(_TAB_NEEDED.findall(sample))
    return n_needed > n_opened - n_enclosed


def _usual_fields(lines: list[str], dialect: Dialect) -> int | None:
    counts = Counter(len(dialect.fields(line)) for line in lines if line)
    n_fields = counts.most_common(1)[0][0] if counts else 1
    return n_fields if n_fields > 1 else None
