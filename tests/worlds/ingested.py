"""Small sources, and snapshots made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from services.batch.ingest.ingest import IngestReport, ingest
from services.batch.ingest.snapshot import Snapshot, current_snapshot
from services.batch.runtime.context import RunContext
from services.batch.sources.folder import open_folder
from services.batch.sources.rejects import RejectLog
from services.batch.sources.source import BOOK_COLUMNS
from shared.layout import DataFolder
from shared.settings import Settings

BOOKS = "book_id,title,authors,original_publication_year\nb1,One,Ann,1901\nb2,Two (Set #2),,\nb3,Three,Cid,1903\n"
RATINGS = "user_id,book_id,rating\nu1,b1,5\nu2,b2,3\nu1,b1,2\nu1,b9,4\nu2,b3,9\n"


class ListSource:
    """A source out of Python lists, the way a program makes one: plain columns, no rows and files."""

    kind, name, rating_scale, order, simulated_readers = "list", "list", "1-5", "time", True

    def __init__(self, book_ids: Sequence[str], rows: Sequence[tuple[str, str, str, float, float]] = ()) -> None:
        self.book_ids = list(book_ids)
        self.rows = list(rows) or [("u", self.book_ids[0], "read", math.nan, 1.0)]
        self.n_parsed = 0

    def fingerprint(self) -> str:
        return repr((self.book_ids, self.rows))

    def books(self, rejects: RejectLog) -> pd.DataFrame:  # noqa: ARG002 - the interface
        self.n_parsed += 1
        n = len(self.book_ids)
        columns = {name: pd.Series([None] * n, dtype=object) for name in ("series", "description", "image_url")}
        columns |= {
            name: pd.Series([math.nan] * n) for name in ("year", "series_position", "average_rating", "n_ratings")
        }
        columns |= {
            name: pd.Series([[] for _ in range(n)], dtype=object)
            for name in ("authors", "genres", "isbns", "other_titles")
        }
        titles = [f"Title of {book_id}" for book_id in self.book_ids]
        return pd.DataFrame({"book_id": self.book_ids, "title": titles, **columns})[list(BOOK_COLUMNS)]

    def interactions(self, rejects: RejectLog) -> pd.DataFrame:  # noqa: ARG002 - the interface
        return pd.DataFrame(self.rows, columns=["user_id", "book_id", "kind", "value", "time"])


def folder_source(path: Path, books: str = BOOKS, ratings: str = RATINGS) -> Path:
    path.mkdir(exist_ok=True)
    (path / "books.csv").write_text(books)
    (path / "ratings.csv").write_text(ratings)
    return path


def run(data: Path, source: Path | ListSource | None) -> tuple[IngestReport, Snapshot]:
    opened = open_folder(source) if isinstance(source, Path) else source
    report = ingest(RunContext(Settings(data_dir=data)), opened)
    snapshot = current_snapshot(DataFolder(data))
    assert snapshot is not None
    assert snapshot.id == report.snapshot_id
    return report, snapshot
