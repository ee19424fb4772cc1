"""The mirror of a database: read again where mapping, table or mirror has changed, and kept when a read fails."""

from __future__ import annotations

import pytest

from services.batch.ingest.snapshot import current_snapshot
from services.batch.sources.folder import open_folder
from services.batch.sources.rejects import RejectLog
from services.batch.sources.sql import tables as sql_tables
from services.batch.sources.sql.tables import DatabaseTable
from shared.errors import SourceError
from tests.worlds.sql_shop import MAPPING, READERS


def test_a_changed_mapping_reads_that_table_again_and_no_other(shop) -> None:
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
def test_a_damaged_mirror_is_read_again(shop, damage) -> None:
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
            with pytest.raises(SourceError, match=r"Data already read is kept; try again\."):
                shop.ingest()
        finally:
            postgres.start()
    assert {path.name: path.read_bytes() for path in shop.data.mirrors.iterdir()} == mirrored
    assert current_snapshot(shop.data).id == before.id
    assert shop.ingest().load_books()["title"][2] == "Renamed"
