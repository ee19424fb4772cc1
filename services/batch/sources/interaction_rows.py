"""Cleans text rows of any source into the frame of interactions described in `source`.

Works on whole columns, and on distinct values where values repeat (ids, kinds, ratings), because there are tens of
millions of rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from services.batch.sources.ids import clean_id, of_floats, without_fraction
from shared.settings import InteractionKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from services.batch.sources.rejects import RejectLog

KINDS: tuple[InteractionKind, ...] = get_args(InteractionKind)
KIND_DTYPE = pd.CategoricalDtype(list(KINDS))
LATEST_TIME_SECONDS = 4_102_444_800.0  # 2100-01-01
_MILLISECONDS_FROM = 1e11  # as seconds this is the year 5138; as milliseconds, 1973
_EMPTY = pa.table(
    {
        "user_id": pa.array([], pa.dictionary(pa.int32(), pa.string())),
        "book_id": pa.array([], pa.dictionary(pa.int32(), pa.string())),
        "kind": pa.array([], pa.int8()),
        "value": pa.array([], pa.float64()),
        "time": pa.array([], pa.float64()),
        "row": pa.array([], pa.int64()),
    }
)
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_DECIMAL_COMMA = r"^([+-]?\d+),(\d+)$"


@dataclass(frozen=True, slots=True)
class InteractionFormat:
    """The interaction format of one source.

    Args:
        file: the file's name, for rejects.
        columns: our column name -> the file's column name; of `user_id`, `book_id`, `value`, `kind`, `time`.
        scale: the lowest and the highest rating; mapped linearly to 1-5.
        kind: the kind of all rows, if there is no kind column.
        kinds: value of the kind column, in lower case -> kind.
        zero_is_read: a rating of 0 means read without a rating.
        time_format: `auto` (seconds or milliseconds since 1970, or ISO 8601, UTC by default) or a strptime format.
    """

    file: str
    columns: Mapping[str, str]
    scale: tuple[float, float] = (1.0, 5.0)
    kind: InteractionKind = "rating"
    kinds: Mapping[str, InteractionKind] = field(default_factory=lambda: {kind: kind for kind in KINDS})
    zero_is_read: bool = False
    time_format: str = "auto"

    @property
    def rating_scale(self) -> str:
        """The scale as text, for instance `1-10`."""
        return f"{self.scale[0]:g}-{self.scale[1]:g}"


def clean_interactions(batches: Iterable[pa.Table], form: InteractionFormat, rejects: RejectLog) -> pd.DataFrame:
    """Clean all batches of one file.

    Args:
        batches: text columns named as in `form.columns`, and `row`.
        form: the format of the source.
        rejects: receives invalid rows, each with its first error.

    Returns:
        `user_id`, `book_id`, `kind` and `file` categorical (some categories without a row), `value` and `time`
        float64, `row` int64, in file order. Without a time column, `time` is the row number.
    """
    tables = [_clean_batch(batch, form, rejects) for batch in batches]
    if not tables:
        tables = [_EMPTY]
    frame: pd.DataFrame = pa.concat_tables(tables).unify_dictionaries().combine_chunks().to_pandas()
    for column in ("user_id", "book_id"):
        frame[column] = _whole_numbers(frame[column])
    frame["kind"] = pd.Categorical.from_codes(frame["kind"].to_numpy(), dtype=KIND_DTYPE)
    frame["file"] = pd.Categorical.from_codes(
        np.zeros(len(frame), dtype=np.int8), dtype=pd.CategoricalDtype([form.file])
    )
    return frame


def _clean_batch(batch: pa.Table, form: InteractionFormat, rejects: RejectLog) -> pa.Table:
    rows: NDArray[np.int64] = batch["row"].to_numpy()
    usable = np.ones(len(rows), dtype=bool)

    def refuse(column: str, fault: NDArray[np.bool_], reason: str) -> None:
        found = fault & usable
        if found.any():
            values = batch[column].filter(pa.array(found)).to_pylist()
            rejects.add_many(form.file, rows[found], form.columns.get(column, column), values, reason)
            usable[found] = False

    ids = {}
    for column in ("user_id", "book_id"):
        ids[column], faults = _clean_ids(batch[column])
        for reason, fault in faults.items():
            refuse(column, fault, reason)
    kinds = np.full(len(rows), KINDS.index(form.kind), dtype=np.int8)
    if "kind" in form.columns:
        kinds = _kinds(batch["kind"], form.kinds)
        refuse("kind", kinds < 0, "unknown kind")
    values = np.full(len(rows), np.nan)
    if "value" in form.columns:
        values = _numbers_of_repeated(batch["value"])
        is_rating = kinds == KINDS.index("rating")
        if form.zero_is_read:
            is_zero = is_rating & (values == 0)
            kinds = np.where(is_zero, np.int8(KINDS.index("read")), kinds)
            is_rating &= ~is_zero
        low, high = form.scale
        missing = pc.equal(batch["value"], "").to_numpy(zero_copy_only=False)
        refuse("value", is_rating & missing, "rating is missing")
        refuse("value", is_rating & np.isnan(values), "rating is not a number")
        refuse("value", is_rating & ((values < low) | (values > high)), f"rating is outside {form.rating_scale}")
        values = np.where(is_rating, 1 + (values - low) * 4 / (high - low), np.nan)
    times = rows.astype(np.float64)
    if "time" in form.columns:
        times = parse_times(batch["time"], form.time_format)
        refuse("time", np.isnan(times), "time is missing or invalid")
        refuse("time", (times < 0) | (times >= LATEST_TIME_SECONDS), "time is outside 1970-2100")
    table = pa.table({**ids, "kind": kinds, "value": values, "time": times, "row": rows})
    return table if usable.all() else table.filter(pa.array(usable))


def _clean_ids(texts: pa.ChunkedArray) -> tuple[pa.DictionaryArray, dict[str, NDArray[np.bool_]]]:
    """The cleaned ids, and masks of the rows without a valid one, by reason."""
    encoded = pc.dictionary_encode(texts.combine_chunks())
    codes = encoded.indices.to_numpy()
    written = encoded.dictionary.to_pylist()
    cleaned = [clean_id(text) for text in written]
    reasons = np.array([reason or "" for _, reason in cleaned], dtype=object)
    faults = {str(reason): (reasons == reason)[codes] for reason in dict.fromkeys(reasons.tolist()) if reason}
    if any(text != before for (text, _), before in zip(cleaned, written, strict=True)):
        distinct = pa.array([text for text, _ in cleaned], pa.string())
        encoded = pc.dictionary_encode(distinct.take(encoded.indices))
    return encoded, faults


def _whole_numbers(ids: pd.Series) -> pd.Series:
    """A column of ids without `.0`, if a program turned all of them into floats."""
    ids = ids.cat.remove_unused_categories()
    if not of_floats(ids.cat.categories):
        return ids
    return ids.map({text: without_fraction(text) for text in ids.cat.categories}).astype("category")


def _kinds(texts: pa.ChunkedArray, meanings: Mapping[str, InteractionKind]) -> NDArray[np.int8]:
    """The index in `KINDS` of each row's kind, -1 if unknown."""
    encoded = pc.dictionary_encode(texts.combine_chunks())
    known = [meanings.get(text.lower()) for text in encoded.dictionary.to_pylist()]
    codes = np.array([-1 if kind is None else KINDS.index(kind) for kind in known], dtype=np.int8)
    rows: NDArray[np.int8] = codes[encoded.indices.to_numpy()]
    return rows


