"""A folder of files -> a source, recognised by the columns of its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.batch.sources.files import book_crossing, goodbooks
from services.batch.sources.files.generic import open_generic
from services.batch.sources.files.layouts import NEEDED_SHARE, describe_tables
from services.batch.sources.files.tables import SUFFIXES, list_tables, open_table
from services.batch.sources.mapping import MAPPING_FILE, read_toml
from shared.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from services.batch.sources.source import Source

_FORMATS = (
    (goodbooks.LAYOUT, goodbooks.open_goodbooks),
    (book_crossing.LAYOUT, book_crossing.open_book_crossing),
)


def open_folder(path: Path, mirrors: Path | None = None, *, fresh: bool = False) -> Source:
    """Recognise a folder and open it.

    A `nightshelf.toml` in it decides; otherwise the format with the largest share of its required columns, if that is
    more than half.

    Args:
        path: the folder.
        mirrors: `DataFolder.mirrors`, where a copy of the tables is kept if they are in a database.
        fresh: ignore that copy and read everything.

    Raises:
        SourceError: there is no such folder, it is not recognised (says what was found and what each format wants), or
            a table or column is missing.
    """
    if path.is_file():
        raise SourceError(f"{path} is a file.", where="--source", hint=f"Name the folder it is in: {path.parent}.")
    if not path.is_dir():
        raise SourceError(f"There is no folder {path}.", where="--source", hint="Name a folder of tables.")
    if (path / MAPPING_FILE).is_file():
        return _open_database(path, mirrors, fresh=fresh) if "database" in read_toml(path) else open_generic(path)
    tables, unreadable = [], []
    for file in list_tables(path):
        try:
            tables.append(open_table(file))
        except SourceError as error:
            unreadable.append(error.what)
    likeness = [layout.likeness(tables) for layout, _ in _FORMATS]
    best = max(likeness)
    if best > NEEDED_SHARE and likeness.count(best) == 1:
        try:
            return _FORMATS[likeness.index(best)][1](path, tables)
        except SourceError as error:
            if not unreadable:
                raise
            raise SourceError(
                f"{error.what} Besides: {' '.join(unreadable)}", where=error.where, hint=error.hint
            ) from error
    files = sorted(item.name for item in path.iterdir())
    if not tables and unreadable:
        raise SourceError(" ".join(unreadable), where=str(path), hint="Nothing in it can be read; check the export.")
    found = (
        describe_tables(tables) if tables else f"no {', '.join(SUFFIXES)} file among {', '.join(files) or 'no files'}"
    )
    raise SourceError(
        f"{path.name} is in no format Nightshelf knows. Found: {found}.{''.join(f' {what}' for what in unreadable)} "
        f"Wanted: {'; or '.join(str(layout) for layout, _ in _FORMATS)}; or any tables with a {MAPPING_FILE}.",
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
            hint="pip install 'nightshelf[sql]'",
        ) from error
    if mirrors is None:
        raise SourceError("Tables in a database are read with a data folder only.", where=str(path))
    return open_sql(path, mirrors, fresh=fresh)
