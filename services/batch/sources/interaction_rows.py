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
from services.batch.sources.missing import are_missing
from services.batch.sources.number_texts import parse_numbers
from services.batch.sources.time_column import TimeColumn
from shared.settings import InteractionKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from services.batch.sources.rejects import RejectLog

KINDS: tuple[InteractionKind, ...] = get_args(InteractionKind)
KIND_DTYPE = pd.CategoricalDtype(list(KINDS))
WITHOUT_RATING = "row without a rating kept as read"
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
_SAYS_RATED = r"rat(e|ing)|star|score|review|vote"


@dataclass(frozen=True, slots=True)
class InteractionFormat:
    """The interaction format of one source.

    Args:
        file: the file's name, for rejects.
        columns: our column name -> the file's column name; of `user_id`, `book_id`, `value`, `kind`, `time`. More
            parts of a time are `time_2` to `time_6`; `time_else` dates rows without a time.
        scale: the lowest and the highest rating; mapped linearly to 1-5.
        kind: the kind of all rows, if there is no kind column.
        kinds: value of the kind column, in lower case -> kind.
        zero_is_read: a rating of 0 means read without a rating.
        empty_is_read: a rating row without a rating means read. It always does where the row's kind says more than that
            the book was rated.
        time_format: `auto` (see `services.batch.sources.times`) or a strptime format.
    """

    file: str
    columns: Mapping[str, str]
    scale: tuple[float, float] = (1.0, 5.0)
    kind: InteractionKind = "rating"
    kinds: Mapping[str, InteractionKind] = field(default_factory=lambda: {kind: kind for kind in KINDS})
    zero_is_read: bool = False
    empty_is_read: bool = False
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
        float64, `row` int64, in file order. Without a time column or any date in it, `time` is the row number; rows
        without a date are older than all others.
    """
    times = TimeColumn(form.columns["time"], form.time_format) if "time" in form.columns else None
    tables = [_clean_batch(batch, form, times, rejects) for batch in batches]
    frame: pd.DataFrame = pa.concat_tables(tables or [_EMPTY]).unify_dictionaries().combine_chunks().to_pandas()
    for column in ("user_id", "book_id"):
        frame[column] = _whole_numbers(frame[column])
    if times is not None and tables:
        seconds = times.settle(frame["time"].to_numpy(), [len(table) for table in tables], rejects)
        frame["time"] = frame["row"].astype(np.float64) if np.isnan(seconds).all() else seconds
    frame["kind"] = pd.Categorical.from_codes(frame["kind"].to_numpy(), dtype=KIND_DTYPE)
    frame["file"] = pd.Categorical.from_codes(
        np.zeros(len(frame), dtype=np.int8), dtype=pd.CategoricalDtype([form.file])
    )
    return frame


def _clean_batch(batch: pa.Table, form: InteractionFormat, times: TimeColumn | None, rejects: RejectLog) -> pa.Table:
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
        ids[column], id_faults = _clean_ids(batch[column])
        for reason, fault in id_faults.items():
            refuse(column, fault, reason)
    kinds = np.full(len(rows), KINDS.index(form.kind), dtype=np.int8)
    if "kind" in form.columns:
        kinds = _kinds(batch["kind"], form.kinds)
        refuse("kind", kinds < 0, "unknown kind")
    values, unrated = np.full(len(rows), np.nan), np.zeros(len(rows), dtype=bool)
    if "value" in form.columns:
        values, missing = _ratings(batch["value"])
        is_rating = kinds == KINDS.index("rating")
        unrated = is_rating & missing & _says_more_than_rated(batch, form)
        is_read = unrated | (is_rating & (values == 0)) if form.zero_is_read else unrated
        kinds = np.where(is_read, np.int8(KINDS.index("read")), kinds)
        is_rating &= ~is_read
        low, high = form.scale
        refuse("value", is_rating & missing, "rating is missing")
        refuse("value", is_rating & np.isnan(values), "rating is not a number")
        refuse("value", is_rating & ((values < low) | (values > high)), f"rating is outside {form.rating_scale}")
        values = np.where(is_rating, 1 + (values - low) * 4 / (high - low), np.nan)
    seconds = rows.astype(np.float64)
    if times is not None:
        seconds, faults = times.read(batch)
        for fault, reason in faults:
            refuse("time", fault, reason)
        times.keep(usable)
    if n_unrated := int((unrated & usable).sum()):
        rejects.keep(WITHOUT_RATING, n_unrated)
    table = pa.table({**ids, "kind": kinds, "value": values, "time": seconds, "row": rows})
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
    written = ids.cat.categories
    if not of_floats(written):
        return ids
    whole = [without_fraction(text) for text in written]
    if len(set(whole)) == len(whole):
        return ids.cat.rename_categories(whole)
    return ids.map(dict(zip(written, whole, strict=True))).astype("category")


def _kinds(texts: pa.ChunkedArray, meanings: Mapping[str, InteractionKind]) -> NDArray[np.int8]:
    """The index in `KINDS` of each row's kind, -1 if unknown."""
    encoded = pc.dictionary_encode(texts.combine_chunks())
    known = [meanings.get(text.lower()) for text in encoded.dictionary.to_pylist()]
    codes = np.array([-1 if kind is None else KINDS.index(kind) for kind in known], dtype=np.int8)
    rows: NDArray[np.int8] = codes[encoded.indices.to_numpy()]
    return rows


def _ratings(texts: pa.ChunkedArray) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The number of each rating, and which are missing."""
    encoded = pc.dictionary_encode(texts.combine_chunks())
    codes = encoded.indices.to_numpy()
    return parse_numbers(encoded.dictionary)[codes], are_missing(encoded.dictionary)[codes]


def _says_more_than_rated(batch: pa.Table, form: InteractionFormat) -> NDArray[np.bool_]:
    """bool, (n,): whether a rating row without a rating still says that the reader read the book."""
    if form.empty_is_read or form.zero_is_read or "kind" not in form.columns:
        return np.full(len(batch), form.empty_is_read or form.zero_is_read)
    encoded = pc.dictionary_encode(batch["kind"].combine_chunks())
    says_rated = pc.match_substring_regex(encoded.dictionary, _SAYS_RATED, ignore_case=True)
    more: NDArray[np.bool_] = ~says_rated.to_numpy(zero_copy_only=False)[encoded.indices.to_numpy()]
    return more
