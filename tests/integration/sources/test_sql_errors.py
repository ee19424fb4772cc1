"""A database that cannot be read: the message says what is wrong and never shows a password."""

from __future__ import annotations

import subprocess
import sys
import traceback

import pytest

from shared.errors import SourceError
from tests.servers.postgres_server import PASSWORD
from tests.worlds.sql_shop import MAPPING, VARIABLE

WRONG, GUEST = "a wrong secret", "guest"


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
        ('deleted_at = "gone"', 'key = ["shelf"]', "Rows of Odd Shop.Books share the key Crime|Love"),
    ]:
        assert old in MAPPING
        shop.map(MAPPING.replace(old, new, 1))
        with pytest.raises(SourceError, match=message):
            shop.source().fingerprint()
    assert not list(shop.data.mirrors.glob("*.parquet"))


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
    assert "-e '.[sql]'" in done.stderr
    assert "SourceError: Reading from a database needs sqlalchemy" in done.stderr
