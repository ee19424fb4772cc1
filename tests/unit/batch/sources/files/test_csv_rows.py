"""Real-world tables: broken rows, odd quotes, odd encodings, compressed, Parquet."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.batch.sources.files.csv_rows import CsvRows
from services.batch.sources.files.dialect import Dialect
from services.batch.sources.files.tables import fingerprint_files, open_table
from services.batch.sources.files.text_blocks import text_blocks
from services.batch.sources.rejects import RejectLog
from shared.errors import SourceError


def read(path: Path, *columns: str) -> tuple[list[tuple[str, ...]], list[dict[str, object]]]:
    rejects = RejectLog()
    frame = open_table(path).frame({name: name for name in columns}, rejects)
    return list(frame[[*columns, "row"]].itertuples(index=False, name=None)), rejects.table().to_pylist()


def write(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_each_broken_row_is_set_aside_and_the_rows_around_it_are_kept(tmp_path: Path) -> None:
    path = write(tmp_path, 'id,title\n1,One\n2\n3,"Three, with a comma"\n4,Four,4\n5,"Say ""five"""\n')
    rows, rejects = read(path, "id", "title")
    assert rows == [("1", "One", 1), ("3", "Three, with a comma", 3), ("5", 'Say "five"', 5)]
    assert rejects == [
        {"source": "t.csv", "row": 2, "field": "row", "value": "2", "reason": "fewer fields than the header"},
        {"source": "t.csv", "row": 4, "field": "row", "value": "4,Four,4", "reason": "more fields than the header"},
    ]


def test_a_quote_that_is_never_closed_costs_its_own_row_only(tmp_path: Path) -> None:
    path = write(tmp_path, 'id,title,year\n1,One,1\n2,"Two,2\n3,Three,3\n4,"Four",4\n5,"Five,5\n6,Six,6\n')
    rows, rejects = read(path, "id")
    assert rows == [("1", 1), ("3", 3), ("4", 4), ("6", 6)]
    assert [(reject["row"], reject["value"], reject["reason"]) for reject in rejects] == [
        (2, '2,"Two,2', "quote is never closed"),
        (5, '5,"Five,5', "quote is never closed"),
    ]


def test_texts_of_several_lines_are_one_row_also_with_commas_in_them(tmp_path: Path) -> None:
    path = write(tmp_path, 'id,text\r\n1,"First line\r\n\r\nsecond, with a comma\r\nend"\r\n2,plain\r\n')
    rows, rejects = read(path, "id", "text")
    assert [(book_id, text.split(), row) for book_id, text, row in rows] == [
        ("1", ["First", "line", "second,", "with", "a", "comma", "end"], 1),
        ("2", ["plain"], 2),
    ]
    assert rejects == []


def test_an_inch_mark_in_an_unquoted_field_is_text(tmp_path: Path) -> None:
    rows, rejects = read(write(tmp_path, 'id,title,note\n1,5" floppy,"a\n2,Two,b\n3,7" vinyl,c\n'), "id", "title")
    assert rows == [("2", "Two", 2), ("3", '7" vinyl', 3)]
    assert [reject["row"] for reject in rejects] == [1]


def test_the_original_dialect_semicolons_latin_1_and_backslash_quotes(tmp_path: Path) -> None:
    content = (
        '"ISBN";"Book-Title"\r\n"0001";"Les Mis\xe9rables"\r\n"0002";"The \\"Best\\"; of all"\r\n"0003";"A \\\\"\r\n'
    )
    rows, rejects = read(write(tmp_path, content.encode("latin-1")), "isbn", "book_title")
    assert rows == [("0001", "Les Misérables", 1), ("0002", 'The "Best"; of all', 2), ("0003", "A \\", 3)]
    assert rejects == []


def test_backslash_quotes_are_recognised_between_commas_too(tmp_path: Path) -> None:
    rows, rejects = read(write(tmp_path, 'id,title\n1,"The \\"Best\\", of all"\n2,Two\n'), "id", "title")
    assert (rows, rejects) == ([("1", 'The "Best", of all', 1), ("2", "Two", 2)], [])


def test_one_wrong_byte_does_not_spoil_the_other_rows(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfid,title\n1,Caf\xc3\xa9\n2,Caf\xe9\n3,\xe6\x9c\xac\n"
    rows, _ = read(write(tmp_path, content), "id", "title")
    assert rows == [("1", "Café", 1), ("2", "Café", 2), ("3", "本", 3)]


def test_columns_are_found_without_regard_to_case_hyphens_and_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffUser-ID,Book Rating\n7,3\n")
    assert read(path, "user_id", "book-rating")[0] == [("7", "3", 1)]


def test_blocks_may_end_anywhere() -> None:
    content = b'1,"a\nb",x\n2,"open,y\n3,"c ""d""\n\ne",z\n4,f,w\n5,g\n6,"h'
    expected = None
    for block_bytes in (*range(1, 30), 1000):
        rejects = RejectLog()
        reader = CsvRows("t.csv", Dialect(",", backslash_escapes=False), ["a", "b", "c"], [0, 2], rejects)
        rows = [
            (*values.values(), int(row))
            for batch, numbers in reader.batches(text_blocks(io.BytesIO(content), block_bytes=block_bytes))
            for values, row in zip(batch.to_pylist(), numbers, strict=True)
        ]
        found = (rows, rejects.table().to_pylist())
        expected = expected or found
        assert found == expected
    assert expected is not None
    assert expected[0] == [("1", "x", 1), ("3", "z", 3), ("4", "w", 4), ("5", "", 5)]
    assert [reject["row"] for reject in expected[1]] == [2, 6]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters='\n",;\\'), max_size=12)


