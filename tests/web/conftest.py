"""One Chromium, one shop with a server, for all tests of the page; a page of its own for each test.

A test fails if the page has a script error, asks another host, or breaks the content security policy.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from services.embedded import socket_path
from shared.layout import DataFolder
from tests.conftest import absent
from tests.web.shelf_world import open_shop
from tests.worlds.api_world import Api, serving

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MILLISECONDS = 20_000
_EXPECTED = ("Failed to load resource: the server responded with a status of",)  # answers of 4xx and 503


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, for one module: Playwright keeps an event loop running, and others may start their own."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        absent("chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def shop(valkey_url, tmp_path_factory):
    """Settings and the two generations published, oldest first."""
    return open_shop(tmp_path_factory.mktemp("shop"), valkey_url, f"web-{os.getpid()}")


@pytest.fixture(scope="session")
def api(shop) -> Iterator[Api]:
    """The server of that shop."""
    with serving(shop[0]) as served:
        yield served


@pytest.fixture(scope="session")
def without_redis(shop, tmp_path_factory) -> Iterator[Api]:
    """The same shop with nobody at the other end of the socket."""
    url = f"unix://{socket_path(DataFolder(tmp_path_factory.mktemp('away')))}"
    with serving(shop[0].model_copy(update={"redis_url": url})) as served:
        yield served


@pytest.fixture(scope="session")
def unpublished(shop, tmp_path_factory) -> Iterator[Api]:
    """A server before its first night, without an operator key."""
    changes = {"data_dir": tmp_path_factory.mktemp("unpublished"), "redis_prefix": "unpublished"}
    settings = shop[0].model_copy(update=changes)
    with serving(
        settings.model_copy(update={"page": settings.page.model_copy(update={"operator_key": None})})
    ) as served:
        yield served


class Visitor:
    """A browser window on one server."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.faults: list[str] = []
        self.expected: list[str] = []
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("request", lambda request: self._asked(request.url))

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not text.startswith(_EXPECTED):
            self.faults.append(f"{kind}: {text}")

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.base}/", "data:", *self.expected)):
            self.faults.append(f"asked another host: {url}")

    def go(self, address: str) -> Page:
        """Open a view and wait until it is shown."""
        self.page.goto(f"{self.base}/{address}")
        return self.arrived()

    def arrived(self) -> Page:
        """Wait until the view of the address is shown."""
        self.page.wait_for_function(
            "() => { const main = document.querySelector('main');"
            " return main?.getAttribute('aria-busy') === 'false' && main.dataset.at === location.hash }"
        )
        return self.page


WINDOW = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}


@pytest.fixture
def visit(browser):
    """Opens windows of a browser that knows nothing yet, by server; looks for faults when the test is over."""
    visitors = []

    def opened(api: Api) -> Visitor:
        context = browser.new_context(**WINDOW)
        visitors.append((context, Visitor(context.new_page(), str(api.client.base_url).rstrip("/"))))
        return visitors[-1][1]

    yield opened
    for context, _ in visitors:
        context.close()
    assert [fault for _, visitor in visitors for fault in visitor.faults] == []


@pytest.fixture(scope="module")
def usual(browser) -> BrowserContext:
    """A browser that has the page's files already."""
    return browser.new_context(**WINDOW)


@pytest.fixture
def visitor(usual, api) -> Iterator[Visitor]:
    """A window on the shop; who was there before left nothing behind."""
    opened = Visitor(usual.new_page(), str(api.client.base_url).rstrip("/"))
    yield opened
    opened.page.evaluate("localStorage.clear()")
    opened.page.close()
    assert opened.faults == []
