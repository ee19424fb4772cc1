"""Assigns the files of a folder to the tables of a format, by their columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from services.batch.sources.files.tables import TableFile

NEEDED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Role:
    """One table of a format.

    Args:
        stems: pattern of the usual file names, lower case and without suffix. A file with another name is used if it is
            the only remaining one with all columns.
        columns: required columns.
        optional: whether the table may be missing.
    """

    stems: str
    columns: tuple[str, ...]
    optional: bool = False

    def is_named(self, table: TableFile) -> bool:
        """Whether the file has a usual name for this table."""
        return re.fullmatch(self.stems, table.stem) is not None

    def n_columns(self, table: TableFile) -> int:
        """How many of the columns the table has."""
        return sum(column in table for column in self.columns)

    def is_complete(self, table: TableFile) -> bool:
        """Whether the table has all of the columns."""
        return self.n_columns(table) == len(self.columns)


@dataclass(frozen=True, slots=True)
class Layout:
    """The tables of one format, by role name."""

    title: str
    roles: Mapping[str, Role]

    def likeness(self, tables: Sequence[TableFile]) -> float:
        """The share of the required columns that exist, 0 to 1."""
        required = [role for role in self.roles.values() if not role.optional]
        found = sum(max((role.n_columns(table) for table in tables), default=0) for role in required)
        return found / sum(len(role.columns) for role in required)

    def assign(self, folder: Path, tables: Sequence[TableFile]) -> dict[str, TableFile]:
        """The table of each role; optional ones may be missing.

        Raises:
            SourceError: a required table or column is missing, or two files match the same table.
        """
        assigned: dict[str, TableFile] = {}
        for name, role in self.roles.items():
            named = [table for table in tables if role.is_named(table)]
            complete = [table for table in named if role.is_complete(table)] or named
            if not complete:
                others = [other for other in self.roles.values() if other is not role]
                free = [table for table in tables if not any(other.is_named(table) for other in others)]
                complete = [table for table in free if role.is_complete(table) and table not in assigned.values()]
            if len(complete) > 1:
                raise SourceError(
                    f"Both {' and '.join(table.path.name for table in complete)} could be the table of {name}.",
                    where=str(folder),
                    hint="Keep one of them in this folder.",
                )
            if complete:
                complete[0].require(role.columns)
                assigned[name] = complete[0]
            elif not role.optional:
                raise SourceError(
                    f"This looks like {self.title}, but there is no table of {name} with the columns "
                    f"{', '.join(role.columns)}; the files are {', '.join(table.path.name for table in tables)}.",
                    where=str(folder),
                )
        return assigned

    def __str__(self) -> str:
        parts = (
            f"{name} ({', '.join(role.columns)}{'; optional' if role.optional else ''})"
            for name, role in self.roles.items()
        )
        return f"{self.title}: {', '.join(parts)}"


def describe_tables(tables: Sequence[TableFile]) -> str:
    """The tables with their columns, for a message."""
    return "; ".join(f"{table.path.name} ({', '.join(table.columns)})" for table in tables) or "no table"
