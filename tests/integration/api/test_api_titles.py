"""Titles as people type them: similar books, suggestions, search, and the original project's endpoint."""

from __future__ import annotations

from urllib.parse import quote

import pytest

pytest_plugins = ["tests.worlds.api_fixtures"]

POTTERS = 7


def suggestions(response):
    problem = response.json()
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "urn:nightshelf:unknown-title"
    assert {"title", "status", "detail", "hint"} < set(problem)
    assert all(set(book) == {"book_id", "title", "authors"} for book in problem["suggestions"])
    return [book["title"] for book in problem["suggestions"]]


def ask_similar(api, title):
    return api.get(f"/books/{quote(title, safe='')}/similar")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("The Hobbit", "the-hobbit"),
        ("tHe hObBiT", "the-hobbit"),
        ("hobbit", "the-hobbit"),
        ("Hobbit, The", "the-hobbit"),
        ("hobbit tolkien", "the-hobbit"),
        ("the hobbit book", "the-hobbit"),
        ("von kommas und punkten", "x,y"),
        ("978-0-306-40615-7", "x,y"),
        ("0306406152", "x,y"),
        ("  The   Hobbit!?  ", "the-hobbit"),
        ("Les Miserables", "les-miserables"),
        ("LES MISÉRABLES", "les-miserables"),
        ("Les Mise\u0301rables", "les-miserables"),
        ("Shogun", "shogun"),
        ("godel escher bach", "godel-escher-bach"),
        ("Gödel, Escher, Bach: An Eternal Golden Braid", "godel-escher-bach"),
        ("2001", "2001-a-space-odyssey"),
        ("2001 - a space odyssey", "2001-a-space-odyssey"),
        ("Do Androids Dream of Electric Sheep", "do-androids-dream-of-electric-sheep"),
        ("The Sandman: Preludes and Nocturnes", "the-sandman-preludes-and-nocturnes"),
        ("Dune (Dune Chronicles, #1)", "dune"),
        ("The Colour of Magic (Discworld #1)", "the-colour-of-magic"),
        ("11/22/63", "dallas/11-22-63"),
        ("What is to be done", "what?"),
        ("100% Wolf", "100%"),
        ("100 wolf", "100%"),
        ("The Per%2Fcent Sign", "%2F"),
        ("C# in Depth", "c#4"),
        ("dont read this said the page", '"quoted"\'s'),
        ("\u201cDon\u2019t Read This,\u201d Said the Page!", '"quoted"\'s'),
        ("Surely You\u2019re Joking, Mr Feynman", "surely-youre-joking-mr-feynman"),
        ("The 📚 Club", "📚"),
    ],
)
def test_a_title_is_understood_however_it_is_typed(api, typed, meant):
    assert api.similar(typed)["book"]["book_id"] == meant


def test_a_title_may_stand_in_the_path_with_its_slashes_bare(api):
    assert api.ok("/books/11/22/63/similar")["book"]["book_id"] == "dallas/11-22-63"


def test_every_book_is_found_by_its_own_title_and_never_beside_itself(api, catalog):
    for number, title in enumerate(catalog.titles):
        answer = api.similar(title, limit=20)
        book = answer["book"]
        assert catalog.ids[number] in {book["book_id"], *(other["book_id"] for other in answer["alternatives"])}
        items = answer["items"]
        works = [int(catalog.work_id[catalog.number_of(item["book_id"])]) for item in items]
        assert len(items) == len(set(works)) == 20, title
        assert int(catalog.work_id[catalog.number_of(book["book_id"])]) not in works, title
        similarities = [item["similarity"] for item in items]
        assert similarities == sorted(similarities, reverse=True)
        assert -1 <= similarities[-1] <= similarities[0] <= 1


