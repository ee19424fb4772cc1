"""Cuts a text file into blocks of complete lines in UTF-8, whatever its encoding and line ends."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, BinaryIO

from services.batch.sources.files.encoding import TextForm, read_block

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES = 8 << 20
_MARK = codecs.BOM_UTF8


def text_blocks(file: BinaryIO, form: TextForm | None = None, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    r"""Complete lines as UTF-8, each terminated by one `\n`, without empty lines.

    Byte order marks are removed wherever they are: a file that was joined from several has more than one.
    """
    form = form or TextForm()
    rest = b""
    for data in _utf8(file, form, block_bytes):
        complete, newline, tail = data.rpartition(b"\n")
        if not newline:
            rest += data
            continue
        if block := _normalised(rest + complete, form):
            yield block
        rest = tail
    if block := _normalised(rest, form):
        yield block


def _utf8(file: BinaryIO, form: TextForm, block_bytes: int) -> Iterator[bytes]:
    """The file in pieces; in UTF-8 as far as it is decoded as a stream."""
    decoder = codecs.getincrementaldecoder(form.encoding)("replace") if form.decodes_whole else None
    while data := read_block(file, block_bytes):
        if decoder:
            data = decoder.decode(data).encode("utf-8", "replace")
        yield data.replace(b"\r", b"\n") if form.cr_ends_lines else data
    if decoder and (data := decoder.decode(b"", final=True).encode()):
        yield data


def _normalised(block: bytes, form: TextForm) -> bytes:
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r\n", b"\n").rstrip(b"\r").replace(b"\r", b" ")
    if _MARK in block:
        block = block.replace(_MARK, b"")
    if not (form.decodes_whole or block.isascii()) and (form.encoding != "utf-8" or not _is_utf8(block)):
        block = form.repaired(block)
    if b"\n\n" in block:
        block = re.sub(rb"\n{2,}", b"\n", block)
    block = block.strip(b"\n")
    return block + b"\n" if block else b""


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True
