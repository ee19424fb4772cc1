"""Books and interactions from a real PostgreSQL: complete, of one moment, and only what has changed."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
import sqlalchemy
from structlog.testing import capture_logs

from services.batch.ingest.ingest import ingest
from services.batch.ingest.snapshot import Snapshot, current_snapshot
from services.batch.runtime.progress import SILENT
from services.batch.sources.demo.source import DemoSource
from services.batch.sources.folder import open_folder
from services.batch.sources.rejects import RejectLog
from services.batch.sources.sql import tables as sql_tables
from services.batch.sources.sql.connection import one_moment
from services.batch.sources.sql.source import SqlSource
from services.batch.sources.sql.tables import DatabaseTable, look_at
from shared.errors import SourceError
from shared.layout import DataFolder
from shared.settings import Settings
from tests.conftest import absent
from tests.paths import ROOT
from tests.servers.postgres_server import PASSWORD, PostgresServer, postgres_server

SHOP = ROOT / "docker" / "shop"
VARIABLE = "TEST_SHOP_URL"
WRONG, GUEST = "a wrong secret", "guest"
TABLES = """
    CREATE SCHEMA "Odd Shop";
    CREATE TYPE deed AS ENUM ('lent', 'hidden');
    CREATE TABLE "Odd Shop"."Books" (
        id integer PRIMARY KEY, "Name 100%" text, writers text[], shelf text, published date, "average:x" numeric(4, 2),
        changed timestamptz, gone timestamptz
    );
    CREATE TABLE "Odd Shop".stars (
        reader uuid, book integer, stars numeric(3, 1), at timestamp, changed timestamp, PRIMARY KEY (reader, book)
    );
    CREATE TABLE "Odd Shop".loans (
        id bigint PRIMARY KEY, member char(40), book numeric(8, 2), what deed, at timestamptz, changed timestamptz,
        taken_back boolean
    );
"""
MAPPING = f"""
name = "Odd shop"

[database]
url_from = "{VARIABLE}"

[books]
table = "Odd Shop.Books"
columns = {{ book_id = "id", title = "Name 100%", authors = "writers", genres = "shelf", year = "published", average_rating = "average:x" }}
genre_separator = "|"
updated_at = "changed"
deleted_at = "gone"

[[interactions]]
table = "Odd Shop.stars"
columns = {{ user_id = "reader", book_id = "book", value = "stars", time = "at" }}
rating_scale = [0, 10]
updated_at = "changed"

[[interactions]]
table = "Odd Shop.loans"
columns = {{ user_id = "member", book_id = "book", kind = "what", time = "at" }}
kinds = {{ lent = "read", hidden = "dismiss" }}
updated_at = "changed"
deleted_at = "taken_back"
"""  # noqa: E501 - an inline table has one line
FILES = """
name = "Odd shop"

[books]
file = "books.csv"
columns = { book_id = "id", title = "title", authors = "writers", genres = "shelf", year = "published", average_rating = "average" }
genre_separator = "|"

[[interactions]]
file = "stars.csv"
columns = { user_id = "reader", book_id = "book", value = "stars", time = "at" }
rating_scale = [0, 10]