def test_other_editions_are_no_neighbours(api):
    editions = {"the-hobbit", "hobbit-again", "hobbit-illustrated"}
    for title in ("The Hobbit", "The Hobbit, or There and Back Again", "The Hobbit (Illustrated Edition)"):
        answer = api.similar(title, limit=100)
        assert answer["book"]["book_id"] in editions
        assert editions.isdisjoint(item["book_id"] for item in answer["items"])


def test_neighbours_are_what_a_person_expects(api):
    near_hobbit = {item["title"] for item in api.similar("The Hobbit")["items"]}
    assert {"The Fellowship of the Ring", "The Two Towers", "The Return of the King"} <= near_hobbit
    assert {item["title"] for item in api.similar("Dune", limit=2)["items"]} == {"Dune Messiah", "Children of Dune"}


def test_of_several_books_of_one_title_the_most_rated_is_meant(api):
    answer = api.similar("the outsider")
    assert answer["book"]["book_id"] == "outsider-king"
    assert [other["book_id"] for other in answer["alternatives"]] == ["outsider-camus", "outsider-wright"]
    n_ratings = [book["n_ratings"] for book in (answer["book"], *answer["alternatives"])]
    assert n_ratings == sorted(n_ratings, reverse=True)
    assert n_ratings[-1] == 0
    assert answer["alternatives"][-1]["average_rating"] is None


def test_ratings_are_those_that_were_given(api, interactions):
    rated = interactions[interactions["kind"] == "rating"].groupby("book_id")["value"].agg(["mean", "size"])
    shown = [*api.similar("The Hobbit", limit=50)["items"], *api.similar("the outsider")["alternatives"]]
    assert {item["book_id"] in rated.index for item in shown} == {True, False}
    for item in shown:
        if item["book_id"] in rated.index:
            assert item["n_ratings"] == rated.loc[item["book_id"], "size"]
            assert item["average_rating"] == pytest.approx(rated.loc[item["book_id"], "mean"], abs=0.006)
        else:
            assert (item["n_ratings"], item["average_rating"]) == (0, None)


@pytest.mark.parametrize("limit", [1, 30])
def test_the_limit_of_neighbours_holds(api, limit):
    assert len(api.similar("Emma", limit=limit)["items"]) == limit


@pytest.mark.parametrize("typed", ["hary poter", "harry potter", "Harry Poter and the", "potter rowling harry"])
def test_harry_potter_is_suggested_for_misspellings(api, typed):
    titles = suggestions(ask_similar(api, typed))
    assert len(titles) == POTTERS
    assert all(title.startswith("Harry Potter") for title in titles)


@pytest.mark.parametrize(
    ("typed", "likeliest"),
    [
        ("pride and predjudice", "Pride and Prejudice"),
        ("to kil a mocking bird", "To Kill a Mockingbird"),
        ("discworld 1", "The Colour of Magic"),
        ("discwrld 4", "Mort"),
    ],
)
def test_who_errs_is_told_what_was_meant(api, typed, likeliest):
    titles = suggestions(ask_similar(api, typed))
    assert 1 <= len(titles) <= 7
    assert titles[0] == likeliest


@pytest.mark.parametrize("typed", ["tolkien", "tolkein", "J.R.R. Tolkien"])
def test_an_author_is_answered_with_their_books_the_most_read_first(api, typed):
    titles = suggestions(ask_similar(api, typed))
    items = api.ok("/api/books/search", q=typed)["items"]
    assert titles[0] == items[0]["title"]
    assert {"The Hobbit", "The Fellowship of the Ring", "The Two Towers"} <= set(titles)
    assert items[0]["n_ratings"] == max(item["n_ratings"] for item in items if item["authors"] == ["J.R.R. Tolkien"])


def test_a_series_is_suggested_by_its_name_although_no_title_has_it(api):
    titles = suggestions(ask_similar(api, "Earthsea"))
    assert {"The Tombs of Atuan", "The Farthest Shore"} <= set(titles)


def test_nonsense_suggests_nothing_but_a_search(api):
    response = ask_similar(api, "qzxv wkjq")
    assert suggestions(response) == []
    assert "/api/books/search" in response.json()["hint"]


