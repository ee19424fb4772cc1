"""The time column of one table of interactions: one reading for the whole column, and a time for undated rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.batch.sources.guesses import Guess
from services.batch.sources.times import DAY_SECONDS, read_times

if TYPE_CHECKING:
    from collections.abc import Collection

    from services.batch.sources.rejects import RejectLog

TIME_PARTS = ("time", "time_2", "time_3", "time_4", "time_5", "time_6")
"""The columns of a time in several columns, such as year, month and day."""
OTHER_TIME = "time_else"
"""The column that dates rows without a time."""
UNDATED = "row without a date kept as the oldest"
DATED_OTHERWISE = "row without a date dated by another column"
_YEAR_AND_MONTH = r"^(\d{4}) (\d{1,2})( (\d{1,2}))?$"

Faults = list[tuple[NDArray[np.bool_], str]]


class TimeColumn:
    """Reads the time column of one table, batch by batch: `read`, then `keep`; at the end `settle`.

    Args:
        name: the column in the file.
        time_format: see `InteractionFormat`.
    """

    def __init__(self, name: str, time_format: str) -> None:
        self._name, self._format = name, time_format
        self._latest = time.time() + DAY_SECONDS
        self._month_first: list[NDArray[np.float64] | None] = []
        self._dated_otherwise = np.zeros(0, np.bool_)
        self._n_dated_otherwise = 0
        self._slashes = False

    def read(self, batch: pa.Table) -> tuple[NDArray[np.float64], Faults]:
        """The times of a batch, days before months, NaN for undated rows, and masks of faulty rows with the reason."""
        times = read_times(_joined(batch), self._format)
        readings, self._slashes = [times.day_first, times.month_first], self._slashes or times.slashes
        open_ = np.flatnonzero(times.missing)
        self._dated_otherwise = np.zeros(len(batch), np.bool_)
        if len(open_) and OTHER_TIME in batch.column_names:
            other = read_times(batch[OTHER_TIME].combine_chunks().take(pa.array(open_)))
            for place, found in enumerate((other.day_first, other.month_first)):
                readings[place] = readings[place].copy()
                readings[place][open_] = np.where(self._is_possible(found), found, np.nan)
            self._dated_otherwise[open_] = ~np.isnan(readings[0][open_])
            self._slashes |= other.slashes
        day_first, month_first = (np.where(self._is_possible(reading), reading, np.nan) for reading in readings)
        lost = np.isnan(day_first) & np.isnan(month_first) & ~times.missing
        with np.errstate(invalid="ignore"):
            early, late = (readings[0] < 0) | (readings[1] < 0), np.fmax(*readings) > self._latest
        faults = [
            (lost & early, "time is before 1970"),
            (lost & late, "time is in the future"),
            (lost, "time is not a date"),
        ]
        same = np.array_equal(day_first, month_first, equal_nan=True)
        self._month_first.append(None if same else month_first)
        return day_first, faults

    def keep(self, usable: NDArray[np.bool_]) -> None:
        """Forget the unusable rows of the batch read last."""
        last = self._month_first[-1]
        self._month_first[-1] = None if last is None else last[usable]
        self._n_dated_otherwise += int((self._dated_otherwise & usable).sum())

    def settle(
        self, day_first: NDArray[np.float64], lengths: Collection[int], rejects: RejectLog
    ) -> NDArray[np.float64]:
        """The time of each kept row of all batches; without any date, NaN for all.

        Args:
            day_first: float64, (n,): the kept times, as `read` returned them.
            lengths: kept rows of each batch.
            rejects: receives the number of undated rows, and the guess about days and months.
        """
        seconds = self._in_one_order(day_first, lengths, rejects)
        if self._n_dated_otherwise:
            rejects.keep(DATED_OTHERWISE, self._n_dated_otherwise)
        undated = np.isnan(seconds)
        if undated.any() and not undated.all():
            seconds = np.where(undated, max(float(np.nanmin(seconds)) - 1, 0.0), seconds)
            rejects.keep(UNDATED, int(undated.sum()))
        return seconds

    def _in_one_order(
        self, day_first: NDArray[np.float64], lengths: Collection[int], rejects: RejectLog
    ) -> NDArray[np.float64]:
        """Choose the order in which more texts are dates; a text that is a date in the other order only keeps it."""
        if all(batch is None for batch in self._month_first):
            return day_first
        pieces = np.split(day_first, np.cumsum(list(lengths))[:-1])
        month_first = np.concatenate(
            [own if other is None else other for own, other in zip(pieces, self._month_first, strict=True)]
        )
        differ = ~((day_first == month_first) | (np.isnan(day_first) & np.isnan(month_first)))
        n_day, n_month = ((differ & ~np.isnan(reading)).sum() for reading in (day_first, month_first))
        ambiguous = bool((differ & ~np.isnan(day_first) & ~np.isnan(month_first)).any())
        is_month_first = n_month > n_day or (n_month == n_day and self._slashes)
        first, second = (month_first, day_first) if is_month_first else (day_first, month_first)
        if ambiguous:
            order, form = ("month before day", "%m/%d/%Y") if is_month_first else ("day before month", "%d/%m/%Y")
            doubt = "" if n_month != n_day else "; no date tells"
            rejects.guess(Guess(f"dates in {self._name}", f"{order}{doubt}", f'time_format = "{form}"'))
        return np.where(np.isnan(first), second, first)

    def _is_possible(self, seconds: NDArray[np.float64]) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            possible: NDArray[np.bool_] = (seconds >= 0) & (seconds <= self._latest)
        return possible


def _joined(batch: pa.Table) -> pa.Array:
    """The text of each time; parts of one time in several columns are joined."""
    parts = [batch[name].combine_chunks() for name in TIME_PARTS if name in batch.column_names]
    if len(parts) == 1:
        return parts[0]
    whole = [pc.replace_substring_regex(part, r"^(\d+)\.0$", r"\1") for part in parts]
    encoded = pc.dictionary_encode(pc.utf8_trim_whitespace(pc.binary_join_element_wise(*whole, " ")))
    dates = pc.replace_substring_regex(encoded.dictionary, r" {2,}.*$", "")  # nothing counts after an empty part
    dates = pc.replace_substring_regex(dates, _YEAR_AND_MONTH, r"\1-\2\3")
    dates = pc.replace_substring_regex(dates, r"^(\d{4}-\d{1,2}) (\d{1,2})$", r"\1-\2")
    return dates.take(encoded.indices)
