"""Only changed rows of a database are read, all tables at one moment, and the result is that of a whole read."""

from __future__ import annotations

import random

import psycopg
import pytest
import sqlalchemy

from services.batch.sources.rejects import RejectLog
from shared.errors import SourceError
from tests.worlds.sql_shop import MAPPING, READERS


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
    assert during.manifest.counts.interactions == len(before)
    after = shop.ingest()
    assert len(after.load_books()) == 21
    assert after.manifest.rejected_by_reason == {}
    assert after.manifest.counts.interactions == len(before) + 1 - 2


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
