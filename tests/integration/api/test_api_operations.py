"""What operators see: health, readiness, metrics, documentation; and service without Redis or generation."""

from __future__ import annotations

import re
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.embedded import embedded_valkey, socket_path
from shared.layout import DataFolder
from shared.settings import RedisSettings
from tests.worlds.api_world import serving

pytest_plugins = ["tests.worlds.api_fixtures"]

EVENT = {"event_id": "away", "user_id": "away", "book_id": "dune", "kind": "read"}
NEEDS_A_GENERATION = [
    "/readyz", "/books/dune/similar", "/api/books/search?q=dune", "/api/books/dune", "/api/books?ids=dune",
    "/api/popular", "/api/genres", "/api/tribes", "/api/recommendations/user/x",
]  # fmt: skip


def assert_unavailable(response):
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) >= 1
    return response.json()


class TestHealth:
    def test_the_process_runs(self, api):
        assert api.ok("/healthz") == {"status": "ok"}

    def test_it_is_ready_and_says_with_what(self, api, odd_world, catalog, seen_by):
        ready = api.ok("/readyz")
        assert (ready["status"], ready["generation"], ready["redis"]) == ("ready", odd_world.generation_id, "up")
        assert ready["simulated_readers"] is True
        assert (ready["counts"]["books"], ready["counts"]["users"]) == (catalog.n_books, len(seen_by))


class TestMetrics:
    """Counts are compared before and after: one registry serves every server of this process."""

    def sample(self, api, name, **labels):
        families = text_string_to_metric_families(api.get("/metrics").text)
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    @pytest.mark.parametrize(
        ("request_path", "route", "status", "strategy"),
        [
            ("/api/recommendations/user/reader-0042", "/api/recommendations/user/{user_id:path}", "2xx", "hybrid"),
            ("/api/recommendations/user/nobody", "/api/recommendations/user/{user_id:path}", "2xx", "popular"),
            ("/api/recommendations/user/x?limit=0", "/api/recommendations/user/{user_id:path}", "4xx", ""),
            ("/books/dune/similar", "/books/{title:path}/similar", "2xx", ""),
            ("/books/qzxv/similar", "/books/{title:path}/similar", "4xx", ""),
            ("/nope/12345", "unmatched", "4xx", ""),
        ],
    )
    def test_requests_are_timed_by_route_status_and_strategy(self, api, request_path, route, status, strategy):
        labels = {"route": route, "status": status, "strategy": strategy}
        names = ("nightshelf_request_seconds_count", "nightshelf_request_seconds_sum")
        before = [self.sample(api, name, **labels) for name in names]
        api.get(request_path)
        after = [self.sample(api, name, **labels) for name in names]
        assert after[0] == before[0] + 1
        assert before[1] < after[1] < before[1] + 30

    def test_no_id_and_no_title_becomes_a_label(self, api):
        api.get("/api/books/some-private-id")
        api.get("/some/private/path")
        assert "private" not in api.get("/metrics").text

    def test_redis_is_timed_by_purpose(self, api):
        before = [self.sample(api, "nightshelf_redis_seconds_count", what=what) for what in ("read", "events")]
        api.recommend("reader-0042")
        api.report(EVENT)
        after = [self.sample(api, "nightshelf_redis_seconds_count", what=what) for what in ("read", "events")]
        assert after == [before[0] + 1, before[1] + 1]

    def test_lookups_of_each_cache_are_counted(self, odd_world):
        with serving(odd_world.settings) as fresh:
            fresh.recommend("reader-0042", limit=37)
            before = [
                self.sample(fresh, f"nightshelf_cache_{what}_total", cache="answers") for what in ("hits", "misses")
            ]
            fresh.recommend("reader-0042", limit=37)
            after = [
                self.sample(fresh, f"nightshelf_cache_{what}_total", cache="answers") for what in ("hits", "misses")
            ]
        assert after == [before[0] + 1, before[1]]

    def test_the_generation_is_named_with_its_age(self, api, odd_world):
        assert self.sample(api, "nightshelf_generation_info", generation=odd_world.generation_id) == 1
        families = list(text_string_to_metric_families(api.get("/metrics").text))  # both of one moment and one server
        values = {sample.name: sample.value for family in families for sample in family.samples}
        age, created = (
            values[f"nightshelf_generation_{name}"] for name in ("age_seconds", "created_timestamp_seconds")
        )
        assert created + age == pytest.approx(time.time(), abs=30)

    def test_events_are_counted_by_what_became_of_them(self, api):
        def counts():
            return {
                outcome: self.sample(api, "nightshelf_events_total", outcome=outcome)
                for outcome in ("accepted", "duplicate", "rejected")
            }

        before, event = counts(), EVENT | {"event_id": api.new_user()}
        api.report(event, event, event | {"book_id": "no-such-book"})
        assert counts() == {outcome: count + 1 for outcome, count in before.items()}

    def test_prometheus_is_told_what_it_reads(self, api):
        assert api.get("/metrics").headers["content-type"].startswith("text/plain; version=")