class TestSearch:
    def found(self, api, text, **query):
        return [item["title"] for item in api.ok("/api/books/search", q=text, **query)["items"]]

    @pytest.mark.parametrize(
        ("typed", "first"),
        [
            ("hob", "The Hobbit"), ("the hob", "The Hobbit"), ("dune", "Dune"),
            ("miserab", "Les Misérables"), ("11/22", "11/22/63"), ("c#", "C# in Depth"), ("discworld mort", "Mort"),
            ("prejudise", "Pride and Prejudice"), ("100%", "100% Wolf"),
            ("harry potter 3", "Harry Potter and the Prisoner of Azkaban"),
            ("the hobbit (paperback)", "The Hobbit"), ("9780306406157", "Commas, and Other Marks"),
            ("kommas", "Commas, and Other Marks"),
        ],
    )  # fmt: skip
    def test_what_is_typed_is_found_first(self, api, typed, first):
        assert self.found(api, typed)[0] == first

    def test_a_series_is_found_by_its_name(self, api):
        assert {"Mort", "Small Gods", "Wyrd Sisters"} <= set(self.found(api, "discworld"))

    def test_one_edition_of_a_work_is_shown(self, api):
        assert len([title for title in self.found(api, "hobbit", limit=50) if "Hobbit" in title]) == 1

    def test_the_limit_holds(self, api):
        assert len(self.found(api, "the", limit=3)) == 3
        assert self.found(api, "the", limit=100)[:3] == self.found(api, "the", limit=3)

    @pytest.mark.parametrize("text", ["...", "?", "qzxvwkjq", "%", "/", "\\", "(((", "[", "*"])
    def test_what_is_not_there_is_an_empty_list(self, api, text):
        assert self.found(api, text) == []

    def test_items_carry_ratings(self, api):
        (item,) = api.ok("/api/books/search", q="the hobbit", limit=1)["items"]
        assert set(item) == {"book_id", "title", "authors", "average_rating", "n_ratings"}


class TestTheOriginalEndpoint:
    """`POST /recommend {"book_name": …}`."""

    KEYS = ("title", "author", "image_url", "average_rating", "rating_count")

    def ask(self, api, name):
        response = api.client.post("/recommend", json={"book_name": name})
        assert response.status_code == 200, response.text
        return response.json()

    @pytest.mark.parametrize("name", ["The Hobbit", "the hobbit", "11/22/63", "A Pamphlet Without Anything"])
    def test_a_title_we_have_brings_five_recommendations(self, api, name):
        answer = self.ask(api, name)
        assert list(answer) == ["recommendations"]
        assert [tuple(book) for book in answer["recommendations"]] == [self.KEYS] * 5
        assert name.lower() not in {book["title"].lower() for book in answer["recommendations"]}

    def test_they_are_the_nearest_books(self, api):
        books = self.ask(api, "The Hobbit")["recommendations"]
        nearest = api.similar("The Hobbit", limit=5)["items"]
        assert [(book["title"], book["average_rating"], book["rating_count"]) for book in books] == [
            (item["title"], item["average_rating"], item["n_ratings"]) for item in nearest
        ]
        assert books[0]["author"] == "J.R.R. Tolkien"

    def test_covers_are_given_where_there_are_any(self, api):
        books = self.ask(api, "11/22/63")["recommendations"]
        assert {book["image_url"] for book in books} == {None, "https://example.org/cover.png"}

    @pytest.mark.parametrize("name", ["hary poter", "harry potter"])
    def test_any_other_title_brings_suggestions(self, api, name):
        answer = self.ask(api, name)
        assert list(answer) == ["suggestions"]
        assert len(answer["suggestions"]) == POTTERS
        assert all("Harry Potter" in title for title in answer["suggestions"])

    def test_nonsense_brings_none(self, api):
        assert self.ask(api, "qzxv wkjq") == {"suggestions": []}
