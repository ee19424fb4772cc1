"""Files as programs really write them, row by row."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.batch.sources.files.generic import open_generic
from services.batch.sources.files.tables import list_tables, open_table
from services.batch.sources.rejects import RejectLog
from shared.errors import SourceError
from tests.paths import ROOT

CASES = ROOT / "tests" / "cases"


def read(folder: Path, content: str | bytes, name: str = "t.csv") -> tuple[list[list[str]], dict[str, int]]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    table, rejects = open_table(path), RejectLog()
    frame = table.frame({name: name for name in table.columns}, rejects)
    return frame.drop(columns="row").to_numpy().tolist(), dict(rejects.counts)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a,b,c\n1,One\n2,Two,\n3,Three,x\n", [["1", "One", ""], ["2", "Two", ""], ["3", "Three", "x"]]),
        ("a,b,c\n1,One,x,\n2,Two,y,,\n3,Three,z\n", [["1", "One", "x"], ["2", "Two", "y"], ["3", "Three", "z"]]),
        ('a,b,c\n1,"Two\nlines"\n2,Two,y\n', [["1", "Two\nlines", ""], ["2", "Two", "y"]]),
        ('a,b,c\n1,"Two\nlines",x,\n', [["1", "Two\nlines", "x"]]),
        ('a,b,c\n"1,""One, two"",x"\n2,Two,y\n', [["1", "One, two", "x"], ["2", "Two", "y"]]),
        ('a,b,c\n"1,One,x",,\n"2,Two,y",,\n', [["1", "One", "x"], ["2", "Two", "y"]]),
        ('"a,b,c"\n"1,One,""x, """"y"""""""\n', [["1", "One", 'x, "y"']]),
        ('a\tb\tc\n"1\tOne\t""x, y"""\n"2\tTwo\ty"\n', [["1", "One", "x, y"], ["2", "Two", "y"]]),
        ("a,b,c\n1,One,x\n,,\n,,\n", [["1", "One", "x"]]),
        ("a,b,c\r1,One,x\r2,Two,y\r", [["1", "One", "x"], ["2", "Two", "y"]]),
        ('a,b,c\r1,"One\nline",x\r2,Two,y', [["1", "One\nline", "x"], ["2", "Two", "y"]]),
        ("a,b,c\r\r\n1,One,x\r\r\n", [["1", "One", "x"]]),
        ('a, b, c\n1, "One, two", x\n2, Two\n', [["1", "One, two", "x"], ["2", "Two", ""]]),
        ("sep=;\na;b;c\n1;One;x\n", [["1", "One", "x"]]),
        ("a\tb\tc\n1\tC:\\new\tx\\\n", [["1", "C:\\new", "x\\"]]),
        ('a;b;c\n1;"The \\"Best\\"";\\N\n2;\\N;x\n', [["1", 'The "Best"', ""], ["2", "", "x"]]),
    ],
)
def test_rows_whose_meaning_is_clear_are_read_without_a_reject(
    tmp_path: Path, content: str, rows: list[list[str]]
) -> None:
    assert read(tmp_path, content) == (rows, {})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("and so on", "fewer fields than the header"),
        ("so it went, for years", "fewer fields than the header"),
        ("1,One,x,y", "more fields than the header"),
        ('1,"One,x', "quote is never closed"),
    ],
)
def test_a_row_that_is_none_is_set_aside_alone(tmp_path: Path, row: str, reason: str) -> None:
    assert read(tmp_path, f"a,b,c\n0,Zero,w\n{row}\n2,Two,y\n") == (
        [["0", "Zero", "w"], ["2", "Two", "y"]],
        {reason: 1},
    )


def test_a_text_may_be_long_and_have_lines(tmp_path: Path) -> None:
    text = "\n".join(["word " * 40] * 1_000).rstrip()
    assert read(tmp_path, f'a,b\n1,"{text}"\n2,Two\n') == ([["1", text], ["2", "Two"]], {})


