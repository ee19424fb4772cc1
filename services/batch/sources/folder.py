"""Opens a folder as a source, recognized by the columns of its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.batch.sources.files import book_crossing, goodbooks
from services.batch.sources.files.generic import open_generic
from services.batch.sources.files.layouts import NEEDED_SHARE, describe_tables
from services.batch.sources.files.tables import SUFFIXES, list_tables, open_table
from services.batch.sources.mapping import MAPPING_FILE, read_toml
from services.batch.sources.overrides import read_overrides
from shared.errors import SourceError, install_hint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from services.batch.sources.files.tables import TableFile
    from services.batch.sources.source import Source

_FORMATS = (
    (goodbooks.LAYOUT, goodbooks.open_goodbooks),
    (book_crossing.LAYOUT, book_crossing.open_book_crossing),
)


def open_folder(path: Path, mirrors: Path | None = None, *, fresh: bool = False) -> Source:
    """Recognize a folder and open it.

    A `nightshelf.toml` that describes tables decides; otherwise the format with the largest share of its required
    columns, if that is more than half.

    Args:
        path: the folder.
        mirrors: `DataFolder.mirrors`, the folder of local copies of database tables.
        fresh: ignore the local copy and read everything.

    Raises:
        SourceError: the folder does not exist, its format is not recognized (the message lists what was found and what
            each format needs), or a table or column is missing.
    """
    if path.is_file():
        raise SourceError(f"{path} is a file.", where="--source", hint=f"Use the folder of the file: {path.parent}.")
    if not path.is_dir():
        raise SourceError(f"There is no folder {path}.", where="--source", hint="Use a folder with tables.")
    overrides = read_overrides(path)
    if overrides is None:
        return _open_database(path, mirrors, fresh=fresh) if "database" in read_toml(path) else open_generic(path)
    tables, unreadable = [], []
    for file in list_tables(path):
        try:
            tables.append(open_table(file, overrides.encoding))
        except SourceError as error:
            unreadable.append(error.what)
    likeness = [layout.likeness(tables) for layout, _ in _FORMATS]
    best = max(likeness)
    if best > NEEDED_SHARE and likeness.count(best) == 1:
        try:
            return _FORMATS[likeness.index(best)][1](path, tables, overrides)
        except SourceError as error:
            if not unreadable:
                raise
            raise SourceError(
                f"{error.what} Also: {' '.join(unreadable)}", where=error.where, hint=error.hint
            ) from error
    raise _unrecognized(path, tables, unreadable)


def _unrecognized(path: Path, tables: Sequence[TableFile], unreadable: Sequence[str]) -> SourceError:
    files = sorted(item.name for item in path.iterdir())
    if not tables and unreadable:
        return SourceError(" ".join(unreadable), where=str(path), hint="No table can be read; check the export.")
    found = (
        describe_tables(tables) if tables else f"no {', '.join(SUFFIXES)} file among {', '.join(files) or 'no files'}"
    )
    return SourceError(
        f"{path.name} has no format that Nightshelf knows. Found: {found}.{''.join(f' {what}' for what in unreadable)} "
        f"Expected: {'; or '.join(str(layout) for layout, _ in _FORMATS)}; or any tables with a {MAPPING_FILE}.",
        where=str(path),
        hint="Write a nightshelf.toml that maps your columns (see docs/sources.md).",
    )


def _open_database(path: Path, mirrors: Path | None, *, fresh: bool) -> Source:
    try:
        from services.batch.sources.sql.source import open_sql  # noqa: PLC0415 - only this needs SQLAlchemy
    except ModuleNotFoundError as error:
        raise SourceError(
            f"Reading from a database needs {error.name}, which is not installed.",
            where=str(path / MAPPING_FILE),
            hint=install_hint("sql"),
        ) from error
    if mirrors is None:
        raise SourceError("Reading tables from a database needs a data folder.", where=str(path))
    return open_sql(path, mirrors, fresh=fresh)