def _numbers_of_repeated(texts: pa.ChunkedArray) -> NDArray[np.float64]:
    encoded = pc.dictionary_encode(texts.combine_chunks())
    rows: NDArray[np.float64] = parse_numbers(encoded.dictionary)[encoded.indices.to_numpy()]
    return rows


def parse_numbers(texts: pa.Array) -> NDArray[np.float64]:
    """Parse numbers (`4`, `4.5`, `4,5`, `1e9`), shape (n,); NaN where a text is not a number."""
    texts = pc.replace_substring_regex(texts, _DECIMAL_COMMA, r"\1.\2")
    numbers = pc.if_else(pc.match_substring_regex(texts, _NUMBER), pc.utf8_ltrim(texts, "+"), None).cast(pa.float64())
    return np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)


def parse_times(texts: pa.ChunkedArray, time_format: str = "auto") -> NDArray[np.float64]:
    """Seconds since 1970, shape (n,); NaN where a text does not parse.

    Args:
        texts: times as text.
        time_format: see `InteractionFormat`.
    """
    texts = texts.combine_chunks()
    if time_format != "auto":
        return _parse_dates(texts, time_format)
    seconds = parse_numbers(texts)
    seconds = np.where(seconds >= _MILLISECONDS_FROM, seconds / 1000, seconds)
    others = np.isnan(seconds)
    if others.any():
        seconds[others] = _parse_dates(texts.filter(pa.array(others)), "ISO8601")
    return seconds


def _parse_dates(texts: pa.Array, time_format: str) -> NDArray[np.float64]:
    dates = pd.to_datetime(pd.Series(texts.to_pylist(), dtype=object), format=time_format, utc=True, errors="coerce")
    seconds = (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    return np.array(seconds, dtype=np.float64)