[[interactions]]
file = "loans.csv"
columns = { user_id = "member", book_id = "book", kind = "what", time = "at" }
kinds = { lent = "read", hidden = "dismiss" }
"""  # noqa: E501
EXPORTS = {
    "books": """SELECT id, "Name 100%" AS title, array_to_string(writers, ', ') AS writers, shelf, published,
        "average:x" AS average FROM "Odd Shop"."Books" WHERE gone IS NULL ORDER BY id""",
    "stars": """SELECT reader, book, stars, at FROM "Odd Shop".stars ORDER BY reader, book""",
    "loans": """SELECT trim(member) AS member, trim_scale(book) AS book, what, at FROM "Odd Shop".loans
        WHERE taken_back IS NOT TRUE ORDER BY id""",
}
READERS = [f"00000000-0000-4000-8000-{number:012}" for number in range(12)]
LONG_AGO = "2025-03-01 12:00+00"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        if server is None:
            absent("PostgreSQL")
        yield server


class Shop:
    """A database with books, stars and loans, and a source that reads it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.data = DataFolder(folder / "data")
        self.map(MAPPING)

    def map(self, mapping: str) -> None:
        (self.folder / "mapping").mkdir(exist_ok=True)
        (self.folder / "mapping" / "nightshelf.toml").write_text(mapping, encoding="utf-8")

    def do(self, *statements: str) -> list[Any]:
        with psycopg.connect(self.url) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def source(self) -> SqlSource:
        source = open_folder(self.folder / "mapping", self.data.mirrors)
        assert isinstance(source, SqlSource)
        return source

    def fetched(self, source: SqlSource | None = None) -> dict[str, tuple[str, int]]:
        """Refresh; how each table was read, and how many rows came."""
        with capture_logs() as logs:
            (source or self.source()).fingerprint()
        reads = [entry for entry in logs if entry["event"] == "sql.read"]
        return {entry["table"].split(".")[-1]: (entry["how"], entry["n_fetched"]) for entry in reads}

    def whole_fingerprint(self, folder: Path) -> str:
        """The fingerprint of a source that has never read before."""
        return open_folder(self.folder / "mapping", folder).fingerprint()

    def ingest(self) -> Snapshot:
        ingest(self.data, self.source(), Settings(_env_file=None), redis=None, progress=SILENT)
        snapshot = current_snapshot(self.data)
        assert snapshot is not None
        return snapshot

    def interactions(self) -> list[tuple[str, int, str]]:
        frame = self.ingest().load_interactions()
        return sorted(zip(frame["user_id"], frame["book_number"], frame["kind"], strict=True))


@pytest.fixture(scope="session")
def database_url(postgres) -> str:
    return postgres.new_database()


@pytest.fixture
def shop(database_url, tmp_path, monkeypatch) -> Shop:
    """Twenty books, sixty stars and forty loans, all of long ago; and nothing else in the database."""
    shop = Shop(database_url, tmp_path)
    monkeypatch.setenv(VARIABLE, shop.url)
    shop.do(
        'DROP SCHEMA IF EXISTS "Odd Shop", public CASCADE',
        "CREATE SCHEMA public",
        TABLES,
        f"""INSERT INTO "Odd Shop"."Books"
            SELECT i, 'Book ' || i, ARRAY['Ann ' || i, NULL, 'Bo'], 'Crime|Love', make_date(1900 + i, 2, 3), 4.50,
                   timestamptz '{LONG_AGO}' + i * interval '1 hour', NULL
            FROM generate_series(1, 20) AS i""",
        f"""INSERT INTO "Odd Shop".stars
            SELECT ('00000000-0000-4000-8000-' || lpad((i % 12)::text, 12, '0'))::uuid, 1 + i / 12 * 3 + i % 3, i % 11,
                   timestamp '2024-01-01 00:00' + i * interval '1.5 second',
                   timestamp '{LONG_AGO[:-3]}' + i * interval '1 hour'
            FROM generate_series(0, 59) AS i""",
        f"""INSERT INTO "Odd Shop".loans
            SELECT i, 'member ' || i % 9, 1 + i % 20, (ARRAY['lent', 'hidden'])[1 + i % 2]::deed,
                   timestamptz '2024-02-01 00:00+02' + i * interval '1 minute',
                   timestamptz '{LONG_AGO}' + i * interval '1 hour', CASE i % 3 WHEN 0 THEN false END
            FROM generate_series(1, 40) AS i""",
    )
    return shop


