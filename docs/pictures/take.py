"""Takes the pictures of the page that the README and the docs show: `make pictures`.

Serves the demo from the data folder it is given, or from one of its own; opens each view in Chromium and keeps what it
shows. System fonts differ, and so do pictures from different machines.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("nightshelf")
START_SECONDS = 600
MOST_BYTES = 300_000
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
ARRIVED = (
    "() => { const main = document.querySelector('main');"
    " return main?.getAttribute('aria-busy') === 'false' && main.dataset.at === location.hash }"
)
WIDE, NARROW = {"width": 1200, "height": 780}, {"width": 360, "height": 780}
# Name: address, window, scheme.
PICTURES = {
    "find-light": ("", WIDE, "light"),
    "find-dark": ("", WIDE, "dark"),
    "book-dark": ("#/book/the-left-hand-of-darkness", WIDE, "dark"),
    "reader-light": ("#/reader/{reader}", WIDE, "light"),
    "tribes-dark": ("#/tribes", WIDE, "dark"),
    "operations-light": ("#/operations", WIDE, "light"),
    "reader-narrow-dark": ("#/reader/{reader}", NARROW, "dark"),
}


@contextmanager
def demo(data: Path) -> Iterator[str]:
    """The demo in this data folder, served; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [COMMAND, "demo", "--data-dir", data, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"HF_HUB_OFFLINE": "1"})  # noqa: S603
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/readyz", process)
        yield address
    finally:
        process.terminate()
        process.wait()


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    """Return once it answers; fail if the process ends instead."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(address).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    sys.exit("The demo could not be served.")


def take(browser: Browser, address: str, reader: str) -> None:
    """Take every picture."""
    for name, (view, window, scheme) in PICTURES.items():
        context = browser.new_context(viewport=window, color_scheme=scheme, reduced_motion="reduce")
        page = context.new_page()
        page.goto(f"{address}/{view.format(reader=reader)}")
        page.wait_for_function(ARRIVED)
        if view == "#/tribes":
            point_at_a_book(page)
        path = FOLDER / f"{name}.png"
        page.screenshot(path=path)
        context.close()
        n_bytes = path.stat().st_size
        print(f"{path.name}: {n_bytes / 1000:.0f} kB")
        if n_bytes > MOST_BYTES:
            sys.exit(f"{path} is larger than {MOST_BYTES / 1000:.0f} kB.")


def point_at_a_book(page: Page) -> None:
    """Bring the map into sight and let one book be named."""
    canvas = page.locator("canvas[data-drawn]")
    canvas.focus()
    canvas.press("ArrowRight")
    page.locator(".map-card").wait_for()
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 170); }")


def main() -> None:
    """Serve the demo and take the pictures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("Chromium is not installed.")
    with (
        tempfile.TemporaryDirectory(prefix="nightshelf-pictures-") as temporary,
        demo(Path(sys.argv[1] if len(sys.argv) > 1 else f"{temporary}/data")) as address,
        sync_playwright() as playwright,
    ):
        reader = httpx.get(f"{address}/api/readers").json()["readers"][0]["user_id"]
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        take(browser, address, reader)
        browser.close()


if __name__ == "__main__":
    main()
