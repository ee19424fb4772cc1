"""A database table: validation, queries, and rows as batches of text.

All statements are SQLAlchemy expressions, so names are quoted and values bound. The database converts values to text,
except integer keys (they sort as numbers) and times (seconds since 1970).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Float, Text, cast, extract, false, func, inspect, null, or_, select, true
from sqlalchemy import column as sql_column
from sqlalchemy import table as sql_table
from sqlalchemy.exc import NoSuchTableError, SAWarning
from sqlalchemy.types import ARRAY, JSON, Boolean, Date, DateTime, Integer, Numeric, TypeEngine

from services.batch.sources.source import LIST_SEPARATOR
from services.batch.sources.sql.mapping import BooksTable, identity_of
from shared.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy.sql.expression import ColumnClause, TableClause

    from services.batch.sources.sql.mapping import InteractionsTable

ROWS_PER_BATCH = 20_000
KEY_PREFIX = "key "
"""Prefix of the names of key columns; no mapped column has it."""
DELETED = "deleted"
MIRROR_FORMAT = 1
_WHOLE_AS_FRACTION = r"^(-?\d+)\.0+$"


@dataclass(frozen=True, slots=True)
class _Column:
    """A fetched column: name, expression, Arrow type and database type."""

    name: str
    expression: ColumnElement[Any]
    arrow_type: pa.DataType
    type: TypeEngine[Any]

    def array(self, values: Sequence[Any]) -> pa.Array:
        if isinstance(self.type, JSON):
            values = [None if value is None else _joined(value) for value in values]
        array = pa.array(values, self.arrow_type)
        if isinstance(self.type, (Numeric, Float)) and self.arrow_type == pa.string():
            array = pc.replace_substring_regex(array, _WHOLE_AS_FRACTION, r"\1")
        return array


@dataclass(frozen=True, slots=True)
class DatabaseTable:
    """A table in the database. Make it with `inspect_table`.

    Args:
        title: its name in the mapping.
        shape: a hash of everything that determines the fetched rows.
        keys, values: the fetched columns.
        updated_at: the time of the last change of a row; `None` without such a column.
        deleted: whether a row counts as deleted; `None` without such a column.
    """

    title: str
    shape: str
    key_names: tuple[str, ...]
    keys: tuple[_Column, ...]
    values: tuple[_Column, ...]
    table: TableClause
    updated_at: ColumnElement[datetime] | None
    deleted: ColumnElement[bool] | None

    def extent(self, connection: Connection) -> tuple[int, datetime | None]:
        """The number of rows that are not deleted, and the time of the newest change, future times ignored."""
        n_rows = func.count() if self.deleted is None else func.count().filter(~self.deleted)
        newest: ColumnElement[Any] = null()
        if self.updated_at is not None:
            newest = func.max(self.updated_at).filter(self.updated_at <= func.now())
        row = connection.execute(select(n_rows, newest).select_from(self.table)).one()
        return row[0], row[1]

    def all_rows(self, connection: Connection) -> Iterator[pa.Table]:
        """All rows that are not deleted."""
        statement = select(*_labelled([*self.keys, *self.values])).select_from(self.table)
        if self.deleted is not None:
            statement = statement.where(~self.deleted)
        return self._stream(connection, statement, [*self.keys, *self.values])

    def changes(self, connection: Connection, since: datetime) -> Iterator[pa.Table]:
        """Rows changed at or after `since` or without a time, with `deleted`."""
        if self.updated_at is None:
            raise ValueError(f"{self.title} has no column updated_at")
        deleted = _Column(DELETED, false() if self.deleted is None else self.deleted, pa.bool_(), Boolean())
        columns = [*self.keys, *self.values, deleted]
        is_changed = or_(self.updated_at >= since, self.updated_at.is_(None))
        return self._stream(connection, select(*_labelled(columns)).select_from(self.table).where(is_changed), columns)

    def all_keys(self, connection: Connection) -> Iterator[pa.Table]:
        """The keys of all rows that are not deleted."""
        statement = select(*_labelled(self.keys)).select_from(self.table)
        if self.deleted is not None:
            statement = statement.where(~self.deleted)
        return self._stream(connection, statement, self.keys)

    def schema(self, *, with_deleted: bool = False) -> pa.Schema:
        """The schema of `all_rows`; with `deleted`, that of `changes`."""
        fields = [(column.name, column.arrow_type) for column in (*self.keys, *self.values)]
        return pa.schema([*fields, (DELETED, pa.bool_())] if with_deleted else fields)

    def key_schema(self) -> pa.Schema:
        """The schema of `all_keys`."""
        return pa.schema([(column.name, column.arrow_type) for column in self.keys])

    def _stream(self, connection: Connection, statement: Any, columns: Sequence[_Column]) -> Iterator[pa.Table]:
        """Rows from a server-side cursor, one batch in memory at a time."""
        with connection.execute(statement, execution_options={"yield_per": ROWS_PER_BATCH}) as result:
            for rows in result.partitions():
                arrays = [column.array(values) for column, values in zip(columns, zip(*rows, strict=True), strict=True)]
                yield pa.table(arrays, names=[column.name for column in columns])


def inspect_table(connection: Connection, mapped: BooksTable | InteractionsTable) -> DatabaseTable:
    """Find a mapped table in the database.

    Raises:
        SourceError: the table or a column does not exist, `updated_at` is not a time, or there is no key; the message
            lists what exists.
    """
    schema, name = mapped.place
    types, primary_key = _columns_and_key(inspect(connection), mapped)
    key_names = tuple(mapped.key or primary_key)
    _require(mapped, types, key_names)
    columns: dict[str, ColumnClause[Any]] = {name: sql_column(name, type_) for name, type_ in types.items()}
    keys = [_key(i, columns[name]) for i, name in enumerate(key_names or dict.fromkeys(mapped.columns.values()))]
    values = [_value(ours, columns[theirs]) for ours, theirs in mapped.columns.items()]
    return DatabaseTable(
        title=mapped.table,
        shape=identity_of(
            [
                MIRROR_FORMAT,
                mapped.table,
                key_names,
                sorted(mapped.columns.items()),
                [(column.name, repr(column.type)) for column in (*keys, *values)],
                mapped.updated_at,
                mapped.deleted_at,
            ]
        ),
        key_names=key_names,
        keys=tuple(keys),
        values=tuple(values),
        table=sql_table(name, *columns.values(), schema=schema),
        updated_at=None if mapped.updated_at is None else columns[mapped.updated_at],
        deleted=None if mapped.deleted_at is None else _is_deleted(columns[mapped.deleted_at]),
    )


def _columns_and_key(
    inspector: Any, mapped: BooksTable | InteractionsTable
) -> tuple[dict[str, TypeEngine[Any]], tuple[str, ...]]:
    """Types of the columns by name, and the columns of the primary key."""
    schema, name = mapped.place
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # types unknown to SQLAlchemy are read as text
        try:
            types = {found["name"]: _plain(found["type"]) for found in inspector.get_columns(name, schema=schema)}
        except NoSuchTableError:
            types = {}
        if not types:
            raise _missing_table(inspector, mapped.table, schema)
        return types, tuple(inspector.get_pk_constraint(name, schema=schema)["constrained_columns"])


def _require(
    mapped: BooksTable | InteractionsTable, types: dict[str, TypeEngine[Any]], key_names: tuple[str, ...]
) -> None:
    """Refuse a table without a required column or a key, or with an `updated_at` that is not a time."""
    wanted = [*mapped.columns.values(), *(mapped.key or []), mapped.updated_at, mapped.deleted_at]
    missing = [column for column in dict.fromkeys(wanted) if column is not None and column not in types]
    if missing:
        raise SourceError(
            f"The table {mapped.table} has no column {' and no column '.join(repr(column) for column in missing)}; its "
            f"columns are {', '.join(types)}.",
            where=mapped.table,
            hint="Correct the mapping in nightshelf.toml; upper and lower case count.",
        )
    if mapped.updated_at is not None and not isinstance(types[mapped.updated_at], DateTime):
        raise SourceError(
            f"The column {mapped.updated_at!r} of {mapped.table} is not a time but {types[mapped.updated_at]!r}.",
            where=mapped.table,
            hint="updated_at must be a timestamp. Without it, the whole table is read every time.",
        )
    if not key_names and mapped.updated_at is not None:
        raise SourceError(
            f"{mapped.table} has no primary key, so a changed row cannot be distinguished from a new one.",
            where=mapped.table,
            hint='Name the columns that identify a row: key = ["…"]. A view has no primary key.',
        )


def _key(number: int, column: ColumnClause[Any]) -> _Column:
    name = f"{KEY_PREFIX}{number}"
    if isinstance(column.type, Integer):
        return _Column(name, column, pa.int64(), column.type)
    return _Column(name, cast(column, Text), pa.string(), column.type)


def _value(name: str, column: ColumnClause[Any]) -> _Column:
    if name == "time" and isinstance(column.type, (DateTime, Date)):
        return _Column(name, cast(extract("epoch", column), Float), pa.float64(), column.type)
    if isinstance(column.type, ARRAY):
        return _Column(name, func.array_to_string(column, LIST_SEPARATOR), pa.string(), column.type)
    return _Column(name, cast(column, Text), pa.string(), column.type)


def _is_deleted(column: ColumnClause[Any]) -> ColumnElement[bool]:
    return column.is_(true()) if isinstance(column.type, Boolean) else column.is_not(None)


def _labelled(columns: Sequence[_Column]) -> list[ColumnElement[Any]]:
    return [column.expression.label(column.name) for column in columns]


def _plain(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """The base type of a domain; any other type unchanged."""
    made_of: TypeEngine[Any] = getattr(type_, "data_type", type_)
    return made_of


def _joined(written: str) -> str:
    """A JSON list joined with `LIST_SEPARATOR`; a JSON string without its quotes; other JSON unchanged."""
    value = orjson.loads(written)
    if isinstance(value, list):
        return LIST_SEPARATOR.join(str(item) for item in value if item is not None)
    return value if isinstance(value, str) else written


def _missing_table(inspector: Any, title: str, schema: str | None) -> SourceError:
    if schema is not None and schema not in inspector.get_schema_names():
        return SourceError(
            f"The database has no schema {schema!r}; its schemas are {', '.join(inspector.get_schema_names())}.",
            where=title,
            hint="Correct table in nightshelf.toml, or let the user see the schema.",
        )
    found = sorted({*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)})
    return SourceError(
        f"The database has no table {title!r}; {f'in {schema}' if schema else 'without a schema'} there are "
        f"{', '.join(found) or 'no tables'}.",
        where=title,
        hint="Correct table in nightshelf.toml; write a table in another schema as schema.table.",
    )