class TestDocumentation:
    def test_there_is_a_page(self, api):
        page = api.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "/openapi.json" in page.text

    def test_the_page_asks_no_other_host(self, api):
        addresses = re.findall(r'(?:src|href)="([^"]+)"', api.get("/docs").text)
        assert len(addresses) >= 3
        for address in addresses:
            assert address.startswith("/docs/assets/")
            assert api.get(address).status_code == 200

    def test_every_route_is_documented_under_a_name_of_its_own(self, api):
        paths = api.ok("/openapi.json")["paths"]
        assert set(paths) == {
            "/api/recommendations/user/{user_id}", "/books/{title}/similar", "/api/books/search", "/api/books",
            "/api/books/{book_id}", "/api/popular", "/api/genres", "/api/tribes", "/recommend", "/api/events",
            "/healthz", "/readyz", "/metrics", "/api/page", "/api/neighbours/{book_id}", "/api/map",
            "/api/map/{number}", "/api/readers", "/api/operations", "/api/operations/rollback",
            "/report", "/report.json",
        }  # fmt: skip
        operations = [operation for path in paths.values() for operation in path.values()]
        assert len({operation["operationId"] for operation in operations}) == len(operations)
        assert all(operation["description"] for operation in operations)

    def test_the_body_of_events_is_one_event_or_a_thousand(self, api):
        document = api.ok("/openapi.json")
        body = document["paths"]["/api/events"]["post"]["requestBody"]
        assert body["required"] is True
        reference = {"$ref": "#/components/schemas/Event"}
        one, several = body["content"]["application/json"]["schema"]["anyOf"]
        assert one == reference
        assert (several["items"], several["minItems"], several["maxItems"]) == (reference, 1, 1000)
        event = document["components"]["schemas"]["Event"]
        assert set(event["properties"]) == {"event_id", "user_id", "book_id", "kind", "value", "time"}
        assert event["required"] == ["event_id", "user_id", "book_id", "kind"]

    def test_the_example_of_an_event_is_one(self, api):
        (example,) = api.ok("/openapi.json")["components"]["schemas"]["Event"]["examples"]
        user = api.new_user()  # other tests may have sent the example as it is
        assert api.report(example | {"user_id": user, "event_id": f"{example['event_id']}-{user}"})["accepted"] == 1


@pytest.fixture(scope="module")
def valkey_folder(tmp_path_factory):
    """Where no server runs yet."""
    return DataFolder(tmp_path_factory.mktemp("absent"))


@pytest.fixture(scope="module")
def alone(odd_world, valkey_folder):
    """The same generation, from disk, served with nobody at the other end of the socket."""
    url, patience = f"unix://{socket_path(valkey_folder)}", RedisSettings(retry_after_seconds=0.01)
    with serving(odd_world.settings.model_copy(update={"redis_url": url, "redis": patience})) as served:
        yield served


class TestWithoutRedis:
    def test_recommendations_are_popular_books_from_memory(self, alone, api):
        for user in ("reader-0042", "nobody"):
            answer = alone.recommend(user, limit=20)
            assert (answer["strategy"], answer["degraded"], answer["user_id"]) == ("popular", True, user)
            assert answer["items"] == api.recommend(api.new_user(), limit=20)["items"]
        assert [set(item) for item in alone.recommend("x", limit=1, explain="false")["items"]] == [
            {"book_id", "title", "authors", "score"}
        ]

    def test_degraded_answers_are_counted(self, alone):
        def degraded():
            families = text_string_to_metric_families(alone.get("/metrics").text)
            return next(family.samples[0].value for family in families if family.name == "nightshelf_degraded_answers")

        before = degraded()
        alone.recommend("reader-0042")
        assert degraded() == before + 1
        # Another application of this process, whose Redis is there, tells the same gauge so once in a second.
        assert any("nightshelf_redis_up 0.0" in alone.get("/metrics").text for _ in range(1000))

    def test_events_are_to_be_sent_again(self, alone):
        for body in (EVENT, [EVENT, EVENT | {"event_id": "b"}]):
            problem = assert_unavailable(alone.client.post("/api/events", json=body))
            assert problem["type"] == "urn:nightshelf:store-unavailable"

    def test_a_batch_of_nothing_but_bad_events_is_still_judged(self, alone):
        answer = alone.report({"event_id": "e"})
        assert [bad["position"] for bad in answer["rejected"]] == [0]

    def test_what_needs_no_redis_is_as_ever(self, alone, api):
        for path in (*NEEDS_A_GENERATION[1:-1], "/healthz"):
            assert alone.ok(path) == api.ok(path)
        assert alone.client.post("/recommend", json={"book_name": "Dune"}).status_code == 200

    def test_it_is_ready_and_says_that_redis_is_away(self, alone):
        assert alone.ok("/readyz")["redis"] == "away"

    def test_it_recovers_by_itself(self, alone, valkey_folder):
        assert alone.recommend("reader-0042")["degraded"] is True
        with embedded_valkey(valkey_folder):
            deadline = time.monotonic() + 10
            while alone.recommend("reader-0042")["degraded"]:
                assert time.monotonic() < deadline, "Redis is back and nobody noticed"
            assert alone.report(EVENT)["accepted"] == 1
            assert alone.recommend("away")["strategy"] == "hybrid"
            assert alone.ok("/readyz")["redis"] == "up"
        assert alone.recommend("away")["degraded"] is True


@pytest.fixture(scope="module")
def empty(odd_world, tmp_path_factory):
    """A server over an empty data folder."""
    changes = {"data_dir": tmp_path_factory.mktemp("empty"), "redis_prefix": "nothing-published"}
    with serving(odd_world.settings.model_copy(update=changes)) as served:
        yield served


class TestBeforeTheFirstNight:
    def test_it_runs(self, empty):
        assert empty.ok("/healthz") == {"status": "ok"}
        assert empty.get("/metrics").status_code == empty.get("/docs").status_code == 200

    @pytest.mark.parametrize("path", NEEDS_A_GENERATION)
    def test_it_is_not_ready_and_says_what_to_do(self, empty, path):
        problem = assert_unavailable(empty.get(path))
        assert problem["type"] == "urn:nightshelf:not-ready"
        assert "nightshelf nightly" in problem["hint"]

    @pytest.mark.parametrize(("path", "body"), [("/api/events", EVENT), ("/recommend", {"book_name": "Dune"})])
    def test_nothing_can_be_sent(self, empty, path, body):
        assert_unavailable(empty.client.post(path, json=body))