@settings(deadline=None)
@example([("", "", "a\n")], 1)  # the text, and the row, end in a line end before the quote
@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=20), st.integers(1, 200))
def test_whatever_the_csv_module_writes_is_read_back_row_by_row(rows: list[tuple[str, ...]], block_bytes: int) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows(rows)
    rejects = RejectLog()
    reader = CsvRows("t.csv", Dialect(",", backslash_escapes=False), ["a", "b", "c"], [0, 1, 2], rejects)
    blocks = text_blocks(io.BytesIO(buffer.getvalue().encode()), block_bytes=block_bytes)
    found = [tuple(row.values()) for batch, _ in reader.batches(blocks) for row in batch.to_pylist()]
    # Lines that alone look like whole rows, inside a text, are taken for damage; anything else must come back.
    if rejects.total == 0:
        assert [tuple("\n".join(filter(None, text.split("\n"))) for text in row) for row in found] == [
            tuple("\n".join(filter(None, text.split("\n"))) for text in row) for row in rows
        ]
    assert len(found) + rejects.total >= len(rows)
    assert rejects.total == 0 or any("".join(row).count("\n") > 1 for row in rows)


def test_compressed_files_are_read_and_one_that_breaks_off_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    lines = "".join(f"{i},title {i * 7919 % 10007}\n" for i in range(1, 5001))
    whole = gzip.compress(f"id,title\n{lines}".encode())
    assert len(read(write(tmp_path, whole, "whole.csv.gz"), "id")[0]) == 5000
    with pytest.raises(SourceError, match=r"cut\.csv\.gz cannot be read"):
        open_table(write(tmp_path, whole[:15], "cut.csv.gz"))


def test_damage_far_into_a_compressed_file_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_blocks, "__defaults__", (None, 1000))
    lines = "".join(f"{i},title {i * 7919 % 10007}\n" for i in range(1, 5001))
    rows, rejects = read(write(tmp_path, gzip.compress(f"id,title\n{lines}".encode())[:-5000], "cut.csv.gz"), "id")
    assert 0 < len(rows) < 5000
    assert [reject["reason"] for reject in rejects] == ["compressed file is damaged from here on"]


def test_parquet_columns_of_any_type_become_the_text_a_csv_would_hold(tmp_path: Path) -> None:
    table = pa.table(
        {
            "User-ID": pa.array([7, None], pa.int64()),
            "score": [4.0, 3.5],
            "when": pa.array([1_700_000_000_000, None], pa.timestamp("ms", tz="UTC")),
            "writers": [["A, Jr.", "B"], None],
            "day": pa.array([date(1951, 5, 6), None], pa.date32()),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    rows, rejects = read(tmp_path / "t.parquet", "user_id", "score", "when", "writers", "day")
    assert rows == [("7", "4", "1700000000", "A, Jr.\x1fB", "1951-05-06", 1), ("", "3.5", "", "", "", 2)]
    assert rejects == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "is empty"),
        ("book.csv", b"PK\x03\x04 and so on", "an Excel workbook"),
        ("zeros.csv", b"id,title\x00\x00\x00\n", "not text"),
        ("packed.csv", gzip.compress(b"id,title", mtime=0), "compressed with gzip"),
        ("torn.parquet", b"PAR1 and no more", "cannot be read"),
        ("plain.csv.gz", b"id,title\n1,One\n", "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_name(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message) as raised:
        open_table(write(tmp_path, content, name))
    assert name in raised.value.what


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"t\.csv has no column 'rating'; its columns are user_id, stars"):
        open_table(write(tmp_path, "user_id,stars\n1,2\n")).require(["user_id", "rating"])


def test_the_fingerprint_follows_content_and_name_and_nothing_else(tmp_path: Path) -> None:
    first, second = write(tmp_path, "a", "1.csv"), write(tmp_path, "b", "2.csv")
    before = fingerprint_files("x", [first, second])
    first.touch()
    assert fingerprint_files("x", [second, first]) == before
    write(tmp_path, "c", "2.csv")
    assert fingerprint_files("x", [first, second]) != before


def test_rejects_are_counted_beyond_the_details_that_are_kept() -> None:
    rejects = RejectLog(max_details_per_reason=2)
    for row in range(5):
        rejects.add("f.csv", row, "value", "x" * 1000, "too much")
    rejects.add("f.csv", 9, "value", "y", "other")
    assert rejects.counts == {"too much": 5, "other": 1}
    assert rejects.total == 6
    details = rejects.table().to_pylist()
    assert [detail["row"] for detail in details] == [0, 1, 9]
    assert len(details[0]["value"]) == 200