def test_the_tables_mean_what_the_same_rows_in_files_mean(shop, tmp_path) -> None:
    shop.do(
        """INSERT INTO "Odd Shop"."Books" VALUES
            (21, E'Odd\\x01 <b>"title"</b>\\n', '{}', NULL, NULL, 99, NULL, NULL)""",
        """INSERT INTO "Odd Shop"."Books" VALUES (22, '  ', NULL, NULL, 'infinity', NULL, now(), NULL)""",
        """INSERT INTO "Odd Shop"."Books" VALUES (23, 'Withdrawn', NULL, NULL, NULL, NULL, now(), now())""",
        f"""INSERT INTO "Odd Shop".stars VALUES ('{READERS[0]}', 20, NULL, now(), now())""",
        f"""INSERT INTO "Odd Shop".stars VALUES ('{READERS[0]}', 19, 11, now(), now())""",
        f"""INSERT INTO "Odd Shop".stars VALUES ('{READERS[0]}', 18, 5, 'infinity', now())""",
        """INSERT INTO "Odd Shop".loans VALUES (41, 'm', 1.25, 'lent', now(), now(), NULL)""",
        """INSERT INTO "Odd Shop".loans VALUES (42, 'm', 1, 'lent', now(), now(), true)""",
        """INSERT INTO "Odd Shop".loans VALUES (43, NULL, 1, 'lent', now(), now(), false)""",
    )
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "nightshelf.toml").write_text(FILES, encoding="utf-8")
    with psycopg.connect(shop.url, options="-c timezone=UTC") as connection:
        for name, query in EXPORTS.items():
            with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)".encode()) as copy:
                (folder / f"{name}.csv").write_bytes(b"".join(bytes(block) for block in copy))
    files, tables = open_folder(folder), shop.source()
    of_files, of_tables = RejectLog(), RejectLog()
    pd.testing.assert_frame_equal(tables.books(of_tables), files.books(of_files))
    columns = ["user_id", "book_id", "kind", "value", "time", "row"]
    given, expected = (source.interactions(log)[columns] for source, log in ((tables, of_tables), (files, of_files)))
    for column in ("user_id", "book_id"):
        given, expected = (frame.astype({column: object}) for frame in (given, expected))
    pd.testing.assert_frame_equal(given, expected)
    assert of_tables.counts == of_files.counts
    assert of_tables.total == 5
    names = {"Odd Shop.Books": "books.csv", "Odd Shop.stars": "stars.csv", "Odd Shop.loans": "loans.csv"}
    places = [(names[row["source"]], row["row"]) for row in of_tables.table().to_pylist()]
    assert places == [(row["source"], row["row"]) for row in of_files.table().to_pylist()]
    assert (tables.name, tables.rating_scale, tables.has_clock_time) == (files.name, files.rating_scale, True)


def test_only_what_has_changed_is_fetched(shop, tmp_path) -> None:
    assert shop.fetched() == {"Books": ("whole", 20), "stars": ("whole", 60), "loans": ("whole", 40)}
    first = shop.source().fingerprint()
    # The newest row of each table lies in the overlap and comes again; nothing has changed all the same.
    assert shop.fetched() == {"Books": ("changes", 1), "stars": ("changes", 1), "loans": ("changes", 1)}
    assert shop.source().fingerprint() == first
    shop.do(
        """UPDATE "Odd Shop"."Books" SET "Name 100%" = 'Renamed', changed = now() WHERE id = 3""",
        f"""INSERT INTO "Odd Shop".stars VALUES ('{READERS[1]}', 20, 9, now(), now()),
            ('{READERS[2]}', 20, 1, now(), now())""",
    )
    assert shop.fetched() == {"Books": ("changes", 2), "stars": ("changes", 3), "loans": ("changes", 1)}
    assert shop.source().books(RejectLog())["title"][2] == "Renamed"
    assert shop.source().fingerprint() == shop.whole_fingerprint(tmp_path / "other") != first