PIECES = st.sampled_from(
    [*"ab1,;|\t\n\r\"\\ '", '""', '","', '\\"', "\r\n", "\ufeff", "a,b,c\n", "sep=;\n", "é", "\x00", "\udcff", "\udce9"]
)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=60), st.sampled_from(["a,b,c\n", "a;b;c\n", "a\tb\tc\n", "a|b|c\n", ""]))
def test_no_file_stops_the_reader_or_gives_ragged_rows(pieces: list[str], header: str) -> None:
    content = (header + "".join(pieces)).encode("utf-8", "surrogateescape")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(content)
        try:
            table = open_table(path)
        except SourceError:
            return
        rejects = RejectLog()
        frame = table.frame({f"c{i}": name for i, name in enumerate(table.columns)}, rejects)
    assert not frame.isna().to_numpy().any()
    assert frame["row"].is_monotonic_increasing
    assert frame["row"].is_unique
    assert set(frame["row"]).isdisjoint(rejects.table()["row"].to_pylist())


@pytest.mark.parametrize("join", ["\n", "\n\ufeff", "\ufeff", "", "\n\n"])
def test_the_header_of_a_second_file_is_no_row(tmp_path: Path, join: str) -> None:
    rows, rejects = read(tmp_path, f'\ufeffa,b\n1,"One"{join}a,b\n2,"Two"\n')
    assert rows == [["1", "One"], ["2", "Two"]]
    assert rejects == {"the header again": 1}


def test_a_header_in_a_block_that_is_read_row_by_row_is_no_row_either(tmp_path: Path) -> None:
    rows, rejects = read(tmp_path, 'a,b\n1,"One\nline"\na,b\n2,Two\n')
    assert (rows, rejects) == ([["1", "One\nline"], ["2", "Two"]], {"the header again": 1})


@pytest.mark.parametrize("name", ["t.tsv", "T.TXT", "t.csv"])
def test_tabs_are_understood_by_any_name(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, 'a\tb\n1\t"B" is for Bread\n', name)[0] == [["1", '"B" is for Bread']]


def test_a_text_without_columns_is_no_table_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_text("Exported on Monday, for the shop.\n")
    (tmp_path / "books.txt").write_text("book_id\ttitle\n1\tOne\n")
    assert [path.name for path in list_tables(tmp_path)] == ["books.txt"]


@pytest.mark.parametrize(
    "case",
    ["concatenated", "excel-sep-line", "ragged-right", "semicolon-backslash", "trailing-delimiter", "whole-row-quoted"],
)
def test_all_twelve_books_of_an_odd_file_are_read(case: str) -> None:
    rejects = RejectLog()
    books = open_generic(CASES / case).books(rejects)
    assert books["book_id"].tolist() == [f"b{i}" for i in range(1, 13)]
    assert books["authors"].map(len).tolist() == [1] * 12
    assert books["year"].tolist() == list(range(1950, 1962))
    assert dict(rejects.counts) == ({"the header again": 1} if case == "concatenated" else {})


def test_backslashes_between_semicolons_are_characters() -> None:
    books = open_generic(CASES / "semicolon-backslash").books(RejectLog())
    assert books["title"][3] == r"AC\DC: a history"
    assert books["description"][1] == "Stored under C:\\books\\"
    assert books["description"][5] == r"He said \ and left"


def test_quotes_between_tabs_are_characters() -> None:
    rejects = RejectLog()
    books = open_generic(CASES / "tsv-literal-quotes").books(rejects)
    assert books["title"][1] == '"Surely Not," She Said'
    assert books["title"][5] == '"B" is for Bread'
    assert books["description"][7] == '"An odd opening quote and nothing that closes it.'
    assert (len(books), rejects.total) == (12, 0)


def test_a_tsv_export_is_a_source() -> None:
    source = open_generic(CASES / "librarything")
    books = source.books(RejectLog())
    assert len(books) == 12
    assert books["title"][0] == "The Winter Lantern"


def test_encodings_of_the_cases() -> None:
    cyrillic = open_generic(CASES / "enc-cp1251")
    assert cyrillic.books(RejectLog())["title"][:2].tolist() == ["Преступление и наказание", "Мёртвые души"]
    assert cyrillic.books_table.guesses[0].value == "windows-1251"
    mixed = open_generic(CASES / "two-encodings-one-line").books(RejectLog())
    assert mixed["title"][0] == "Café The Winter Lantern"
    assert mixed["authors"][0] == ["José Peña"]
