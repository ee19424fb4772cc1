"""Recommendations over HTTP: what anyone may rely on, for readers of every kind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import numpy as np
import pytest

from services.api.schemas.deprecated import SOURCE_FIELDS
from shared.artifacts.generation import open_generation
from shared.layout import DataFolder
from tests.worlds.api_world import ODD_READER

pytest_plugins = ["tests.worlds.api_fixtures"]

FIELDS = {"book_id", "title", "authors", "score"}
EXPLAINED = FIELDS | {"sources", "because"}
N_SAMPLED = 60


def ids(answer):
    return [item["book_id"] for item in answer["items"]]


@pytest.fixture(scope="session")
def liked_by(interactions):
    """Book ids by user: everything each read, bought or rated 4 or 5."""
    liked = interactions[(interactions["kind"] != "dismiss") & ~(interactions["value"] < 4)]
    return liked.groupby("user_id")["book_id"].agg(set).to_dict()


@pytest.fixture(scope="session")
def readers(interactions, liked_by):
    """Readers who liked anything, from the busiest to the least busy."""
    busiest_first = [user for user in interactions["user_id"].value_counts().index if user in liked_by]
    return busiest_first[:: len(busiest_first) // N_SAMPLED]


def test_who_only_disliked_is_shown_popular_books_but_none_of_those(api, seen_by, liked_by):
    dislikers = sorted(set(seen_by) - set(liked_by))
    assert dislikers, "the demo has some"
    for user in dislikers:
        answer = api.recommend(user)
        assert answer["strategy"] == "popular"
        assert seen_by[user].isdisjoint(ids(answer))


def test_every_reader_gets_ten_fresh_distinct_books_best_first(api, readers, seen_by, catalog):
    for reader in readers:
        answer = api.recommend(reader)
        assert (answer["user_id"], answer["degraded"], answer["strategy"]) == (reader, False, "hybrid")
        books = ids(answer)
        assert len(set(books)) == 10
        works = catalog.work_id[[catalog.number_of(book) for book in books]]
        assert len(set(works.tolist())) == 10, "one edition of a work"
        seen = catalog.work_id[[catalog.number_of(book) for book in seen_by[reader]]]
        assert not set(works.tolist()) & set(seen.tolist())
        scores = [item["score"] for item in answer["items"]]
        assert scores == sorted(scores, reverse=True)
        assert 0 <= min(scores) < max(scores) <= 1


def test_different_readers_get_different_books(api, readers):
    assert len({tuple(ids(api.recommend(reader))) for reader in readers}) > N_SAMPLED * 0.9


def test_answers_say_where_they_come_from(api, odd_world, readers):
    answer = api.recommend(readers[0])
    assert answer["generation"] == odd_world.generation_id
    assert answer["simulated_readers"] is True


def test_a_score_lies_between_its_sources(api, readers):
    n_of_several = 0
    for reader in readers:
        for item in api.recommend(reader, limit=50)["items"]:
            assert set(item) == EXPLAINED
            assert tuple(item["sources"]) == SOURCE_FIELDS
            own = [score or 0.0 for score in item["sources"].values()]
            assert min(own) - 1e-3 <= item["score"] <= max(own) + 1e-3
            assert all(0 <= score <= 1 for score in own)
            n_of_several += sum(score is not None for score in item["sources"].values()) > 1
    assert n_of_several > N_SAMPLED


def test_a_reason_is_a_book_the_reader_liked(api, liked_by, readers, catalog):
    n_reasons = 0
    for reader in readers:
        for item in api.recommend(reader)["items"]:
            if item["because"] is not None:
                n_reasons += 1
                assert item["because"]["book_id"] in liked_by[reader]
                assert item["because"]["title"] == catalog.titles[catalog.number_of(item["because"]["book_id"])]
    assert n_reasons > 5 * N_SAMPLED


@pytest.mark.parametrize("no", ["false", "0", "no"])
def test_without_explanation_items_are_the_same_and_shorter(api, readers, no):
    explained, bare = api.recommend(readers[3]), api.recommend(readers[3], explain=no)
    assert [set(item) for item in bare["items"]] == [FIELDS] * 10
    assert bare["items"] == [{name: item[name] for name in FIELDS} for item in explained["items"]]


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_the_limit_cuts_one_and_the_same_list(api, readers, limit):
    answer = api.recommend(readers[5], limit=limit)
    assert len(answer["items"]) == limit
    assert ids(answer) == ids(api.recommend(readers[5], limit=100))[:limit]


def test_the_same_question_has_the_same_answer(api, readers):
    assert api.recommend(readers[7]) == api.recommend(readers[7])


def test_requests_that_arrive_together_do_not_mix(api, readers):
    questions = [
        (reader, {"limit": 1 + place % 30, "explain": "false" if place % 3 else "true"})
        for place, reader in enumerate([*readers, "stranger", ODD_READER])
    ]
    alone = [api.recommend(reader, **query) for reader, query in questions]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda question: api.recommend(question[0], **question[1]), questions))
    assert together == alone


def test_a_stranger_is_shown_popular_books_of_all_kinds(api):
    answer = api.recommend(api.new_user())
    assert (answer["strategy"], answer["degraded"]) == ("popular", False)
    assert len(set(ids(answer))) == 10
    assert all(score is None for item in answer["items"] for score in item["sources"].values())
    assert all(item["because"] is None for item in answer["items"])
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    records = api.ok("/api/books", ids=",".join(ids(answer)))["books"]
    assert len({record["tribe"]["tribe"] for record in records}) == 10, "one of each tribe before the second of any"
    assert ids(answer)[0] == api.ok("/api/popular", limit=1)["items"][0]["book_id"]


def test_one_event_is_enough_to_be_answered_by_content(api):
    user = api.new_user()
    api.report({"event_id": user, "user_id": user, "book_id": "dune", "kind": "read"})
    answer = api.recommend(user)
    assert answer["strategy"] != "popular"
    assert set(ids(answer)[:2]) == {"dune-messiah", "children-of-dune"}
    assert "dune" not in ids(answer)
    assert {item["because"]["book_id"] for item in answer["items"] if item["because"]} == {"dune"}
    assert sum(item["sources"]["content"] is not None for item in answer["items"]) >= 5


def test_someone_the_night_did_not_know_is_folded_in_at_once(api, odd_world):
    generation = open_generation(DataFolder(odd_world.settings.data_dir), odd_world.generation_id)
    user, read = api.new_user(), ["dune", "solaris", "foundation"]
    for place, book in enumerate(read):
        api.report({"event_id": f"{user} {place}", "user_id": user, "book_id": book, "kind": "read"})
    answer = api.recommend(user, limit=100)
    numbers = np.array([generation.catalog.number_of(book) for book in reversed(read)], np.int32)
    [(listed, _)] = generation.fold_in.candidates([numbers], [numbers], generation.catalog.active)
    carried = {item["book_id"] for item in answer["items"] if item["sources"]["collaborative"] is not None}
    assert answer["strategy"] == "hybrid"
    assert len(carried) > 10
    assert carried <= {generation.catalog.ids[number] for number in listed.tolist()}


@pytest.mark.parametrize(
    "user", [ODD_READER, "a/b", "a%2Fb", "?", "#", "a b", "…", "'; DROP TABLE", "{user}", "📚", "u" * 200, "-1", "null"]
)
def test_a_user_may_be_called_anything(api, user):
    answer = api.recommend(user)
    assert answer["user_id"] == user
    assert answer["strategy"] == ("hybrid" if user == ODD_READER else "popular")
    assert len(answer["items"]) == 10


def test_an_odd_reader_is_recommended_to_like_any_other(api, seen_by):
    answer = api.recommend(ODD_READER, limit=30)
    assert {"the-hobbit", "outsider-king", "dallas/11-22-63"} == seen_by[ODD_READER]
    assert seen_by[ODD_READER].isdisjoint(ids(answer))
    assert answer["strategy"] == "hybrid"
    assert {item["because"]["book_id"] for item in answer["items"]} <= seen_by[ODD_READER]
    neighbours = api.similar("The Hobbit", limit=100)["items"]
    content = [item["book_id"] for item in answer["items"] if item["sources"]["content"] is not None]
    assert content, "the neighbours of what they read are among their books"
    assert {book["book_id"] for book in neighbours} & {item["book_id"] for item in answer["items"]}
    assert {"hobbit-again", "hobbit-illustrated"}.isdisjoint(ids(answer)), "another edition of a book that was read"


@pytest.mark.parametrize("is_long", [False, True])
def test_who_dismissed_the_most_popular_books_still_gets_a_full_list(api, state, odd_world, is_long):
    """There are hundreds of books beyond the popular ones, and nothing else to go by."""
    client, keys = state
    settings = odd_world.settings
    generation = open_generation(DataFolder(settings.data_dir), odd_world.generation_id)
    dismissed = generation.popularity.overall.tolist()
    assert len(dismissed) == 500
    user = api.new_user()
    client.sadd(keys.seen(user), *dismissed, *(range(100_000, 101_000) if is_long else ()))
    books = ids(api.recommend(user, limit=100))
    assert len(set(books)) == 100
    assert {generation.catalog.ids[number] for number in dismissed}.isdisjoint(books)


class TestVeryLongHistories:
    """More than 1,000 seen books, most of which the catalogue does not know."""

    UNKNOWN = range(100_000, 101_500)

    def remember(self, state, user, numbers):
        client, keys = state
        client.sadd(keys.seen(user), *numbers, *self.UNKNOWN)

    def test_what_was_seen_stays_away_and_the_rest_is_recommended(self, api, state, catalog):
        user = api.new_user()
        unseen = set(catalog.ids[::60])
        self.remember(state, user, [n for n, book in enumerate(catalog.ids) if book not in unseen])
        read = next(book for book in catalog.ids if book not in unseen)
        api.report({"event_id": user, "user_id": user, "book_id": read, "kind": "read"})
        answer = api.recommend(user, limit=100)
        assert answer["items"]
        assert set(ids(answer)) <= unseen

    def test_someone_who_has_seen_everything_gets_an_empty_list(self, api, state, catalog):
        user = api.new_user()
        self.remember(state, user, range(catalog.n_books))
        answer = api.recommend(user)
        assert answer["items"] == []
        assert answer["degraded"] is False

    def test_a_long_history_changes_nothing_else(self, api, state):
        short, long = api.new_user(), api.new_user()
        for user in (short, long):
            api.report({"event_id": user, "user_id": user, "book_id": "the-fellowship-of-the-ring", "kind": "read"})
        self.remember(state, long, [])
        assert ids(api.recommend(short, limit=100)) == ids(api.recommend(long, limit=100))

    @pytest.mark.parametrize("is_long", [False, True])
    def test_other_editions_of_what_was_seen_stay_away(self, api, state, is_long):
        """The edition that was seen is not itself a candidate: it has a description of its own."""
        user = api.new_user()
        api.report({"event_id": user, "user_id": user, "book_id": "solaris", "kind": "read"})
        assert "dune" in ids(api.recommend(user, limit=100))
        api.report({"event_id": f"{user} 2", "user_id": user, "book_id": "dune-deluxe", "kind": "dismiss"})
        if is_long:
            self.remember(state, user, [])
        assert "dune" not in ids(api.recommend(user, limit=100))


def test_a_history_of_unknown_books_is_normal(api, state):
    client, keys = state
    user = api.new_user()
    client.sadd(keys.seen(user), 900_000, 2**31 - 1)
    client.zadd(keys.recent(user), {"900000": 1.0, "2147483647": 2.0})
    answer = api.recommend(user)
    assert (len(answer["items"]), answer["strategy"]) == (10, "popular")


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=101", "limit=1e9", "limit=abc", "limit=", "explain=x"])
def test_absurd_parameters_are_refused_by_name(api, query):
    response = api.get(f"/api/recommendations/user/reader-0042?{query}")
    assert response.status_code == 422
    assert response.json()["where"] == f"query.{query.partition('=')[0]}"


@pytest.mark.parametrize("user", ["", " ", "a\x00b", "a\x7fb", "\ufffd", "u" * 201])
def test_what_cannot_be_a_user_is_refused(api, user):
    response = api.get(f"/api/recommendations/user/{quote(user, safe='')}")
    assert response.status_code == 422
    assert response.json()["where"] == "path.user_id"


class TestDeprecatedParameters:
    def test_a_former_name_is_accepted_and_the_answer_says_it_is_deprecated(self, api, readers):
        path = f"/api/recommendations/user/{quote(readers[0], safe='')}"
        old, new = (api.get(path, **{name: 0.7}) for name in ("content_weight", "content_share"))
        assert old.json() == new.json() != api.get(path).json()
        assert old.headers["Deprecation"] == "@1795824000"
        assert "Deprecation" not in new.headers

    def test_a_former_name_with_a_bad_value_is_named_as_it_was_given(self, api):
        response = api.get("/api/recommendations/user/x", content_weight=2)
        assert (response.status_code, response.json()["where"]) == (422, "query.content_weight")

    def test_the_openapi_document_marks_it(self, api):
        path = api.ok("/openapi.json")["paths"]["/api/recommendations/user/{user_id}"]["get"]
        deprecated = {one["name"] for one in path["parameters"] if one.get("deprecated")}
        assert deprecated == {"content_weight"}