@pytest.mark.parametrize("seed", range(3))
def test_any_history_read_change_by_change_ends_where_one_reading_does(shop, tmp_path, seed) -> None:
    chance = random.Random(seed)
    source = shop.source()

    def key() -> int:
        return chance.randint(1, 24)

    deeds = [
        lambda: f"""UPDATE "Odd Shop"."Books" SET shelf = '{chance.random()}', changed = now() WHERE id = {key()}""",
        lambda: f"""UPDATE "Odd Shop"."Books" SET gone = now() WHERE id = {key()}""",
        lambda: f"""UPDATE "Odd Shop"."Books" SET gone = now(), changed = now() WHERE id = {key()}""",
        lambda: f"""UPDATE "Odd Shop"."Books" SET gone = NULL, changed = now() WHERE id = {key()}""",
        lambda: f"""DELETE FROM "Odd Shop"."Books" WHERE id = {key()}""",
        lambda: f"""UPDATE "Odd Shop"."Books" SET id = id + 100, changed = now() WHERE id = {key()}""",
        lambda: f"""DELETE FROM "Odd Shop".stars WHERE book = {key()}""",
        lambda: f"""UPDATE "Odd Shop".loans SET taken_back = NOT taken_back, changed = NULL WHERE id = {key()}""",
        lambda: (
            f"""INSERT INTO "Odd Shop".loans VALUES ({key()}, 'm', {key()}, 'lent', now(), now(), NULL)
                    ON CONFLICT DO NOTHING"""
        ),
        lambda: (
            f"""INSERT INTO "Odd Shop".stars VALUES ('{READERS[key() % 12]}', {key()}, 3, now(), now())
                    ON CONFLICT (reader, book) DO UPDATE SET stars = 4, changed = now()"""
        ),
    ]
    for step in range(5):
        shop.do(*(chance.choice(deeds)() for _ in range(chance.randint(1, 5))))
        assert source.fingerprint() == shop.whole_fingerprint(tmp_path / f"whole-{step}")


def test_a_row_that_comes_into_sight_late_is_not_lost(shop) -> None:
    """It is dated before another one that was committed, and seen, earlier."""
    shop.source().fingerprint()
    with psycopg.connect(shop.url) as slow:
        slow.execute(f"""INSERT INTO "Odd Shop".stars VALUES ('{READERS[1]}', 19, 9, now(), now())""".encode())
        slow.execute(
            f"""UPDATE "Odd Shop".stars SET stars = 7.5, changed = now() WHERE reader = '{READERS[0]}'""".encode()
        )
        shop.do(f"""INSERT INTO "Odd Shop".stars VALUES ('{READERS[2]}', 20, 9, now(), clock_timestamp())""")
        shop.do("""UPDATE "Odd Shop".stars SET changed = clock_timestamp() WHERE book = 20""")
        assert shop.fetched()["stars"][0] == "changes"
    fetched = shop.fetched()["stars"]
    assert fetched == ("changes", 1 + 1 + 5)
    values = shop.source().interactions(RejectLog()).query(f"user_id == '{READERS[0]}' and kind == 'rating'")["value"]
    assert set(values) == {4.0}


def test_a_row_that_says_no_time_or_the_end_of_time_is_read_every_time(shop) -> None:
    shop.do("""UPDATE "Odd Shop".loans SET changed = NULL WHERE id = 7""")
    shop.do("""UPDATE "Odd Shop".loans SET changed = 'infinity' WHERE id = 8""")
    shop.source().fingerprint()
    shop.do("""UPDATE "Odd Shop".loans SET what = 'lent' WHERE id IN (7, 8)""")
    shop.do("""UPDATE "Odd Shop".loans SET what = 'lent', changed = now() WHERE id = 9""")
    assert shop.fetched()["loans"] == ("changes", 4)
    kinds = shop.source().interactions(RejectLog()).query("file == 'Odd Shop.loans'")["kind"].tolist()
    assert kinds[6:9] == ["read", "read", "read"]


@pytest.mark.parametrize(
    "statement",
    [
        f"""INSERT INTO "Odd Shop".stars VALUES ('{READERS[1]}', 20, 9, now(), '2020-01-01')""",  # an undated import
        """UPDATE "Odd Shop".stars SET changed = '2025-03-01 12:00'""",  # a restored backup is older than the mirror
    ],
)
def test_what_changes_do_not_explain_is_read_whole(shop, tmp_path, statement) -> None:
    shop.source().fingerprint()
    shop.do(statement)
    source = shop.source()
    assert shop.fetched(source)["stars"][0] == "whole"
    assert source.fingerprint() == shop.whole_fingerprint(tmp_path / "other")


