"""Finds the encoding and the line ends of a text file, and decodes it.

UTF-8 is recognised by its own rules, UTF-16 and UTF-32 by their byte order mark or their zero bytes. `chardet` guesses
everything else from the lines that are not UTF-8. A file may hold two encodings, even in one line: then each field
that is not UTF-8 is decoded on its own.
"""

from __future__ import annotations

import codecs
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

import chardet

if TYPE_CHECKING:
    from io import BufferedReader

SCAN_BYTES = 256 << 20
_CHUNK_BYTES = 8 << 20
_READ_BYTES = 1 << 20
_SAMPLE_LINES, _SAMPLE_BYTES = 2_000, 64 << 10
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CANDIDATES = (
    "windows-1252", "windows-1250", "windows-1251", "windows-1253", "windows-1254", "windows-1255", "windows-1256",
    "windows-1257", "iso-8859-2", "koi8-r", "cp866", "cp850", "macroman", "tis-620", "cp932", "euc-jp", "gb18030",
    "big5", "cp949",
)  # fmt: skip
_MULTI_BYTE = ("cp932", "euc-jp", "gb18030", "big5", "big5hkscs", "cp949", "euc-kr", "shift_jis")
_WESTERN = "windows-1252"
# Prefer Windows-1252 to a likelier relative with less than this advantage: short texts hardly tell them apart.
_WESTERN_SHARE, _WESTERN_SHARES = 0.85, {"windows-1250": 0.62, "iso-8859-2": 0.62}
_UTF8_SHARE = 0.1  # a file in another encoding has fewer fields that happen to be UTF-8
_SPLIT = re.compile(rb'([,;\t|"\n])')
_WELL_FORMED = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_CERTAIN_SEQUENCES = 3
_HIGH = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True, slots=True)
class TextForm:
    """How a file's bytes become text.

    Args:
        encoding: of the whole file, or of most of it.
        fallback: of fields that are not in `encoding`.
        n_other_lines: lines with such fields, as far as the file was scanned.
        cr_ends_lines: a carriage return alone ends a line; otherwise it is a blank.
        decodes_whole: decode the file as a stream: a person gave the encoding, or its bytes below 128 are not always
            ASCII characters.
        is_guess: the encoding is neither given nor certain.
    """

    encoding: str = "utf-8"
    fallback: str = _WESTERN
    n_other_lines: int = 0
    cr_ends_lines: bool = False
    decodes_whole: bool = False
    is_guess: bool = False

    def __str__(self) -> str:
        if self.encoding == self.fallback or not self.n_other_lines:
            return self.encoding
        return f"{self.encoding}, with fields in {self.fallback} on {self.n_other_lines:,} lines"

    def repaired(self, lines: bytes) -> bytes:
        """Lines in UTF-8; fields that are not UTF-8 are decoded with `fallback`."""
        pieces = _SPLIT.split(lines)
        return b"".join(piece if piece.isascii() else self._piece(piece) for piece in pieces)

    def _piece(self, piece: bytes) -> bytes:
        is_likely = self.encoding == "utf-8" or _is_likely_utf8(piece, self.fallback)
        if is_likely and _is_utf8(piece):
            return piece
        if not is_likely or 2 * _n_well_formed(piece) <= len(_HIGH.findall(piece)):
            return _decoded(piece, self.fallback).encode()
        # UTF-8 with a few stray bytes, such as a text that was cut within a character.
        return re.sub(
            "[\udc80-\udcff]+",
            lambda stray: _decoded(stray[0].encode("utf-8", "surrogateescape"), self.fallback),
            piece.decode("utf-8", "surrogateescape"),
        ).encode()


def read_block(file: BinaryIO, n_bytes: int) -> bytes:
    """The next `n_bytes`, or all up to the end or to damage in a compressed file.

    Raises:
        OSError, EOFError, zlib.error: a compressed file is damaged here.
    """
    parts: list[bytes] = []
    while n_bytes > 0:
        try:
            part = cast("BufferedReader", file).read1(min(n_bytes, _READ_BYTES))
        except (EOFError, OSError, zlib.error):
            if parts:
                break
            raise
        if not part:
            break
        parts.append(part)
        n_bytes -= len(part)
    return b"".join(parts)


