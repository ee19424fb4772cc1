"""Tribes: the map of all books, its legend, and a tribe's page."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from services.api.page.book_map import MAGIC

MANY = 100_000


def map_of(n):
    """A map of many books, laid out as services/api/page/book_map.py says."""
    books = np.arange(n)
    columns = [books.astype("<u4"), (books * 40503 % 65536).astype("<u2"), (books * 30011 % 65536).astype("<u2")]
    columns += [(books % 20).astype("<u2"), (books % 40).astype("u1")]
    head = MAGIC + np.uint32(n).astype("<u4").tobytes() + np.array([0, 1, 0, 1], "<f4").tobytes()
    return head + b"".join(column.tobytes() for column in columns)


@pytest.fixture
def atlas(visitor):
    page = visitor.go("#/tribes")
    page.wait_for_selector("canvas[data-drawn]")
    return page


def centre_of_points(page):
    """Moves the pointer over the map until it is on a book; returns the card's text."""
    box = page.locator("canvas").bounding_box()
    for share in range(1, 40):
        page.mouse.move(box["x"] + box["width"] * (0.3 + share / 100), box["y"] + box["height"] * (0.35 + share / 130))
        if page.locator("canvas.on-book").count():
            expect(page.locator(".map-card")).to_be_visible()
            return page.locator(".map-card strong").inner_text()
    raise AssertionError("no book anywhere on the way")


def test_hover_gives_the_title_and_a_click_the_book(atlas):
    title = centre_of_points(atlas)
    atlas.mouse.down()
    atlas.mouse.up()
    expect(atlas.get_by_role("heading", level=1, name=title, exact=True)).to_be_visible()


def test_the_legend_names_every_tribe_with_a_colour_of_its_own(atlas, api):
    tribes = api.ok("/api/tribes")["tribes"]
    entries = atlas.locator(".legend li")
    assert [entry.locator(".legend-name").inner_text() for entry in entries.all()] == [
        tribe["name"] for tribe in tribes
    ]
    colours = atlas.locator(".swatch").evaluate_all(
        "swatches => swatches.map(one => getComputedStyle(one).backgroundColor)"
    )
    assert len(set(colours)) == len(tribes)


def test_a_tribe_of_the_legend_stands_out_and_leads_to_its_popular_books(atlas, api):
    drawn = int(atlas.locator("canvas").get_attribute("data-drawn"))
    first = atlas.locator(".legend a").first
    first.hover()
    atlas.wait_for_function("drawn => Number(document.querySelector('canvas').dataset.drawn) > drawn", arg=drawn)
    first.click()
    expect(atlas.get_by_role("heading", name="Popular here")).to_be_visible()
    popular = api.ok("/api/popular", tribe=0, limit=21)["items"]
    shown = [tile.get_attribute("data-book") for tile in atlas.locator(".tile").all()]
    assert shown == [book["book_id"] for book in popular]
    expect(atlas.locator(".tile-note").first).to_contain_text("simulated")


def test_the_map_comes_nearer_and_goes_back(atlas):
    look = "canvas => canvas.toDataURL()"
    canvas = atlas.locator("canvas")
    far = canvas.evaluate(look)

    def drawn_after(act):
        before = int(canvas.get_attribute("data-drawn"))
        act()
        atlas.wait_for_function("drawn => Number(document.querySelector('canvas').dataset.drawn) > drawn", arg=before)
        return canvas.evaluate(look)

    canvas.focus()
    near = drawn_after(lambda: atlas.get_by_role("button", name="Zoom in").click())
    assert near != far
    assert drawn_after(lambda: canvas.press("0")) == far


def test_books_are_reached_by_arrows_and_opened_by_enter(atlas):
    canvas = atlas.get_by_role("application", name=re.compile("Map of"))
    canvas.focus()
    canvas.press("ArrowRight")
    expect(atlas.locator(".map-card")).to_be_visible()
    first = atlas.locator(".map-card").get_attribute("data-book")
    canvas.press("ArrowRight")
    expect(atlas.locator(".map-card")).not_to_have_attribute("data-book", first)
    title = atlas.locator(".map-card strong").inner_text()
    expect(atlas.locator("#announcements")).to_contain_text(title)
    canvas.press("Enter")
    expect(atlas.get_by_role("heading", level=1, name=title, exact=True)).to_be_visible()


def test_a_hundred_thousand_books_are_drawn_and_found(visitor):
    page = visitor.page
    page.route("**/api/map", lambda route: route.fulfill(body=map_of(MANY), content_type="application/octet-stream"))
    page.route(re.compile(r"/api/map/\d+$"), lambda route: route.fulfill(
        json={"book_id": "dune", "title": f"Book {route.request.url.rsplit('/')[-1]}", "authors": ["A"]}
    ))  # fmt: skip
    visitor.go("#/tribes")
    expect(page.locator(".lead")).to_contain_text("100,000 books")
    page.wait_for_selector("canvas[data-drawn]")
    colours = page.locator("canvas").evaluate(
        "canvas => new Set(new Uint32Array(canvas.getContext('2d').getImageData(0, 0, 400, 400).data.buffer)).size"
    )
    assert colours > 20
    page.locator("canvas").hover(position={"x": 300, "y": 300})
    expect(page.locator(".map-card strong")).to_have_text(re.compile(r"Book \d+"))