def test_what_was_deleted_is_gone_and_what_came_back_is_there(shop) -> None:
    """Also where nobody dated the deletion."""
    before = shop.interactions()
    shop.do(
        """DELETE FROM "Odd Shop".stars WHERE book = 3""",
        """UPDATE "Odd Shop".loans SET taken_back = true, changed = now() WHERE id = 4""",
        """UPDATE "Odd Shop"."Books" SET gone = now() WHERE id = 11""",
        """DELETE FROM "Odd Shop"."Books" WHERE id = 12""",
    )
    snapshot = shop.ingest()
    books = snapshot.load_books()
    assert books[~books["active"]]["book_id"].tolist() == ["11", "12"]
    after = shop.interactions()
    lost = set(before) - set(after)
    assert set(after) < set(before)
    n_stars = {number: sum(row[1] == number and row[2] == "rating" for row in before) for number in (2, 10, 11)}
    assert sum(row[2] == "rating" for row in lost) == sum(n_stars.values())
    assert ("member 4", 4, "read") not in after
    shop.do("""UPDATE "Odd Shop"."Books" SET gone = NULL, changed = now() WHERE id = 11""")
    books = shop.ingest().load_books()
    assert books[~books["active"]]["book_id"].tolist() == ["12"]
    assert len(books) == 20


def test_all_tables_are_of_one_moment(shop) -> None:
    """A writer who comes between the tables is not seen at all, and the next time altogether."""
    writes = [
        """INSERT INTO "Odd Shop"."Books" VALUES (30, 'New', NULL, NULL, NULL, NULL, now(), NULL)""",
        f"""INSERT INTO "Odd Shop".stars VALUES ('{READERS[0]}', 30, 9, now(), now())""",
        """DELETE FROM "Odd Shop".loans WHERE book = 1""",
    ]

    def interfere(connection, cursor, statement, *_: object) -> None:  # noqa: ARG001 - what SQLAlchemy calls with
        if writes and '"Odd Shop".stars' in statement:
            shop.do(*writes)
            writes.clear()

    before = shop.interactions()
    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", interfere)
    try:
        during = shop.ingest()
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", interfere)
    assert not writes
    assert len(during.load_books()) == 20
    assert during.meta["counts"]["interactions"] == len(before)
    after = shop.ingest()
    assert len(after.load_books()) == 21
    assert after.meta["rejected_by_reason"] == {}
    assert after.meta["counts"]["interactions"] == len(before) + 1 - 2


def test_a_changed_mapping_reads_the_table_anew_and_no_other(shop) -> None:
    shop.source().fingerprint()
    shop.map(MAPPING.replace(', authors = "writers"', ""))
    assert shop.fetched() == {"Books": ("whole", 20), "stars": ("changes", 1), "loans": ("changes", 1)}
    assert shop.source().books(RejectLog())["authors"][0] == []
    assert len(list(shop.data.mirrors.glob("*.parquet"))) == 3
    shop.map(MAPPING.replace("[0, 10]", "[0, 20]"))  # what rows mean is decided when they are used
    assert shop.fetched()["stars"] == ("changes", 1)
    shop.do('ALTER TABLE "Odd Shop".stars ALTER COLUMN stars TYPE integer')
    assert shop.fetched()["stars"] == ("whole", 60)


@pytest.mark.parametrize("damage", ["cut", "altered", "gone", "unreadable", "another database's"])
def test_a_damaged_mirror_is_read_anew(shop, damage) -> None:
    before = shop.source().fingerprint()
    for path in shop.data.mirrors.glob("*.json" if damage in {"unreadable", "another database's"} else "*.parquet"):
        content = path.read_bytes()
        if damage == "gone":
            path.unlink()
        elif damage == "another database's":
            path.write_bytes(content.replace(b"127.0.0.1", b"elsewhere"))
        else:
            middle = len(content) // 2
            altered = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            path.write_bytes(altered if damage == "altered" else content[:middle])
    source = shop.source()
    assert {how for how, _ in shop.fetched(source).values()} == {"whole"}
    assert source.fingerprint() == before


def test_fresh_reads_everything_whatever_is_mirrored(shop) -> None:
    shop.source().fingerprint()
    shop.do("""UPDATE "Odd Shop".stars SET stars = 0""")  # by somebody who did not date it
    shop.source().fingerprint()
    source = open_folder(shop.folder / "mapping", shop.data.mirrors, fresh=True)
    assert shop.fetched(source)["stars"] == ("whole", 60)
    assert shop.source().interactions(RejectLog()).query("kind == 'rating'")["value"].max() == 1


