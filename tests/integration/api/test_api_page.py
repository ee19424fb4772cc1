"""What the page gets from the API besides books and recommendations."""

from __future__ import annotations

import asyncio
import gzip
import re
from urllib.parse import quote

import httpx
import numpy as np
import pytest

from services.api.schemas.deprecated import SOURCE_FIELDS
from shared.artifacts.generation import artifact_folder, read_manifest
from shared.layout import DataFolder
from shared.recommend.blend import CANDIDATE_SOURCES
from shared.recommend.blend_weights import blend_weights, content_share, with_content_share
from shared.settings import BlendSettings
from tests.worlds.api_world import ODD_IDS, ODD_READER, serving

pytest_plugins = ["tests.worlds.api_fixtures"]

KEY = "0123456789 abcdef"


def problem_of(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return response.json()


class TestPage:
    def test_it_is_html_under_a_strict_policy(self, api):
        response = api.get("/")
        assert response.headers["content-type"].startswith("text/html")
        assert "unsafe" not in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"

    def test_a_head_is_answered_without_a_body(self, api):
        response = api.client.head("/")
        assert (response.status_code, response.content) == (200, b"")

    def test_every_file_it_names_is_there_and_may_be_kept_for_good(self, api):
        names = re.findall(r'(?:src|href)="(web/[^"]+)"', api.get("/").text)
        assert len(names) >= 8
        for name in names:
            response = api.get(f"/{name}")
            assert response.status_code == 200
            assert "immutable" in response.headers["cache-control"]

    def test_a_file_of_another_version_is_not_kept_for_good(self, api):
        response = api.get("/web/0000/js/app.js")
        assert response.headers["cache-control"] == "no-cache"

    def test_who_has_it_is_not_sent_it_again(self, api):
        tag = api.get("/").headers["etag"]
        for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            assert api.client.get("/", headers={"If-None-Match": held}).status_code == 304
        assert api.client.get("/", headers={"If-None-Match": '"other"'}).status_code == 200

    def test_who_does_not_take_gzip_gets_it_plain(self, api):
        for offer in ("identity", "gzip;q=0"):
            response = api.client.get("/", headers={"Accept-Encoding": offer})
            assert "content-encoding" not in response.headers
            assert response.text.startswith("<!doctype html>")

    @pytest.mark.parametrize("path", ["js/none.js", "..%2Fapp.py", "", "index.html"])
    def test_there_is_nothing_else(self, api, path):
        problem_of(api.get(f"/web/x/{path}"), 404)

    def test_what_it_needs_first(self, api, odd_world, catalog):
        facts = api.ok("/api/page")
        assert (facts["generation"], facts["redis"]) == (odd_world.generation_id, "up")
        assert facts["n_books"] == catalog.active.sum()
        assert (facts["simulated_readers"], facts["cover_urls"], facts["rollback"]) == (True, False, False)
        assert facts["content_weight"] == content_share(BlendSettings())


class TestNeighbours:
    def test_by_content_as_similar_has_them_with_what_is_shared(self, api):
        near = api.ok("/api/neighbours/the-two-towers", limit=5)
        similar = api.ok("/books/The%20Two%20Towers/similar", limit=5)["items"]
        assert [book["book_id"] for book in near["by_content"]] == [book["book_id"] for book in similar]
        by_tolkien = [book for book in near["by_content"] if "J.R.R. Tolkien" in book["authors"]]
        assert by_tolkien
        assert all(book["same_authors"] == ["J.R.R. Tolkien"] and book["same_genres"] for book in by_tolkien)

    def test_by_readers_nearest_first(self, api):
        books = api.ok("/api/neighbours/dune", limit=8)["by_readers"]
        closeness = [book["closeness"] for book in books]
        assert closeness[0] == 1
        assert closeness == sorted(closeness, reverse=True)
        assert not {"dune", "dune-deluxe"} & {book["book_id"] for book in books}
        assert {"dune-messiah", "children-of-dune"} & {book["book_id"] for book in books}

    @pytest.mark.parametrize("book_id", ODD_IDS)
    def test_every_id_can_be_asked_for(self, api, book_id):
        near = api.client.get(f"/api/neighbours/{quote(book_id, safe='')}").json()
        assert near["book"]["book_id"] == book_id

    def test_an_unknown_book_is_told(self, api):
        assert problem_of(api.get("/api/neighbours/nope"), 404)["type"] == "urn:nightshelf:unknown-book"
        problem_of(api.get("/api/neighbours/dune?limit=0"), 422)


class TestMap:
    def test_the_bytes_are_what_the_content_part_holds(self, api, odd_world, catalog):
        response = api.get("/api/map")
        assert response.headers["content-type"] == "application/octet-stream"
        n = int(np.frombuffer(response.content, "<u4", 1, 4)[0])
        numbers = np.frombuffer(response.content, "<u4", n, 24)
        assert sorted(numbers.tolist()) == catalog.active.nonzero()[0].tolist()
        folder = DataFolder(odd_world.settings.data_dir)
        manifest = read_manifest(folder, odd_world.generation_id)
        places = np.load(artifact_folder(folder, "content", manifest.artifacts["content"]) / "map.npy")
        low, high = np.frombuffer(response.content, "<f4", 2, 8)
        x = low + np.frombuffer(response.content, "<u2", n, 24 + 4 * n) / 65535 * (high - low)
        assert np.allclose(x, places[numbers, 0], atol=1e-4)

    def test_who_has_it_is_not_sent_it_again_and_it_is_compressed_for_who_takes_that(self, api):
        first = api.get("/api/map")
        assert first.headers["content-encoding"] == "gzip"
        again = api.client.get("/api/map", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        plain = api.client.get("/api/map", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == first.content
        assert len(gzip.compress(plain.content)) < len(plain.content)

    def test_the_book_behind_a_point(self, api, catalog):
        book = api.ok(f"/api/map/{catalog.number_of('dune')}")
        assert (book["book_id"], book["title"], book["number"]) == ("dune", "Dune", catalog.number_of("dune"))

    @pytest.mark.parametrize(("number", "status"), [("99999999", 404), ("-1", 422), ("x", 422), ("2147483648", 422)])
    def test_what_is_none_is_told(self, api, number, status):
        problem_of(api.get(f"/api/map/{number}"), status)


class TestReaders:
    def test_simulated_ones_with_what_they_liked(self, api, seen_by):
        readers = api.ok("/api/readers", limit=4)["readers"]
        assert len(readers) == 4
        for reader in readers:
            assert {book["book_id"] for book in reader["recent"]} <= seen_by[reader["user_id"]]
            assert len(reader["recent"]) == 5

    @pytest.mark.parametrize("limit", [0, 25, "many"])
    def test_how_many_is_bounded(self, api, limit):
        problem_of(api.get("/api/readers", limit=limit), 422)


class TestWeight:
    @pytest.mark.parametrize(
        ("weight", "names"),
        [(1, ("content", "same_series_author")), (0, ("collaborative", "item_transitions", "trending"))],
    )
    def test_all_on_one_side_leaves_the_other_out(self, api, state, weight, names):
        client, keys = state
        items = api.recommend("reader-0042", limit=20, content_share=weight)["items"]
        columns = {
            name: [item["sources"][field] for item in items]
            for name, field in zip(CANDIDATE_SOURCES, SOURCE_FIELDS, strict=True)
        }
        assert all(
            any(score is not None for score in row) for row in zip(*(columns[name] for name in names), strict=True)
        )
        n_recent = client.zcard(keys.recent("reader-0042"))
        weights = dict(
            zip(CANDIDATE_SOURCES, blend_weights(with_content_share(BlendSettings(), weight), n_recent), strict=True)
        )
        total = sum(weights[name] for name in names)
        assert total == pytest.approx(sum(weights.values()))
        expected = [
            sum(weights[name] * (columns[name][place] or 0) for name in names) / total for place in range(len(items))
        ]
        assert [item["score"] for item in items] == pytest.approx(expected, abs=2e-4)
        assert expected == pytest.approx(sorted(expected, reverse=True), abs=2e-4)

    def test_the_generations_own_weight_is_what_is_served_without(self, api):
        usual = api.ok("/api/page")["content_weight"]
        assert api.recommend("reader-0042", content_share=usual) == api.recommend("reader-0042")

    @pytest.mark.parametrize("weight", [-0.1, 1.1, "nan", "much"])
    def test_it_is_a_share(self, api, weight):
        problem_of(api.get("/api/recommendations/user/x", content_share=weight), 422)

    def test_requests_of_different_weights_that_arrive_together_each_get_their_own(self, api):
        weights = [0, 0.25, 0.5, 1, None] * 8
        alone = {
            weight: api.recommend(ODD_READER, **({} if weight is None else {"content_share": weight}))
            for weight in set(weights)
        }

        async def together():
            async with httpx.AsyncClient(base_url=api.client.base_url, timeout=30) as client:
                path = f"/api/recommendations/user/{quote(ODD_READER, safe='')}"
                asked = [
                    client.get(path, params={} if weight is None else {"content_share": weight}) for weight in weights
                ]
                return [response.json() for response in await asyncio.gather(*asked)]

        for weight, answer in zip(weights, asyncio.run(together()), strict=True):
            assert answer == alone[weight]


class TestOperations:
    def test_what_is_served_and_what_the_run_did(self, api, odd_world):
        told = api.ok("/api/operations")
        assert told["served"]["id"] == odd_world.generation_id
        assert [one["id"] for one in told["history"]] == [odd_world.generation_id]
        assert told["served"]["metrics"]["served"]["ndcg_at_10"]["value"] > 0
        assert [step["step"] for step in told["last_run"]][:2] == ["ingest", "embed"]
        assert told["last_run"][0]["facts"]["books"] == told["served"]["counts"]["books"]
        assert told["redis"]["state"] == "up"
        assert (told["rollback"], told["report"]) == (False, True)

    def test_latency_is_told_by_route(self, api):
        api.recommend("reader-0042")
        routes = {route["route"]: route for route in api.ok("/api/operations")["latency"]}
        latency = routes["/api/recommendations/user/{user_id:path}"]
        assert latency["n_requests"] >= 1
        assert not any(route.startswith(("/web", "/docs")) for route in routes)


@pytest.fixture(scope="module")
def keyed(odd_world):
    """The API with an operator key."""
    page = odd_world.settings.page.model_validate({"operator_key": KEY})
    with serving(odd_world.settings.model_copy(update={"page": page})) as served:
        yield served


class TestRollback:
    """The flip itself is tested where there are two generations, in tests/web/test_operations.py."""

    def ask(self, api, world, key=None, **changes):
        body = {"to": world.generation_id, "expected": world.generation_id} | changes
        headers = {} if key is None else {"X-Operator-Key": key}
        return api.client.post("/api/operations/rollback", json=body, headers=headers)

    @pytest.mark.parametrize("key", [None, "", KEY])
    def test_without_a_key_in_the_settings_nobody_may(self, api, odd_world, key):
        assert "No operator key" in problem_of(self.ask(api, odd_world, key), 403)["detail"]

    @pytest.mark.parametrize("key", [None, "", "wrong", KEY[:-1], f"{KEY}x", KEY.upper()])
    def test_with_another_key_nobody_may(self, keyed, odd_world, key):
        assert "key is wrong" in problem_of(self.ask(keyed, odd_world, key), 403)["detail"]

    def test_a_generation_never_published_is_refused(self, keyed, odd_world):
        for other in ("../../etc/passwd", "20200101T000000000000Z-abcdef"):
            assert "never published" in problem_of(self.ask(keyed, odd_world, KEY, to=other), 409)["detail"]

    def test_a_body_that_is_none_is_told(self, keyed, odd_world):
        problem_of(self.ask(keyed, odd_world, KEY, to=""), 422)
        problem_of(keyed.client.post("/api/operations/rollback", content=b"x"), 415)
