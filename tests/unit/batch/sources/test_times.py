"""Times as people write them, rows without a date, and rows without a rating."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.sources.interaction_rows import WITHOUT_RATING, InteractionFormat, clean_interactions
from services.batch.sources.rejects import RejectLog
from services.batch.sources.time_column import DATED_OTHERWISE, UNDATED
from services.batch.sources.times import read_times

NAMES = {"user_id": "user", "book_id": "book", "value": "stars"}
DATED = {**NAMES, "time": "when"}


def cleaned(form: InteractionFormat, rejects: RejectLog, *, batch_rows: int = 2, **columns: list[str]) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    ids = {"user_id": [f"u{i}" for i in range(n)], "book_id": ["b"] * n, "value": ["4"] * n}
    batch = pa.table({**ids, **columns, "row": pa.array(range(1, n + 1), pa.int64())})
    batches = [batch.slice(start, batch_rows) for start in range(0, n, batch_rows)]
    return clean_interactions(batches, form, rejects)


def dates(frame: pd.DataFrame) -> list[str]:
    return [f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}" for seconds in frame["time"]]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20231114", "2023-11-14"), ("202311", "2023-11-01"), ("2023", "2023-01-01"), ("2023-11", "2023-11-01"),
        ("45244", "2023-11-14"), ("45244.5", "2023-11-14T12:00"), ("1700000000", "2023-11-14T22:13:20"),
        ("1700000000000", "2023-11-14T22:13:20"), ("1700000000000000", "2023-11-14T22:13:20"),
        ("1700000000000000000", "2023-11-14T22:13:20"), ("1.7e9", "2023-11-14T22:13:20"),
        ("20231114103000", "2023-11-14T10:30"), ("202311141030", "2023-11-14T10:30"),
        ("2023-11-14T23:13:20+01:00", "2023-11-14T22:13:20"), ("2023-11-14 22:13:20", "2023-11-14T22:13:20"),
        ("2022/12/01-2023/01/01", "2023-01-01"), ("2021-01-02, 2022-03-04", "2022-03-04"),
        ("2023年11月4日", "2023-11-04"), ("2023. 11. 4.", "2023-11-04"),
        ("9/16/2006 10:05\u202fPM", "2006-09-16T22:05"), ("2023/11/4", "2023-11-04"), ("2023.11.14", "2023-11-14"), ("9/16/2006", "2006-09-16"),
        ("16/9/2006", "2006-09-16"), ("16.9.06", "2006-09-16"), ("9/16/2006 10:05 PM", "2006-09-16T22:05"),
        ("9/2006", "2006-09-01"), ("Tue Nov 14 2023", "2023-11-14"), ("14 November 2023", "2023-11-14"),
        ("Tue Nov 14 10:00:00 -0800 2023", "2023-11-14T18:00"), ("Nov 2023", "2023-11-01"),
        ("May 6th 2004", "2004-05-06"), ("Nov 14, 2023", "2023-11-14"), ("2023-11-14 10:00 PST", "2023-11-14T18:00"),
    ],
)  # fmt: skip
def test_a_time_is_read_as_people_write_it(text: str, moment: str) -> None:
    times = read_times(pa.array([text]))
    known = [reading[0] for reading in (times.day_first, times.month_first) if not math.isnan(reading[0])]
    assert set(known) == {datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()}


@pytest.mark.parametrize(
    "text",
    ["soon", "Tue", "10:30", "2023-02-30", "20230230", "2023-14-11", "31.02.2020", "13/13/2020", "5", "123456", "inf"],
)
def test_what_is_no_time_is_none_and_not_1970(text: str) -> None:
    times = read_times(pa.array([text]))
    assert math.isnan(times.day_first[0])
    assert math.isnan(times.month_first[0])
    assert not times.missing[0]


@pytest.mark.parametrize("text", ["", "NULL", "nan", "None", "\\N", "N/A", "0000-00-00", "0", "-1", "NaT"])
def test_a_time_may_be_missing_in_many_spellings(text: str) -> None:
    assert read_times(pa.array([text])).missing.tolist() == [True]


@given(st.integers(130_000_000, 4_000_000_000))
def test_every_spelling_of_a_second_is_that_second(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    texts = [
        *(f"{seconds}{zeros}" for zeros in ("", "000", "000000", "000000000")),
        *(f"{moment:{form}}" for form in ("%Y-%m-%dT%H:%M:%S%z", "%a %b %d %H:%M:%S %Y", "%Y%m%d%H%M%S")),
        moment.astimezone(timezone(timedelta(hours=5))).isoformat(),
    ]
    assert read_times(pa.array(texts)).day_first.tolist() == [seconds] * len(texts)


def test_a_column_has_one_order_of_day_and_month() -> None:
    rejects = RejectLog()
    form = InteractionFormat("r.csv", DATED)
    assert dates(cleaned(form, rejects, time=["5/4/2006", "6/4/2006", "7/4/2006", "16/9/2006"])) == [
        "2006-04-05", "2006-04-06", "2006-04-07", "2006-09-16",
    ]  # fmt: skip
    assert dates(cleaned(form, rejects, time=["5/4/2006", "9/16/2006"])) == ["2006-05-04", "2006-09-16"]
    assert [(guess.value, guess.setting) for guess in rejects.guesses] == [
        ("day before month", 'time_format = "%d/%m/%Y"'),
        ("month before day", 'time_format = "%m/%d/%Y"'),
    ]
    assert not rejects.total


def test_an_undecided_order_is_a_guess_that_time_format_overrides() -> None:
    rejects = RejectLog()
    times = ["5/4/2006", "6/4/2006"]
    assert dates(cleaned(InteractionFormat("r.csv", DATED), rejects, time=times)) == ["2006-05-04", "2006-06-04"]
    assert [guess.value for guess in rejects.guesses] == ["month before day; no date tells"]
    own = InteractionFormat("r.csv", DATED, time_format="%d/%m/%Y")
    assert dates(cleaned(own, rejects, time=times)) == ["2006-04-05", "2006-04-06"]
    dots = [time.replace("/", ".") for time in times]
    assert dates(cleaned(InteractionFormat("r.csv", DATED), rejects, time=dots)) == ["2006-04-05", "2006-04-06"]


def test_a_time_in_several_columns_is_joined() -> None:
    names = {**DATED, "time_2": "month", "time_3": "day"}
    form, rejects = InteractionFormat("r.csv", names), RejectLog()
    frame = cleaned(
        form, rejects, time=["2023", "2023", "2023.0", ""], time_2=["11", "November", "", ""], time_3=["4", "4", "", ""]
    )
    assert dates(frame)[:3] == ["2023-11-04", "2023-11-04", "2023-01-01"]
    assert rejects.kept == {UNDATED: 1}


def test_impossible_times_are_set_aside_and_change_no_other_row() -> None:
    tomorrow = datetime.now(UTC) + timedelta(hours=20)
    times = ["1700000000", "2098-01-01", "1969-07-20", "2023-02-30", "4102444800", tomorrow.isoformat(), "-5"]
    rejects = RejectLog()
    frame = cleaned(InteractionFormat("r.csv", DATED), rejects, time=times)
    assert frame["row"].tolist() == [1, 6]
    assert frame["time"].max() <= time.time() + 86_400
    assert rejects.counts == {"time is in the future": 2, "time is before 1970": 2, "time is not a date": 1}


def test_undated_rows_are_the_oldest_or_dated_by_another_column() -> None:
    times = ["2020-01-02", "", "2019-01-01", "NULL"]
    rejects = RejectLog()
    assert dates(cleaned(InteractionFormat("r.csv", DATED), rejects, time=times)) == [
        "2020-01-02", "2018-12-31", "2019-01-01", "2018-12-31",
    ]  # fmt: skip
    assert (rejects.kept, rejects.total) == ({UNDATED: 2}, 0)
    other, rejects = InteractionFormat("r.csv", {**DATED, "time_else": "added"}), RejectLog()
    assert dates(cleaned(other, rejects, time=times, time_else=["2001-01-01", "2002-01-01", "", ""])) == [
        "2020-01-02", "2002-01-01", "2019-01-01", "2001-12-31",
    ]  # fmt: skip
    assert rejects.kept == {UNDATED: 1, DATED_OTHERWISE: 1}


def test_a_time_column_without_any_date_leaves_the_order_of_the_rows() -> None:
    frame = cleaned(InteractionFormat("r.csv", DATED), RejectLog(), time=["", "NULL", "0000-00-00"])
    assert frame["time"].tolist() == [1.0, 2.0, 3.0]


def test_a_rating_row_without_a_rating_is_read_where_the_row_says_so() -> None:
    values = ["4", "", "NULL", "0"]
    for form, kept in (
        (InteractionFormat("r.csv", NAMES), 0),
        (InteractionFormat("r.csv", NAMES, empty_is_read=True), 2),
        (InteractionFormat("r.csv", NAMES, zero_is_read=True), 2),
    ):
        rejects = RejectLog()
        frame = cleaned(form, rejects, value=values)
        assert rejects.kept[WITHOUT_RATING] == kept
        assert (frame["kind"] == "read").sum() == kept + form.zero_is_read
        assert rejects.counts["rating is missing"] == 2 - kept
    shelf = InteractionFormat("r.csv", {**NAMES, "kind": "shelf"}, kinds={"read": "rating", "rated": "rating"})
    rejects = RejectLog()
    frame = cleaned(shelf, rejects, value=["", "", "5"], kind=["Read", "rated", "read"])
    assert frame["kind"].tolist() == ["read", "rating"]
    assert rejects.counts == {"rating is missing": 1}


@pytest.mark.parametrize("user", ["", "NULL", "nan", "NaN", "None", "\\N", "N/A", "<NA>", "NA", "null"])
def test_a_reader_whose_id_says_nothing_is_no_reader(user: str) -> None:
    rejects = RejectLog()
    frame = cleaned(InteractionFormat("r.csv", NAMES), rejects, user_id=["Nan Shepherd", user, "na"])
    assert frame["user_id"].tolist() == ["Nan Shepherd", "na"]
    assert rejects.counts == {"id is missing": 1}