def test_a_server_that_dies_while_rows_stream_costs_nothing(shop, postgres, monkeypatch) -> None:
    monkeypatch.setattr(sql_tables, "ROWS_PER_BATCH", 5)
    before = shop.ingest()
    shop.do(
        """UPDATE "Odd Shop"."Books" SET "Name 100%" = 'Renamed', changed = now() WHERE id = 3""",
        f"""UPDATE "Odd Shop".stars SET changed = now(), stars = 10 WHERE reader = '{READERS[3]}'""",
    )
    mirrored = {path.name: path.read_bytes() for path in shop.data.mirrors.iterdir()}
    whole = DatabaseTable.changes

    def changes(table, connection, since):
        for batch in whole(table, connection, since):
            yield batch
            if table.title.endswith("stars"):
                postgres.kill()

    with monkeypatch.context() as patched:
        patched.setattr(DatabaseTable, "changes", changes)
        try:
            with pytest.raises(SourceError, match=r"Nothing that was read before is lost; try again\."):
                shop.ingest()
        finally:
            postgres.start()
    assert {path.name: path.read_bytes() for path in shop.data.mirrors.iterdir()} == mirrored
    assert current_snapshot(shop.data).id == before.id
    assert shop.ingest().load_books()["title"][2] == "Renamed"


def test_a_server_that_is_away_is_named_and_the_password_is_not(shop, postgres, monkeypatch) -> None:
    shop.source().fingerprint()
    postgres.kill()
    try:
        with pytest.raises(SourceError, match="Is the server up") as away:
            shop.source().fingerprint()
    finally:
        postgres.start()
    monkeypatch.setenv(VARIABLE, postgres.url(password=WRONG))
    with pytest.raises(SourceError, match=r"password authentication failed.*Check user and password") as refused:
        shop.source().fingerprint()
    monkeypatch.setenv(VARIABLE, postgres.url("no_such_database"))
    with pytest.raises(SourceError, match='"no_such_database" does not exist') as missing:
        shop.source().fingerprint()
    for caught in (away, refused, missing):
        told = "".join(traceback.format_exception(caught.value)) + str(caught.value)
        assert "127.0.0.1" in told
        assert PASSWORD not in told
        assert "a%2Fb" not in told
        assert WRONG not in told


def test_what_is_missing_is_named_with_what_is_there(shop) -> None:
    for old, new, message in [
        (
            "Odd Shop.stars",
            "Odd Shop.start",
            r"no table 'Odd Shop\.start'; in Odd Shop there are Books, loans, stars\.",
        ),
        ("Odd Shop.stars", "stars", r"no table 'stars'; without a schema there are no tables\."),
        ("Odd Shop.stars", "shop.stars", r"no schema 'shop'; its schemas are .*Odd Shop"),
        (
            'value = "stars"',
            'value = "Stars"',
            r"no column 'Stars'; its columns are reader, book, stars, at, changed\.",
        ),
        ('updated_at = "changed"', 'updated_at = "id"', "'id' of Odd Shop.Books is not a time but INTEGER"),
        ('deleted_at = "gone"', 'key = ["shelf"]', "Rows of Odd Shop.Books share one key, Crime|Love"),
    ]:
        assert old in MAPPING
        shop.map(MAPPING.replace(old, new, 1))
        with pytest.raises(SourceError, match=message):
            shop.source().fingerprint()
    assert not list(shop.data.mirrors.glob("*.parquet"))