def given_form(encoding: str, head: bytes) -> TextForm:
    """The form of a file whose encoding a person gave.

    Args:
        encoding: any name that Python knows.
        head: the beginning of the file.

    Raises:
        LookupError: there is no such encoding of texts.
    """
    name = codecs.lookup(encoding).name
    "".encode(name)  # refuses codecs that are not for texts
    name = {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf-8-sig": "utf-8"}.get(name, name)
    name = next((marked for mark, marked in _MARKS if head.startswith(mark) and marked[:6] == name[:6]), name)
    if name == "utf-8":
        return TextForm(cr_ends_lines=_cr_ends_lines(head.decode("latin-1")))
    ends = _cr_ends_lines(head.decode(name, "replace"))
    return TextForm(name, name, cr_ends_lines=ends, decodes_whole=True)


def find_form(file: BinaryIO, scan_bytes: int = SCAN_BYTES) -> TextForm:
    """The form of a file, from its beginning to `scan_bytes`.

    Raises:
        OSError, EOFError, zlib.error: the beginning of a compressed file is damaged.
    """
    head = read_block(file, _CHUNK_BYTES)
    wide = next((name for mark, name in _MARKS if head.startswith(mark)), None) or _wide_without_mark(head)
    if wide:
        ends = _cr_ends_lines(head.decode(wide, "replace"))
        return TextForm(wide, wide, cr_ends_lines=ends, decodes_whole=True, is_guess=True)
    others = _Others()
    chunk, n_read, rest = head, 0, b""
    while chunk and n_read < scan_bytes:
        n_read += len(chunk)
        cut = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        others.add(rest + chunk[:cut])
        rest = chunk[cut:] if cut else b""
        try:
            chunk = read_block(file, _CHUNK_BYTES)
        except (EOFError, OSError, zlib.error):  # the reader of the rows reports it
            chunk = b""
    others.add(rest)
    encoding, fallback = others.encodings()
    return TextForm(
        encoding,
        fallback,
        n_other_lines=others.n_lines,
        cr_ends_lines=_cr_ends_lines(head.decode("latin-1")),
        decodes_whole=encoding in _MULTI_BYTE,
        is_guess=bool(others.n_lines),
    )


class _Others:
    """Counts the lines that are UTF-8 and those that are not, and keeps some of both."""

    def __init__(self) -> None:
        self.n_lines = 0
        self._n_utf8_lines = 0
        self._others: list[bytes] = []
        self._utf8: list[bytes] = []

    def add(self, lines: bytes) -> None:
        if lines.isascii():
            return
        if _is_utf8(lines) and len(self._utf8) >= _SAMPLE_LINES:
            self._n_utf8_lines += lines.count(b"\n") + 1
            return
        for line in lines.replace(b"\r", b"\n").split(b"\n"):
            if line.isascii():
                continue
            is_utf8 = _is_utf8(line)
            self._n_utf8_lines += is_utf8
            self.n_lines += not is_utf8
            sample = self._utf8 if is_utf8 else self._others
            if len(sample) < _SAMPLE_LINES:
                sample.append(line)

    def encodings(self) -> tuple[str, str]:
        """The encoding of the file, and that of the fields that are not UTF-8."""
        if not self.n_lines:
            return "utf-8", _WESTERN
        pieces = _pieces(self._others)
        strange = [piece for piece in pieces if 2 * _n_well_formed(piece) <= len(_HIGH.findall(piece))]
        all_strange = len(strange) == len(pieces)
        sample = b"\n".join(self._others if all_strange else strange)[:_SAMPLE_BYTES]
        fallback = guess_encoding(sample) if strange else _WESTERN
        utf8 = _pieces(self._utf8)
        likely = sum(_is_likely_utf8(piece, fallback) for piece in utf8) / max(len(utf8), 1)
        n_utf8_pieces = sum(_is_utf8(piece) and _is_likely_utf8(piece, fallback) for piece in pieces)
        is_mixed = self._n_utf8_lines * likely > _UTF8_SHARE * self.n_lines or n_utf8_pieces > _UTF8_SHARE * len(
            strange
        )
        return ("utf-8" if is_mixed or not strange else fallback), fallback


def guess_encoding(sample: bytes) -> str:
    """The likeliest encoding of bytes that are not UTF-8; Windows-1252 if nothing speaks for another."""
    found = {
        (match["encoding"] or "").lower(): match["confidence"]
        for match in chardet.detect_all(sample, include_encodings=_CANDIDATES, ignore_threshold=True)
    }
    if not found:
        return _WESTERN
    best = max(found, key=lambda name: found[name])
    if not best or found.get(_WESTERN, 0.0) >= _WESTERN_SHARES.get(best, _WESTERN_SHARE) * found[best]:
        return _WESTERN
    return best if _decodes(best, sample) else _WESTERN


def _wide_without_mark(head: bytes) -> str | None:
    """UTF-16 without byte order mark: half of the bytes of ASCII characters are zero."""
    start = head[:400]
    n_even, n_odd = start[::2].count(0), start[1::2].count(0)
    if min(n_even, n_odd) * 10 > max(n_even, n_odd) or max(n_even, n_odd) * 8 < len(start):
        return None
    return "utf-16-be" if n_even > n_odd else "utf-16-le"


def _cr_ends_lines(text: str) -> bool:
    """Whether the first line end outside of quotes is a carriage return alone."""
    first = re.match(r'(?:[^"\r\n]|"[^"]*")*(\r*)(.?)', text, re.DOTALL)
    return bool(first and first[1] and first[2] != "\n")


def _is_utf8(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decodes(encoding: str, sample: bytes) -> bool:
    """Whether nearly all of a sample is text in an encoding."""
    try:
        return sample.decode(encoding, "replace").count("\N{REPLACEMENT CHARACTER}") * 50 <= len(sample)
    except LookupError:
        return False


def _pieces(lines: list[bytes]) -> list[bytes]:
    return [piece for line in lines for piece in _SPLIT.split(line) if not piece.isascii()]


def _n_well_formed(piece: bytes) -> int:
    """How many bytes belong to characters in UTF-8."""
    return sum(map(len, _WELL_FORMED.findall(piece)))


def _is_likely_utf8(piece: bytes, other: str) -> bool:
    """Whether characters in UTF-8 are not there by chance.

    Two bytes of another encoding may look like one character, but hardly like one that the encoding has itself.
    """
    if len(_WELL_FORMED.findall(piece)) >= _CERTAIN_SEQUENCES:
        return True
    try:
        piece.decode("utf-8", "ignore").encode(other)
    except UnicodeEncodeError:
        return False
    return True


def _decoded(piece: bytes, encoding: str) -> str:
    for name in (encoding, _WESTERN):
        try:
            return piece.decode(name)
        except UnicodeDecodeError:
            continue
    return piece.decode("latin-1")
