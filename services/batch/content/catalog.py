"""Writes the catalog artifact: every record as JSON, so that serving parses no table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from services.batch.runtime.artifact_builder import Metadata
from shared.recommend.neighbor_table import save_rows
from shared.recommend.same_series_author import NAME, same_series_author_rows
from shared.work_id import edition_groups

RECORD_FIELDS = (
    "book_id", "title", "authors", "year", "genres", "series", "series_position", "description", "image_url",
    "isbns", "other_titles",
)  # fmt: skip


def build_catalog(folder: Path, books: pd.DataFrame) -> Metadata:
    """Write the files described in `shared.artifacts.catalog` for the books of a snapshot, in order of item index."""
    records = [
        {field: _plain(value) for field, value in zip(RECORD_FIELDS, row, strict=True)}
        for row in books[list(RECORD_FIELDS)].itertuples(index=False, name=None)
    ]
    _write_records(folder, [orjson.dumps(record) for record in records])
    for name, field in (("ids", "book_id"), ("titles", "title"), ("authors", "authors")):
        (folder / f"{name}.json").write_bytes(orjson.dumps([record[field] for record in records]))
    work_id = edition_groups([record["title"] for record in records], [record["authors"] for record in records])
    active = books["active"].to_numpy(bool)
    np.save(folder / "editions.npy", work_id)
    np.save(folder / "active.npy", active)
    series, positions, authors = (
        [record[name] for record in records] for name in ("series", "series_position", "authors")
    )
    save_rows(folder, NAME, same_series_author_rows(series, positions, authors, active, work_id))
    return {"books": len(books), "active_books": int(active.sum()), "works": len(np.unique(work_id))}


def _plain(value: Any) -> Any:
    """A table's value for JSON: arrays become lists, whole floats integers, and missing values `None`."""
    if isinstance(value, (np.ndarray, list, tuple)):
        return [str(item) for item in value]
    if value is None or pd.isna(value):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    return value.item() if isinstance(value, np.generic) else value


def _write_records(folder: Path, blobs: list[bytes]) -> None:
    offsets = np.zeros(len(blobs) + 1, np.int64)
    np.cumsum([len(blob) for blob in blobs], out=offsets[1:])
    # An empty file cannot be memory-mapped.
    (folder / "records.bin").write_bytes(b"".join(blobs) or b"\n")
    np.save(folder / "records.offsets.npy", offsets)
