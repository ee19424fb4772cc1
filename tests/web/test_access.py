"""Accessibility: axe-core finds nothing, the main path works by keyboard, and nothing is cut off at 360 px."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from playwright.sync_api import expect

from tests.web.shelf_world import HOSTILE_TITLE

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
VIEWS = {
    "find": "", "found": "#/find?q=Dune", "did you mean": "#/find?q=hary%20poter", "book": "#/book/dune",
    "readers": "#/reader", "reader": "#/reader/{reader}", "new reader": "#/reader/somebody", "tribes": "#/tribes",
    "tribe": "#/tribes/1", "operations": "#/operations",
}  # fmt: skip
WIDTHS = (360, 768, 1440)


@pytest.fixture(scope="module")
def addresses(api):
    reader = api.ok("/api/readers")["readers"][0]["user_id"]
    return {name: address.format(reader=reader) for name, address in VIEWS.items()}


def axe(page):
    """What axe-core finds in light, and in dark of what differs there: colours. One line a fault."""
    page.evaluate(AXE)
    faults = []
    for scheme, rules in (("light", None), ("dark", ["color-contrast", "link-in-text-block"])):
        page.emulate_media(color_scheme=scheme)
        options = {"resultTypes": ["violations"], "preload": False} | ({"runOnly": rules} if rules else {})
        found = page.evaluate("options => axe.run(document, options)", options)["violations"]
        faults += [f"{scheme}: {fault['id']} {node['failureSummary']}" for fault in found for node in fault["nodes"]]
    return faults


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing(visitor, addresses, view):
    assert axe(visitor.go(addresses[view])) == []


def test_axe_finds_nothing_where_something_is_open(visitor):
    page = visitor.go("")
    page.get_by_role("combobox").fill("the")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert axe(page) == []
    page = visitor.go("#/operations")
    page.get_by_role("button", name=re.compile("Roll back to")).first.click()
    assert axe(page) == []


def test_axe_finds_nothing_where_something_is_missing(visit, without_redis, unpublished):
    assert axe(visit(without_redis).go("#/operations")) == []
    assert axe(visit(unpublished).go("")) == []


def test_nothing_sticks_out_of_the_window(visitor, addresses):
    wide = []
    for name, address in (*addresses.items(), ("hostile", "#/book/hostile%2F%3Cb%3E")):
        page = visitor.go(address)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wide.append(f"{name} at {width}")
    assert wide == []


def press_until(page, key, condition, most=80):
    """Press a key until the focused element is the one looked for."""
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate(f"() => {{ const on = document.activeElement; return Boolean({condition}) }}"):
            return
    raise AssertionError(f"never reached: {condition}")


def test_the_main_path_goes_by_keyboard_alone(visitor):
    page = visitor.go("")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("dune")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Dune")).to_be_focused()
    press_until(page, "Tab", "on.classList.contains('star')")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("5 stars for Dune")
    press_until(page, "Shift+Tab", "on.dataset.view === 'reader'")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Choose a reader")).to_be_focused()
    press_until(page, "Tab", "on.textContent === 'Continue'")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Your shelf")).to_be_focused()
    press_until(page, "Tab", "on.id === 'weight'")
    before = page.locator(".recommendations").get_attribute("data-shown")
    page.keyboard.press("End")
    expect(page.locator(".recommendations")).not_to_have_attribute("data-shown", before)
    press_until(page, "Tab", "on.dataset.act === 'dismiss'")
    dismissed = page.evaluate("document.activeElement.closest('li').dataset.book")
    page.keyboard.press("Space")
    expect(page.locator(f".recommendation[data-book='{dismissed}']")).to_have_count(0)
    assert page.evaluate("document.activeElement.closest('.recommendations') !== null")


def test_who_asked_for_less_motion_sees_none(visitor, addresses):
    page = visitor.go(addresses["reader"])
    page.get_by_role("slider").fill("100")
    page.wait_for_function("() => Number(document.querySelector('.recommendations').dataset.shown) > 1")
    assert page.evaluate("document.getAnimations().filter(one => one.playState === 'running').length") == 0


def test_a_title_of_markup_is_text_everywhere(visitor):
    page = visitor.go("#/book/hostile%2F%3Cb%3E")
    assert page.get_by_role("heading", level=1).inner_text() == HOSTILE_TITLE
    assert page.title().startswith("<img src=x")
    page = visitor.go("#/book/the-hobbit")
    expect(page.locator(".tile-title", has_text="<img src=x").first).to_be_visible()
    page = visitor.go("")
    page.get_by_role("combobox").fill("img onerror sons")
    expect(page.get_by_role("option").filter(has_text="<img src=x")).to_be_visible()
    assert page.locator("main img").count() == 0