def test_a_view_needs_a_key_or_is_read_whole(shop) -> None:
    shop.do("""CREATE VIEW "Odd Shop".seen AS SELECT * FROM "Odd Shop".stars""")
    shop.map(MAPPING.replace("Odd Shop.stars", "Odd Shop.seen"))
    with pytest.raises(SourceError, match=r"Odd Shop\.seen has no primary key"):
        shop.source().fingerprint()
    head, second, third = MAPPING.replace("Odd Shop.stars", "Odd Shop.seen").split("[[interactions]]")
    shop.map(f"{head}[[interactions]]{second}key = ['reader', 'book']\n[[interactions]]{third}")
    assert shop.fetched()["seen"] == ("whole", 60)
    assert shop.fetched()["seen"] == ("changes", 1)
    undated = second.replace('updated_at = "changed"', "")
    shop.map(f"{head}[[interactions]]{undated}[[interactions]]{third}")
    first = shop.source().fingerprint()
    shop.do("""CREATE TABLE aside AS SELECT * FROM "Odd Shop".stars ORDER BY random()""")
    shop.do("""DELETE FROM "Odd Shop".stars""", """INSERT INTO "Odd Shop".stars SELECT * FROM aside""")
    assert shop.fetched()["seen"] == ("whole", 60)
    assert shop.source().fingerprint() == first


def test_rows_come_through_a_cursor_of_the_server(shop, monkeypatch) -> None:
    monkeypatch.setattr(sql_tables, "ROWS_PER_BATCH", 25)
    source = shop.source()
    with one_moment(source.mapping.database) as connection:
        batches = look_at(connection, source.mapping.interactions[0]).all_rows(connection)
        assert len(next(batches)) == 25
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM pg_cursors")).scalar_one() == 1
        assert connection.execute(sqlalchemy.text("SHOW transaction_isolation")).scalar_one() == "repeatable read"
        assert connection.execute(sqlalchemy.text("SHOW transaction_read_only")).scalar_one() == "on"
        assert [len(batch) for batch in batches] == [25, 10]


def test_a_statement_that_takes_too_long_is_ended(shop) -> None:
    shop.do("""CREATE VIEW "Odd Shop".slow AS SELECT * FROM "Odd Shop".stars WHERE pg_sleep(60) IS NOT NULL""")
    mapping = MAPPING.replace("[books]", "statement_timeout_seconds = 0.2\n[books]")
    shop.map(mapping.replace("Odd Shop.stars", "Odd Shop.slow").replace('updated_at = "changed"\n\n', "\n"))
    with pytest.raises(SourceError, match=r"statement timeout.*raise statement_timeout_seconds"):
        shop.source().fingerprint()


def test_a_table_that_may_not_be_read_is_named(shop, postgres, monkeypatch) -> None:
    shop.do(f"CREATE ROLE visitor LOGIN PASSWORD '{GUEST}'", 'GRANT USAGE ON SCHEMA "Odd Shop" TO visitor')
    database = shop.url.rpartition("/")[2]
    monkeypatch.setenv(VARIABLE, postgres.url(database, user="visitor", password=GUEST))
    with pytest.raises(SourceError, match=r"permission denied for table Books.*GRANT SELECT"):
        shop.source().fingerprint()


def test_ids_of_any_type_and_lists_of_any_kind_are_text(shop) -> None:
    shop.do(
        """CREATE TABLE things (id bytea PRIMARY KEY, title varchar(20), writers jsonb, shelf int[], truth boolean,
           number double precision, price numeric(6, 2))""",
        r"""INSERT INTO things VALUES ('\x00ff', 'T', '["Ann, Jr.", null, "Bo"]', '{1,2}', true, 12, 12.50),
            ('\x01', 'U', '"Cid"', NULL, NULL, 1e300, 7.00)""",
    )
    shop.map(f"""
        [database]
        url_from = "{VARIABLE}"
        [books]
        table = "things"
        columns = {{ book_id = "id", title = "title", authors = "writers", genres = "shelf" }}
        author_separator = ";"
        [[interactions]]
        table = "things"
        kind = "view"
        columns = {{ user_id = "number", book_id = "price" }}
        [[interactions]]
        table = "things"
        kind = "view"
        columns = {{ user_id = "truth", book_id = "id" }}
    """)
    source, rejects = shop.source(), RejectLog()
    books = source.books(rejects)
    assert books["book_id"].tolist() == [r"\x00ff", r"\x01"]
    assert books["authors"].tolist() == [["Ann, Jr.", "Bo"], ["Cid"]]
    assert books["genres"].tolist() == [["1", "2"], []]
    rows = source.interactions(rejects)[["user_id", "book_id", "time"]]
    assert list(rows.itertuples(index=False, name=None)) == [
        ("12", "12.50", 1.0),
        ("1e+300", "7", 2.0),
        ("true", r"\x00ff", 3.0),
    ]
    assert dict(rejects.counts) == {"id is missing": 1}


