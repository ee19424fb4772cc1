"""Books by id, one or many, and the popular lists."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from shared.artifacts.generation import artifact_folder, read_manifest
from shared.artifacts.popularity import Popularity
from shared.layout import DataFolder
from tests.worlds.api_world import ODD_IDS

pytest_plugins = ["tests.worlds.api_fixtures"]

RECORD = {
    "book_id", "title", "authors", "average_rating", "n_ratings", "year", "genres", "series", "series_position",
    "description", "image_url", "tribe",
}  # fmt: skip


def by_ids(api, *ids):
    answer = api.ok("/api/books", ids=list(ids))
    return [book["book_id"] for book in answer["books"]], answer["unknown"]


def test_a_book_is_shown_with_all_that_is_known_of_it(api):
    book = api.ok("/api/books/harry-potter-and-the-prisoner-of-azkaban")
    assert set(book) == RECORD
    assert (book["title"], book["authors"]) == ("Harry Potter and the Prisoner of Azkaban", ["J.K. Rowling"])
    assert (book["year"], book["series"], book["series_position"]) == (1999, "Harry Potter", 3)
    assert "fantasy" in book["genres"]
    assert len(book["description"].split()) >= 30
    assert book["n_ratings"] > 0
    assert 1 <= book["average_rating"] <= 5
    assert api.ok("/api/popular", tribe=book["tribe"]["tribe"])["items"]


def test_what_is_not_known_is_null(api):
    book = api.ok("/api/books/bare")
    assert (book["authors"], book["n_ratings"]) == ([], 0)
    for field in ("year", "series", "series_position", "description", "average_rating"):
        assert book[field] is None


@pytest.mark.parametrize("book_id", [book_id for book_id in ODD_IDS if book_id != "search"])
def test_an_id_may_hold_anything(api, book_id):
    assert api.ok(f"/api/books/{quote(book_id, safe='')}")["book_id"] == book_id
    assert by_ids(api, book_id) == ([book_id], [])


def test_an_id_that_is_also_a_route_is_reached_by_ids(api):
    assert by_ids(api, "search") == (["search"], [])


@pytest.mark.parametrize("book_id", ["nope", "THE-HOBBIT", "../../etc/passwd", "a/b/c", "similar", "%", "0", "📖"])
def test_an_unknown_id_is_a_problem_that_names_it(api, book_id):
    response = api.get(f"/api/books/{quote(book_id, safe='')}")
    assert response.status_code == 404
    problem = response.json()
    assert (problem["type"], problem["where"]) == ("urn:nightshelf:unknown-book", "book_id")
    assert repr(book_id) in problem["detail"]
    assert problem["hint"]


class TestSeveral:
    def test_the_order_asked_for_is_kept_and_unknown_ids_are_named(self, api):
        ids = ["the-hobbit", "nope", "dune", "2666", "nil"]
        expected = ["the-hobbit", "dune", "2666"], ["nope", "nil"]
        assert by_ids(api, *ids) == by_ids(api, ",".join(ids)) == by_ids(api, " , ".join(ids)) == expected

    def test_an_id_asked_for_twice_is_answered_once(self, api):
        assert by_ids(api, "dune", "dune,dune,nope", "nope") == (["dune"], ["nope"])

    def test_an_id_with_a_comma_is_one_id(self, api):
        assert by_ids(api, "x,y", "dune,2666") == (["x,y", "dune", "2666"], [])

    def test_a_hundred_ids_fit_however_they_are_written(self, api, catalog):
        hundred = [book_id for book_id in catalog.ids if "," not in book_id][:100]
        assert len(",".join(hundred)) > 1000
        assert by_ids(api, *hundred) == by_ids(api, ",".join(hundred)) == (hundred, [])

    @pytest.mark.parametrize(
        "ids",
        [
            [], [""], [","], [" , "], ["a\x00b"], ["u" * 201], ["dune," + "u" * 201], ["\ufffd"],
            [f"b{i}" for i in range(101)], [",".join(f"b{i}" for i in range(101))],
        ],
    )  # fmt: skip
    def test_what_cannot_be_ids_is_refused(self, api, ids):
        response = api.get("/api/books", ids=ids)
        assert response.status_code == 422, response.text
        assert "ids" in response.json()["where"]

    def test_each_is_the_book_as_shown_alone(self, api):
        assert api.ok("/api/books", ids="dune")["books"] == [api.ok("/api/books/dune")]


class TestPopular:
    def ids(self, api, **query):
        return [item["book_id"] for item in api.ok("/api/popular", **query)["items"]]

    def test_lists_are_as_long_as_asked_for(self, api):
        assert len(self.ids(api)) == 10
        assert len(set(self.ids(api, limit=100))) == 100
        assert self.ids(api, limit=100)[:3] == self.ids(api, limit=3)

    def test_popular_books_were_rated_often_and_well(self, api, interactions):
        rated = interactions[interactions["kind"] == "rating"].groupby("book_id")["value"].agg(["mean", "size"])
        popular = rated.loc[[book for book in self.ids(api, limit=20) if book in rated.index]]
        assert len(popular) == 20
        assert popular["size"].min() > rated["size"].median()
        assert popular["mean"].mean() > rated["mean"].mean()

    def test_every_genre_listed_has_a_list_of_its_books(self, api):
        genres = api.ok("/api/genres")["genres"]
        assert {"fantasy", "science fiction", "oddities"} <= set(genres)
        assert genres == sorted(genres)
        for genre in genres:
            ids = self.ids(api, genre=genre, limit=5)
            books = api.ok("/api/books", ids=ids)["books"]
            assert books
            assert all(genre in book["genres"] for book in books)

    def test_a_genre_may_be_written_in_capitals(self, api):
        assert self.ids(api, genre=" Science Fiction ") == self.ids(api, genre="science fiction")

    def test_every_tribe_listed_has_a_list_of_its_books(self, api, catalog):
        tribes = api.ok("/api/tribes")["tribes"]
        assert len({tribe["name"] for tribe in tribes}) == len(tribes) >= 4
        assert sum(tribe["n_books"] for tribe in tribes) == catalog.n_books
        for tribe in tribes:
            assert tribe["words"]
            books = api.ok("/api/books", ids=self.ids(api, tribe=tribe["tribe"], limit=3))["books"]
            assert books
            assert all(book["tribe"] == {"tribe": tribe["tribe"], "name": tribe["name"]} for book in books)

    def test_lists_show_one_edition_of_a_work(self, api, catalog, odd_world):
        works = catalog.work_id[[catalog.number_of(book) for book in self.ids(api, limit=100)]]
        assert len(set(works.tolist())) == 100
        folder = DataFolder(odd_world.settings.data_dir)
        artifact = read_manifest(folder, odd_world.generation_id).artifacts["popularity"]
        n_with_several_editions = 0
        for tribe, numbers in Popularity.open(artifact_folder(folder, "popularity", artifact)).clusters.items():
            n_with_several_editions += len(set(catalog.work_id[numbers].tolist())) < len(numbers)
            shown = [catalog.number_of(book) for book in self.ids(api, tribe=tribe, limit=100)]
            assert len(set(catalog.work_id[shown].tolist())) == len(shown)
        assert n_with_several_editions, "The Hobbit is there twice"

    @pytest.mark.parametrize("query", [{"genre": "nope"}, {"genre": "../.."}, {"tribe": 999}, {"tribe": -1}])
    def test_an_unknown_list_is_a_problem(self, api, query):
        response = api.get("/api/popular", **query)
        assert response.status_code == 404
        problem = response.json()
        assert problem["type"] == "urn:nightshelf:unknown-genre-or-tribe"
        assert problem["where"] in query
        assert problem["hint"].startswith("/api/")

    @pytest.mark.parametrize("query", [{"genre": "fantasy", "tribe": 0}, {"tribe": "x"}, {"genre": "g" * 201}])
    def test_what_cannot_be_asked_is_refused(self, api, query):
        assert api.get("/api/popular", **query).status_code == 422
