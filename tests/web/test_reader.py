"""Reader: start as a new reader or pick a demo reader, rate, dismiss, move the slider; the list changes each time."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from services.api.schemas.deprecated import SOURCE_FIELDS
from shared.keys import Keys
from shared.recommend.blend import CANDIDATE_SOURCES
from shared.recommend.blend_weights import blend_weights, max_recent_books, with_content_share
from shared.redis import connect_for_batch
from shared.settings import BlendSettings

FIELD_OF = dict(zip(CANDIDATE_SOURCES, SOURCE_FIELDS, strict=True))


class OnTheList:
    """The list of one reader as the page shows it."""

    def __init__(self, page):
        self.page = page
        self.rows = page.locator(".recommendation")

    @property
    def books(self):
        return [row.get_attribute("data-book") for row in self.rows.all()]

    def scores(self, source):
        """The score of each book in one list, as shown; 0 where the list lacks it."""
        shown = [row.locator(f"[data-source='{FIELD_OF[source]}'] .source-score") for row in self.rows.all()]
        return [float(score.inner_text()) if score.count() else 0.0 for score in shown]

    def changes_by(self, act):
        """Do something and wait for the next list."""
        shown = int(self.page.locator(".recommendations").get_attribute("data-shown"))
        act()
        self.page.wait_for_function(
            "shown => Number(document.querySelector('.recommendations').dataset.shown) > shown", arg=shown
        )
        return self.books


@pytest.fixture
def started(visitor):
    """A new reader's shelf."""
    page = visitor.go("#/reader")
    page.get_by_role("link", name="Start as a new reader").click()
    expect(page.get_by_role("heading", level=1, name="Your shelf")).to_be_visible()
    return OnTheList(page)


class TestNewReader:
    def test_the_list_changes_with_each_click(self, started):
        page, popular = started.page, started.books
        expect(page.locator(".strategy")).to_contain_text("Popular books")
        to_rate = page.locator(".to-rate .tile").first
        rated = to_rate.get_attribute("data-book")
        first = started.changes_by(lambda: to_rate.get_by_role("button", name="5 stars").click())
        assert first != popular
        assert rated not in first
        expect(page.locator(".given")).to_contain_text(re.compile(r"\S"))
        expect(page.locator(".strategy")).not_to_contain_text("Popular books")
        row = started.rows.nth(2)
        loved = row.get_attribute("data-book")
        second = started.changes_by(lambda: row.get_by_role("button", name="5 stars").click())
        assert loved not in second
        assert second != first
        expect(page.locator("#announcements")).to_contain_text("5 stars for")

    def test_what_is_not_for_them_goes(self, started):
        gone = started.books[0]
        after = started.changes_by(
            lambda: started.rows.first.get_by_role("button", name=re.compile("Not for me")).click()
        )
        assert gone not in after
        assert len(after) == 10

    def test_any_book_can_be_found_and_rated(self, started):
        page = started.page
        page.get_by_role("combobox", name="Another book").fill("dune")
        page.get_by_role("option", name="Dune").first.click()
        started.changes_by(lambda: page.locator(".picked").get_by_role("button", name="4 stars").click())
        expect(page.locator(".given [data-book='dune'] .star.lit")).to_have_count(4)

    def test_their_stars_are_there_when_they_come_back(self, started, visitor):
        page = started.page
        tile = page.locator(".to-rate .tile").first
        book = tile.get_attribute("data-book")
        started.changes_by(lambda: tile.get_by_role("button", name="5 stars").click())
        page.reload()
        visitor.arrived()
        expect(page.locator(f".given [data-book='{book}'] .star.lit")).to_have_count(5)
        page.goto(f"{visitor.base}/#/reader")
        page.get_by_role("button", name="Start over").click()
        expect(page.locator(".given")).to_have_count(0)


def recent_books(settings, reader):
    """How many recent books of a reader the blend looks at."""
    with connect_for_batch(settings.redis_url, settings.redis) as client:
        n_books = client.zcard(Keys(settings.redis_prefix).recent(reader))
    return min(n_books, max_recent_books(BlendSettings()))


