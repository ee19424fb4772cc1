"""Encodings are found, said, and mended field by field where a file has two."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.sources.files.encoding import find_form
from services.batch.sources.files.tables import open_table
from services.batch.sources.files.text_blocks import text_blocks
from services.batch.sources.rejects import RejectLog
from shared.errors import SourceError

RUSSIAN = ["Преступление и наказание", "Мёртвые души", "Война и мир", "Идиот", "Отцы и дети", "Её глаза", "Её"]
TITLES = {
    "windows-1251": RUSSIAN,
    "koi8-r": RUSSIAN,
    "cp866": RUSSIAN,
    "windows-1252": ["Les Misérables", "Où est “Waldo”?", "Señor González", "Für Anfänger", "Åsa — Søren"],
    "windows-1250": ["Přísně sledované vlaky", "Nesnesitelná lehkost bytí", "Krzyżacy", "Ślepnąc od świateł"],
    "windows-1253": ["Βίος και Πολιτεία του Αλέξη Ζορμπά", "Τρίτο στεφάνι, Ταχτσής"],
    "windows-1254": ["Kürk Mantolu Madonna", "İnce Memed", "Tutunamayanlar, Oğuz Atay", "Yaşar Kemal"],
    "windows-1255": ["סיפור על אהבה וחושך", "מיכאל שלי"],
    "windows-1256": ["أولاد حارتنا", "الأيام لطه حسين", "نجيب محفوظ"],
    "macroman": ["Les Misérables", "Café de l'été", "Der Zauberberg für Anfänger", "Señor González"],
    "cp932": ["吾輩は猫である", "ノルウェイの森", "坊っちゃん", "表示"],
    "euc-jp": ["吾輩は猫である", "ノルウェイの森", "坊っちゃん"],
    "gb18030": ["红楼梦", "三国演义", "西游记", "围城", "钱钟书"],
    "big5": ["紅樓夢", "三國演義", "西遊記", "圍城"],
    "cp949": ["채식주의자", "엄마를 부탁해", "82년생 김지영"],
    "utf-16": RUSSIAN,
    "utf-16-le": RUSSIAN,
    "utf-16-be": RUSSIAN,
    "utf-32": RUSSIAN,
    "utf-8": RUSSIAN,
    "utf-8-sig": RUSSIAN,
}


def titles(path: Path, encoding: str | None = None) -> list[str]:
    column: list[str] = open_table(path, encoding).frame({"t": "title"}, RejectLog())["t"].tolist()
    return column


def write(folder: Path, content: bytes) -> Path:
    path = folder / "books.csv"
    path.write_bytes(content)
    return path


def table(texts: list[str]) -> str:
    return "\r\n".join(["id,title,note", *(f'{i},"{text}",plain' for i, text in enumerate(texts, 1)), ""])


@pytest.mark.parametrize("encoding", TITLES)
def test_an_encoding_is_found_from_a_few_titles_and_said(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, table(TITLES[encoding]).encode(encoding))
    assert titles(path) == TITLES[encoding]
    guesses = open_table(path).guesses
    if encoding.startswith("utf-8"):
        assert guesses == ()
    else:
        assert [guess.what for guess in guesses] == ["encoding of books.csv"]
        assert "encoding = " in guesses[0].setting


@pytest.mark.parametrize("encoding", TITLES)
def test_a_given_encoding_is_taken_at_its_word_and_is_no_guess(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, table(TITLES[encoding]).encode(encoding))
    assert titles(path, encoding) == TITLES[encoding]
    assert open_table(path, encoding).guesses == ()


def test_the_guess_names_both_encodings_and_how_many_lines(tmp_path: Path) -> None:
    content = "id,title,note\n1,José,é\n".encode() + "2,Café,ü\n".encode("latin-1") + "3,Ünal,Å\n".encode()
    path = write(tmp_path, content)
    assert titles(path) == ["José", "Café", "Ünal"]
    assert open_table(path).guesses[0].value == "utf-8, with fields in windows-1252 on 1 lines"


def test_two_encodings_in_one_line_are_told_apart_field_by_field(tmp_path: Path) -> None:
    content = b"id,title,note\n" + b"1," + "Café".encode("latin-1") + b"," + "José Peña".encode() + b"\n"
    frame = open_table(write(tmp_path, content)).frame({"t": "title", "n": "note"}, RejectLog())
    assert frame[["t", "n"]].to_numpy().tolist() == [["Café", "José Peña"]]


def test_files_of_two_encodings_joined_into_one_are_both_read(tmp_path: Path) -> None:
    header, rows = table(RUSSIAN[:5]).split("\r\n", 1)
    for encodings in (("utf-8", "windows-1251"), ("windows-1251", "utf-8"), ("koi8-r", "utf-8")):
        content = f"{header}\n".encode() + b"".join(rows.encode(encoding) for encoding in encodings)
        assert titles(write(tmp_path, content)) == RUSSIAN[:5] * 2


def test_a_text_cut_within_a_character_stays_readable(tmp_path: Path) -> None:
    cut = "José Peña, Ünal é".encode()[:-1]
    assert titles(write(tmp_path, b'id,title,note\n1,"' + cut + b'",x\n')) == ["José Peña, Ünal Ã"]


def test_an_unknown_encoding_is_refused_by_name(tmp_path: Path) -> None:
    for name in ("klingon", "base64"):
        with pytest.raises(SourceError, match=f"no encoding '{name}'"):
            open_table(write(tmp_path, b"id,title\n1,One\n"), name)


def test_byte_order_marks_anywhere_are_dropped(tmp_path: Path) -> None:
    assert titles(write(tmp_path, "\ufeffid,title\n\ufeff1,\ufeffOne\n2,Two\n".encode())) == ["One", "Two"]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), max_size=50))
def test_any_text_in_utf8_is_read_unchanged(text: str) -> None:
    content = f"{text}x\n".encode()
    form = find_form(io.BytesIO(content))
    assert b"".join(text_blocks(io.BytesIO(content), form)) == content


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_become_utf8_whatever_the_blocks(content: bytes, block_bytes: int) -> None:
    form = find_form(io.BytesIO(content))
    assert b"".join(text_blocks(io.BytesIO(content), form, block_bytes)).decode() is not None