def test_sqlite_is_read_the_same_way(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, f"sqlite:///{tmp_path / 'shop.db'}")
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")

    def do(*statements: str) -> None:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    do(
        "CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT, changed TIMESTAMP, gone BOOLEAN)",
        "CREATE TABLE stars (reader TEXT, book INTEGER, stars REAL, at TIMESTAMP, changed TIMESTAMP, "
        "PRIMARY KEY (reader, book))",
        "INSERT INTO books VALUES (1, 'One', '2025-01-01 00:00:00', 0), (2, 'Two', '2025-01-02 00:00:00.5', NULL)",
        "INSERT INTO stars VALUES ('a', 1, 4.0, '2024-01-01 00:00:00', '2025-01-01 00:00:00')",
    )
    shop = Shop("", tmp_path)
    shop.map(f"""
        [database]
        url_from = "{VARIABLE}"
        [books]
        table = "books"
        columns = {{ book_id = "id", title = "title" }}
        updated_at = "changed"
        deleted_at = "gone"
        [[interactions]]
        table = "stars"
        columns = {{ user_id = "reader", book_id = "book", value = "stars", time = "at" }}
        updated_at = "changed"
    """)
    assert shop.fetched() == {"books": ("whole", 2), "stars": ("whole", 1)}
    do(
        "UPDATE books SET gone = 1, changed = CURRENT_TIMESTAMP WHERE id = 1",
        "INSERT INTO stars VALUES ('b', 2, 5, '2024-01-02 00:00:00', CURRENT_TIMESTAMP)",
    )
    assert shop.fetched() == {"books": ("changes", 2), "stars": ("changes", 2)}
    assert shop.source().books(RejectLog())["title"].tolist() == ["Two"]
    rows = shop.source().interactions(RejectLog())[["user_id", "book_id", "value", "time"]]
    assert list(rows.itertuples(index=False, name=None)) == [
        ("a", "1", 4.0, 1_704_067_200.0),
        ("b", "2", 5.0, 1_704_153_600.0),
    ]


def test_the_example_shop_is_the_demo_and_seeding_it_again_changes_nothing(postgres, tmp_path, monkeypatch) -> None:
    spec = importlib.util.spec_from_file_location("shop_seed", SHOP / "seed.py")
    seed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(seed)
    url = postgres.new_database()
    monkeypatch.setenv("SHOP_DATABASE_URL", url)
    counts = seed.seed(url)
    source = open_folder(SHOP, tmp_path)
    before = source.fingerprint()
    demo, rejects = DemoSource(), RejectLog()
    books, interactions = source.books(rejects), source.interactions(rejects)
    pd.testing.assert_frame_equal(
        books.sort_values("book_id", ignore_index=True), demo.books(rejects).astype(object), check_dtype=False
    )
    columns = ["user_id", "book_id", "kind", "value", "time"]
    by_key = ["user_id", "book_id"]
    given = interactions[columns].astype({"user_id": str, "book_id": str, "kind": str})
    pd.testing.assert_frame_equal(
        given.sort_values(by_key, ignore_index=True),
        demo.interactions(rejects).astype({"kind": str}).sort_values(by_key, ignore_index=True),
    )
    assert rejects.total == 0
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM shop.ratings WHERE reader_id = 'reader-0001'")
    assert seed.seed(url)["ratings"] < counts["ratings"]
    assert source.fingerprint() != before


def test_files_need_no_sqlalchemy_and_a_database_says_that_it_does(shop) -> None:
    program = """
import sys
from pathlib import Path
from services.batch.sources.folder import open_folder
from tests.paths import ROOT
assert "sqlalchemy" not in sys.modules
sys.modules["sqlalchemy"] = None
open_folder(Path(sys.argv[1]), Path(sys.argv[1]))
"""
    folder = str(shop.folder / "mapping")
    done = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=False)
    assert "pip install 'nightshelf[sql]'" in done.stderr
    assert "SourceError: Reading from a database needs sqlalchemy" in done.stderr