def assert_ranked_by(chosen, n_recent, share, *names):
    """The books shown are in the order of these lists alone, weighted; scores are shown to two places."""
    settings = with_content_share(BlendSettings(), share)
    weights = dict(zip(CANDIDATE_SOURCES, blend_weights(settings, n_recent), strict=True))
    columns = [[weights[name] * score for score in chosen.scores(name)] for name in names]
    blended = [sum(row) for row in zip(*columns, strict=True)]
    rounding = 0.01 * sum(weights[name] for name in names)
    assert any(blended)
    assert all(better >= worse - rounding for better, worse in pairwise(blended))


class TestDemoReader:
    @pytest.fixture
    def chosen(self, visitor):
        page = visitor.go("#/reader")
        expect(page.get_by_role("heading", name="Demo readers")).to_contain_text("simulated")
        page.locator(".reader-card").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("simulated reader")
        visitor.arrived()
        return OnTheList(page)

    def test_each_item_says_why_it_is_there(self, chosen):
        expect(chosen.rows).to_have_count(10)
        for row in chosen.rows.all():
            expect(row.locator(".reason")).to_contain_text(re.compile("Because of .+:|Popular|readers|similar"))
            assert row.locator(".sources li").count() >= 1

    def test_the_slider_changes_the_weights_at_once(self, chosen, shop):
        n_recent = recent_books(shop[0], chosen.page.locator(".view-reader").get_attribute("data-reader"))
        slider = chosen.page.get_by_role("slider", name="What counts")
        usual = chosen.books
        by_content = chosen.changes_by(lambda: slider.fill("100"))
        assert_ranked_by(chosen, n_recent, 1, "content", "same_series_author")
        by_readers = chosen.changes_by(lambda: slider.fill("0"))
        assert_ranked_by(chosen, n_recent, 0, "collaborative", "item_transitions", "trending")
        assert by_content != by_readers
        expect(slider).to_have_attribute("aria-valuetext", "100 % readers, 0 % descriptions")
        assert chosen.changes_by(lambda: chosen.page.get_by_role("button", name="Reset").click()) == usual

    def test_the_line_above_names_the_lists_that_the_books_come_from(self, chosen):
        books_of = {}
        for name in chosen.rows.locator(".source-name").all_inner_texts():
            books_of[name.lower()] = books_of.get(name.lower(), 0) + 1
        line = chosen.page.locator(".strategy").inner_text()
        named = re.split(", | and ", line.removeprefix("From the lists "))
        assert set(named) == set(books_of)
        assert [books_of[name] for name in named] == sorted(books_of.values(), reverse=True)

    def test_a_reader_the_server_does_not_list_is_not_called_simulated(self, visitor):
        page = visitor.go("#/reader/zz%20top")
        expect(page.get_by_role("heading", level=1)).to_have_text("zz top\N{RIGHT SINGLE QUOTATION MARK}s shelf")
        expect(page.locator(".recommendation")).to_have_count(10)
        expect(page.get_by_role("heading", name="Recently liked")).to_have_count(0)

    def test_a_list_unknown_to_the_page_still_has_a_name(self, visitor, api):
        def with_another(route):
            answer = route.fetch().json()
            answer["items"][0]["sources"] = {FIELD_OF["item_transitions"]: 0.9, "night_owls": 0.4, "content": None}
            route.fulfill(json=answer)

        visitor.page.route("**/api/recommendations/**", with_another)
        reader = api.ok("/api/readers")["readers"][0]["user_id"]
        first = visitor.go(f"#/reader/{reader}").locator(".recommendation").first
        expect(first.locator(".sources")).to_contain_text("Read next")
        expect(first.locator(".sources")).to_contain_text("Night owls")
        expect(first.locator(".reason")).to_contain_text("night owls")
        assert first.locator(".sources li").count() == 2


def test_stars_given_on_a_books_page_shape_the_list(visitor):
    page = visitor.go("#/book/dune")
    page.get_by_role("group", name="Rate Dune").get_by_role("button", name="5 stars").click()
    expect(page.locator(".notice")).to_contain_text("5 stars for Dune")
    page = visitor.go("#/reader")
    page.get_by_role("link", name="Continue").click()
    expect(page.locator(".given [data-book='dune']")).to_be_visible()
    expect(page.locator(".recommendation .reason").first).to_contain_text("Dune")
