"""The embedded catalogue: complete, consistent, and written by hand."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest

from services.batch.sources.demo import source as demo
from services.batch.sources.demo.source import DemoSource, read_catalogue
from services.batch.sources.rejects import RejectLog
from services.batch.sources.source import BOOK_COLUMNS
from shared.errors import SourceError

if TYPE_CHECKING:
    from typing import Any

_GENRE_NAMES = (
    "fantasy,science fiction,horror,mystery,crime,thriller,espionage,historical fiction,romance,classics,"
    "literary fiction,contemporary,young adult,childrens,picture books,humor,adventure,dystopia,magical realism,gothic,"
    "satire,short stories,poetry,plays,graphic novels,war,western,mythology,memoir,biography,history,science,nature,"
    "mathematics,technology,philosophy,psychology,economics,business,politics,sociology,travel,essays,true crime,"
    "religion,food,sports,art,music,education,self-help,coming of age"
)
GENRES = frozenset(_GENRE_NAMES.split(","))


def words_of(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain.lower())


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in demo._catalogue_bytes().splitlines()]


def test_every_line_is_a_whole_book(records: list[dict[str, Any]]) -> None:
    assert len(records) >= 800
    for record in records:
        assert list(record) == demo._FILE_COLUMNS
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", record["book_id"])
        assert record["title"] == record["title"].strip() != ""
        assert record["authors"]
        assert all(name == name.strip() != "" for name in record["authors"])
        assert -2200 <= record["year"] <= 2026
        assert 2 <= len(set(record["genres"])) == len(record["genres"]) <= 4
        assert set(record["genres"]) <= GENRES
        assert record["series"] is not None or record["series_position"] is None


def test_ids_are_unique_and_sorted(records: list[dict[str, Any]]) -> None:
    ids = [record["book_id"] for record in records]
    assert ids == sorted(set(ids))


def test_no_book_is_listed_twice(records: list[dict[str, Any]]) -> None:
    keys = Counter((*words_of(record["title"]), "|", words_of(record["authors"][0])[-1]) for record in records)
    assert max(keys.values()) == 1


def test_an_author_is_spelled_one_way(records: list[dict[str, Any]]) -> None:
    spellings = defaultdict(set)
    for record in records:
        for name in record["authors"]:
            spellings["".join(words_of(name))].add(name)
            assert not re.search(r"\b\w\. \w\.", name), f"initials are written without a space: {name}"
    assert [names for names in spellings.values() if len(names) > 1] == []


def test_a_position_in_a_series_is_taken_once(records: list[dict[str, Any]]) -> None:
    places = Counter((r["series"], r["series_position"]) for r in records if r["series_position"] is not None)
    assert max(places.values()) == 1
    names = {r["series"] for r in records if r["series"]}
    assert len({" ".join(w for w in words_of(name) if w != "the") for name in names}) == len(names)


def test_descriptions_are_of_the_promised_length_and_unlike_each_other(records: list[dict[str, Any]]) -> None:
    openings: Counter[str] = Counter()
    phrases: Counter[tuple[str, ...]] = Counter()
    for record in records:
        assert 30 <= len(record["description"].split()) <= 80, record["title"]
        words = words_of(record["description"])
        openings[" ".join(words[:3])] += 1
        phrases.update({tuple(words[start : start + 6]) for start in range(len(words) - 5)})
    assert [opening for opening, n_books in openings.items() if n_books > 1] == []
    assert [" ".join(phrase) for phrase, n_books in phrases.items() if n_books > 1] == []


def test_the_frame_is_what_ingest_asks_for(records: list[dict[str, Any]]) -> None:
    rejects = RejectLog()
    books = DemoSource().books(rejects)
    assert sorted(books.columns) == sorted(BOOK_COLUMNS)
    assert rejects.total == 0
    assert books["book_id"].tolist() == [record["book_id"] for record in records]
    assert books["year"].dtype == books["series_position"].dtype == np.float64
    assert {type(value) for value in books["series"]} == {str, type(None)}
    assert set(books["image_url"]) == {None}
    assert books["average_rating"].isna().all()
    hobbit = books.set_index("book_id").loc["the-hobbit"]
    assert (hobbit["title"], hobbit["authors"], hobbit["series"]) == ("The Hobbit", ["J.R.R. Tolkien"], "Middle-earth")


def test_the_fingerprint_tells_recipes_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = DemoSource().fingerprint()
    assert usual == DemoSource().fingerprint()
    assert len({usual, DemoSource(seed=1).fingerprint(), DemoSource(n_readers=10).fingerprint()}) == 3
    monkeypatch.setattr(demo, "_catalogue_bytes", lambda: b"")
    assert DemoSource().fingerprint() != usual


@pytest.mark.parametrize("line", [b'{"book_id": "half', b'{"book_id": "no-title"}', b"[]"])
def test_a_damaged_line_is_named(monkeypatch: pytest.MonkeyPatch, line: bytes) -> None:
    whole = demo._catalogue_bytes().splitlines()[0]
    monkeypatch.setattr(demo, "_catalogue_bytes", lambda: whole + b"\n" + line)
    with pytest.raises(SourceError) as caught:
        read_catalogue()
    assert caught.value.where == "demo_books.jsonl, line 2"


def test_no_readers_is_refused() -> None:
    with pytest.raises(SourceError):
        DemoSource(n_readers=0)
