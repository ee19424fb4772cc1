"""What rows of a database mean: the same as those of files, for every type of column, in PostgreSQL and SQLite."""

from __future__ import annotations

import importlib.util

import pandas as pd
import psycopg
import sqlalchemy

from services.batch.sources.demo.source import DemoSource
from services.batch.sources.folder import open_folder
from services.batch.sources.rejects import RejectLog
from services.batch.sources.sql import tables as sql_tables
from services.batch.sources.sql.connection import one_moment
from services.batch.sources.sql.tables import inspect_table
from tests.paths import ROOT
from tests.worlds.sql_shop import READERS, VARIABLE, Shop

SHOP = ROOT / "docker" / "shop"
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
    assert (tables.name, tables.rating_scale, tables.order) == (files.name, files.rating_scale, None)


def test_rows_come_through_a_cursor_of_the_server(shop, monkeypatch) -> None:
    monkeypatch.setattr(sql_tables, "ROWS_PER_BATCH", 25)
    source = shop.source()
    with one_moment(source.mapping.database) as connection:
        batches = inspect_table(connection, source.mapping.interactions[0]).all_rows(connection)
        assert len(next(batches)) == 25
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM pg_cursors")).scalar_one() == 1
        assert connection.execute(sqlalchemy.text("SHOW transaction_isolation")).scalar_one() == "repeatable read"
        assert connection.execute(sqlalchemy.text("SHOW transaction_read_only")).scalar_one() == "on"
        assert [len(batch) for batch in batches] == [25, 10]


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
