"""What is remembered of a reader, through the API and whole nights: cases that other shops and apps met."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from services.batch.night.nightly import run_night
from services.batch.runtime.context import RunContext
from services.batch.sources.folder import open_folder
from shared.keys import Keys
from shared.redis import connect_for_batch
from shared.settings import load_settings
from tests.worlds.api_world import serving

CASES = Path(__file__).parents[2] / "cases"
READERS = ("late", "meh", "viewer", "solo", "nobody")


class Shop:
    """A small installation; its server is started for each question."""

    def __init__(self, folder, url, prefix):
        self.settings = load_settings(data_dir=folder, redis_url=url, redis_prefix=prefix, batch={"threads": 1})

    def night(self, source):
        with connect_for_batch(self.settings.redis_url, self.settings.redis) as client:
            return run_night(RunContext(self.settings, client=client), open_folder(CASES / source), accept="a test")

    def report(self, *files):
        with serving(self.settings) as api:
            for file in files:
                for event in json.loads((CASES / "events" / file).read_text()):
                    assert api.report(event)["accepted"] == 1

    def answers(self):
        with serving(self.settings) as api:
            return {reader: api.recommend(reader, limit=20) for reader in READERS}


def ids(answer):
    return [item["book_id"] for item in answer["items"]]


def reasons(answer):
    return {item["because"]["book_id"] for item in answer["items"] if item["because"]}


@pytest.fixture(scope="module")
def eventful(valkey_url, tmp_path_factory):
    """Answers by day and after the night, of a shop to which readers reported events."""
    shop = Shop(tmp_path_factory.mktemp("eventful"), valkey_url, f"eventful-{os.getpid()}")
    shop.night("base")
    shop.report("late-old-five-stars.json", "read-after-one-star.json", "views-only.json")
    live = shop.answers()
    shop.night("base")
    return {"live": live, "after the night": shop.answers()}


@pytest.mark.parametrize("when", ["live", "after the night"])
@pytest.mark.parametrize("reader", ["late", "meh"])
def test_one_star_stands_against_an_older_rating_and_a_later_read(eventful, when, reader):
    answer = eventful[when][reader]
    assert answer["strategy"] == "popular"
    assert "b5" not in ids(answer)
    assert reasons(answer) == set()


@pytest.mark.parametrize("when", ["live", "after the night"])
def test_who_only_looks_gets_something_near(eventful, when):
    answer = eventful[when]["viewer"]
    assert answer["strategy"] == "content"
    assert ids(answer) != ids(eventful[when]["nobody"])
    assert reasons(answer) == set()


def test_looking_means_the_same_after_the_night(eventful):
    live, after = (eventful[when]["viewer"] for when in ("live", "after the night"))
    assert ids(live)[:10] == ids(after)[:10]


def test_a_rating_corrected_in_the_source_is_corrected_by_the_next_night(valkey_url, tmp_path):
    shop = Shop(tmp_path, valkey_url, f"corrected-{os.getpid()}")
    shop.night("source-corrected/night-1")
    assert reasons(shop.answers()["solo"]) == {"b5"}
    shop.night("source-corrected/night-2")
    answer = shop.answers()["solo"]
    assert reasons(answer) == set()
    assert "b5" not in ids(answer)
    with connect_for_batch(valkey_url, shop.settings.redis) as client:
        keys = Keys(shop.settings.redis_prefix)
        assert client.zcard(keys.recent("solo")) == 0
        assert client.scard(keys.seen("solo")) == 1


def test_a_reader_deleted_from_the_source_is_forgotten(valkey_url, tmp_path):
    shop = Shop(tmp_path, valkey_url, f"deleted-{os.getpid()}")
    shop.night("source-corrected/night-1")
    shop.night("base")
    answers = shop.answers()
    assert ids(answers["solo"]) == ids(answers["nobody"])
