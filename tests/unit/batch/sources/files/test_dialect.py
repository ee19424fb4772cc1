"""Separators, quotes, backslashes and headers, as programs write them."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.sources.files.dialect import sniff


@pytest.mark.parametrize(
    ("head", "delimiter", "columns"),
    [
        ("a,b;c,d\n", ",", ("a", "b;c", "d")),
        ("a;b\n1,5;2\n", ";", ("a", "b")),
        ("a\tb\n", "\t", ("a", "b")),
        ("a|b\n", "|", ("a", "b")),
        ("sep=;\na,x;b\n", ";", ("a,x", "b")),
        ('"sep=,"\na,b\n', ",", ("a", "b")),
        ("SEP=\\t\na\tb\n", "\t", ("a", "b")),
        ("sep=\t\na\tb\n", "\t", ("a", "b")),
        ("sep=;;;\na;b\n", ";", ("a", "b")),
        ('"a,b,c"\n"1,2,3"\n', ",", ("a", "b", "c")),
        ('"a;""b"";c"\n', ";", ("a", "b", "c")),
        ('a;"b\n(two lines)";c\n1;2;3\n', ";", ("a", "b\n(two lines)", "c")),
        ("a,b,,\n1,2,,\n", ",", ("a", "b")),
        (" a , b\n1, 2\n", ",", ("a", "b")),
        ('id,"tit\n1,2\n', ",", ("id", '"tit')),
        ("title\nOne\n", ",", ("title",)),
    ],
)
def test_separator_and_header(head: str, delimiter: str, columns: tuple[str, ...]) -> None:
    header = sniff(head.encode())
    assert (header.dialect.delimiter, header.columns) == (delimiter, columns)


@pytest.mark.parametrize(
    ("rows", "quoting"),
    [
        ('1\t"Surely Not," She Said\n', False),
        ('1\t"An opening quote that nothing closes\n', False),
        ('1\t"B" is for Bread\n', False),
        ('1\t"Hello"\n', False),  # a program would not have quoted it
        ("1\t6' 2\" tall\n", False),
        ('1\t"One, two"\n', True),
        ('1\t"He said ""hi"""\n', True),
        ('1\t"Two\nlines, and a comma"\n', True),
        ('1\t"One, two"\n2\t"Three, four"\n3\t"damage\n', True),
    ],
)
def test_quotes_between_tabs_enclose_only_where_the_file_shows_it(rows: str, *, quoting: bool) -> None:
    assert sniff(f"id\ttitle\n{rows}".encode()).dialect.quoting is quoting


@pytest.mark.parametrize(
    ("content", "quoting"),
    [
        ('a|b\n1|"B" is for Bread\n', False),
        ('a|b\n1|"One|Two"\n', True),
        ('a|b\n1|"One"\n', True),
        ('a\tb\n1\t"One\tTwo"\n', True),
        ('a\tb\tc\n"1\tOne\t""x, y"""\n"2\tTwo\ty"\n', True),
    ],
)
def test_quotes_between_bars_and_around_whole_rows(content: str, *, quoting: bool) -> None:
    assert sniff(content.encode()).dialect.quoting is quoting


@pytest.mark.parametrize(
    ("row", "escapes"),
    [
        (r'1;"The \"Best\" of all"', True),
        (r'1;"C:\books\"', False),
        (r'1;"AC\DC: a ""history"""', False),
        (r'1;"He said \ and left"', False),
    ],
)
def test_a_backslash_escapes_only_where_the_file_shows_it(row: str, *, escapes: bool) -> None:
    assert sniff(f"id;title\n{row}\n".encode()).dialect.backslash_escapes is escapes


NAME = st.text(st.characters(categories=["L", "N"], max_codepoint=0x2FF), min_size=1, max_size=8)


@given(
    st.lists(NAME, min_size=2, max_size=8),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_any_header_that_the_csv_module_writes_is_read_back(names: list[str], delimiter: str, quoting: int) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, quoting=quoting).writerow(names)
    assert list(sniff(buffer.getvalue().replace("\r\n", "\n").encode()).columns) == names
