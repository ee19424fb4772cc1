"""The page without Redis or generation; its content security policy, its covers and its size."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.web.shelf_world import COVER_URL
from tests.worlds.api_world import serving

FIRST_LOAD_BYTES = 150_000


class TestWithoutRedis:
    @pytest.fixture
    def visitor(self, visit, without_redis):
        return visit(without_redis)

    def test_every_view_stays_and_says_so(self, visitor):
        for view in ("", "#/find?q=Dune", "#/book/dune", "#/reader", "#/tribes", "#/operations"):
            page = visitor.go(view)
            expect(page.locator("main h1")).to_be_visible()
            expect(page.locator(".notice[data-kind='redis']")).to_contain_text("Redis is unavailable")

    def test_a_reader_is_shown_popular_books_and_told_that_nothing_is_kept(self, visitor):
        page = visitor.go("#/reader/reader-0042")
        expect(page.locator(".recommendation")).to_have_count(10)
        expect(page.locator(".strategy")).to_contain_text("Redis is unavailable")
        page.locator(".recommendation").first.get_by_role("button", name="5 stars").click()
        expect(page.locator(".notice[data-kind='event']")).to_contain_text("Not saved")
        expect(page.locator(".recommendation").first.locator(".star.lit")).to_have_count(0)

    def test_operations_shows_it(self, visitor):
        expect(visitor.go("#/operations").locator("[data-panel='redis']")).to_have_attribute("data-state", "away")


class TestBeforeTheFirstNight:
    def test_every_view_says_that_the_shelf_is_empty(self, visit, unpublished):
        visitor = visit(unpublished)
        for view in ("", "#/find?q=Dune", "#/book/dune", "#/reader", "#/tribes", "#/tribes/3"):
            expect(visitor.go(view).get_by_role("heading", level=1)).to_have_text("The shelf is still empty")

    def test_operations_has_what_there_is(self, visit, unpublished):
        page = visit(unpublished).go("#/operations")
        expect(page.locator(".lead")).to_have_text("Nothing is served yet.")
        expect(page.locator("[data-panel='redis']")).to_have_attribute("data-state", "up")


class TestContentSecurityPolicy:
    def test_nothing_inline_is_allowed_and_nothing_from_elsewhere(self, api):
        policy = api.get("/").headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert not re.search(r"https?:", policy)

    def test_a_script_put_into_the_page_does_not_run(self, visitor):
        page = visitor.go("")
        page.evaluate("""() => {
            const script = document.createElement('script');
            script.textContent = 'window.taken = true';
            document.body.append(script);
        }""")
        assert page.evaluate("window.taken") is None
        assert any("Content Security Policy" in fault for fault in visitor.faults)
        visitor.faults.clear()

    def test_the_documentation_still_works(self, visitor):
        page = visitor.page
        page.goto(f"{visitor.base}/docs")
        expect(page.locator("#operations-page-page_facts")).to_be_visible()


class TestCovers:
    def test_addresses_of_the_catalogue_are_not_asked_by_default(self, visitor):
        page = visitor.go("#/book/the-hobbit")
        assert page.locator("main img").count() == 0

    def test_they_are_where_a_setting_allows_it(self, visit, shop):
        page_settings = shop[0].page.model_copy(update={"cover_urls": True})
        with serving(shop[0].model_copy(update={"page": page_settings})) as served:
            visitor = visit(served)
            visitor.expected.append(COVER_URL)
            visitor.page.route(COVER_URL, lambda route: route.fulfill(
                body='<svg xmlns="http://www.w3.org/2000/svg" width="2" height="3"/>', content_type="image/svg+xml"
            ))  # fmt: skip
            page = visitor.go("#/book/the-hobbit")
            expect(page.locator(".book-cover img")).to_have_attribute("src", COVER_URL)
            page.locator(".book-cover img").evaluate("image => image.decode()")


class TestWeight:
    def test_the_first_load_is_light(self, visit, api):
        visitor, sizes = visit(api), []
        page = visitor.page
        page.on("response", lambda response: sizes.append(response.request.sizes()["responseBodySize"]))
        visitor.go("")
        page.wait_for_load_state("networkidle")
        assert 10_000 < sum(sizes) < FIRST_LOAD_BYTES

    def test_files_are_compressed_and_may_be_kept(self, api):
        page = api.get("/").text
        script = re.search(r'src="(web/[^"]+app\.js)"', page)[1]
        response = api.client.get(f"/{script}")
        assert response.headers["content-encoding"] == "gzip"
        assert "immutable" in response.headers["cache-control"]
        assert response.headers["content-type"].startswith("text/javascript")
        again = api.client.get(f"/{script}", headers={"If-None-Match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
