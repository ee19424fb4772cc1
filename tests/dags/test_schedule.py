"""When nights begin: across changes of the clock, and after the scheduler was away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

BERLIN = {"NIGHTSHELF_TIMEZONE": "Europe/Berlin"}


def local(moments, zone):
    return [datetime.fromisoformat(moment).astimezone(ZoneInfo(zone)) for moment in moments]


@pytest.mark.parametrize("cron", ["30 2 * * *", "0 2 * * *", "0 3 * * *", "59 2 * * *"])
@pytest.mark.parametrize(
    ("start", "end"),
    [("2026-03-26T12:00:00Z", "2026-04-01T12:00:00Z"), ("2026-10-22T12:00:00Z", "2026-10-28T12:00:00Z")],
    ids=["spring", "autumn"],
)
def test_one_night_a_date_when_the_clock_changes(airflow, cron, start, end):
    begun = airflow.ask("nights", BERLIN | {"NIGHTSHELF_NIGHTLY_CRON": cron}, start=start, end=end)
    first = datetime.fromisoformat(start).date()
    assert [moment.date() for moment in local(begun, "Europe/Berlin")] == [
        first + timedelta(days=day) for day in range(1, 7)
    ]


def test_a_local_time_left_out_is_the_next_there_is_and_one_that_comes_twice_is_taken_once(airflow):
    settings = BERLIN | {"NIGHTSHELF_NIGHTLY_CRON": "30 2 * * *"}
    spring = airflow.ask("nights", settings, start="2026-03-28T12:00:00Z", end="2026-03-29T12:00:00Z")
    assert [str(moment.time()) for moment in local(spring, "Europe/Berlin")] == ["03:30:00"]
    autumn = airflow.ask("nights", settings, start="2026-10-24T12:00:00Z", end="2026-10-25T12:00:00Z")
    assert [str(moment.time()) for moment in local(autumn, "Europe/Berlin")] == ["02:30:00"]


def test_three_in_the_morning_utc_by_default(airflow):
    begun = airflow.ask("nights", start="2026-06-01T12:00:00Z", end="2026-06-03T12:00:00Z")
    assert [datetime.fromisoformat(moment) for moment in begun] == [
        datetime(2026, 6, day, 3, tzinfo=UTC) for day in (2, 3)
    ]


def test_a_scheduler_back_after_three_nights_begins_one(airflow):
    begun = airflow.ask("nights", last="2026-06-01T03:00:00Z", start="2026-06-04T10:00:00Z", end="2026-06-05T02:00:00Z")
    assert [datetime.fromisoformat(moment) for moment in begun] == [datetime(2026, 6, 4, 3, tzinfo=UTC)]
