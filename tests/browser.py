"""A chromium that opens pages for tests; what it complains of and asks for is recorded.

with browser.opened(width=420) as seen:
    seen.page.goto(path.as_uri())
    seen.page.get_by_role("slider").first.press("ArrowRight")
assert not seen.errors and not seen.outside

Debian's chromium is driven by Playwright; without either, the test is skipped and says why. The
browser ends with the block: while it runs, its thread has an event loop, which asyncio refuses to
share.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
FLAGS = ("--no-sandbox", "--disable-gpu", "--hide-scrollbars")


@dataclass(frozen=True)
class Seen:
    """Hold a page of Playwright, with the errors of its console and the URLs of other hosts."""

    page: Any
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def record_request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in LOOPBACK:
            self.outside.append(url)


@contextmanager
def opened(width: int = 1200, height: int = 900, **context: Any) -> Iterator[Seen]:
    """Open an empty page of that size in CSS pixels.

    `context` goes to Playwright: `java_script_enabled=False`, `has_touch=True`,
    `color_scheme="dark"`, `reduced_motion="reduce"`, `accept_downloads=True`.
    """
    api = pytest.importorskip("playwright.sync_api", reason="no browser: playwright is missing")
    with api.sync_playwright() as playwright:
        path = _chromium(playwright.chromium.executable_path)
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            size = {"width": width, "height": height}
            page = chromium.new_context(viewport=size, **context).new_page()
            seen = Seen(page)
            page.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
            page.on("pageerror", lambda error: seen.errors.append(str(error)))
            page.on("request", lambda request: seen.record_request(request.url))
            page.on("websocket", lambda socket: seen.record_request(socket.url))
            yield seen
        finally:
            chromium.close()


def _chromium(own: str) -> str:
    """Find Debian's chromium or its likes, else the one that Playwright installed at `own`."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    if not Path(own).exists():
        pytest.skip("no browser: chromium is missing (apt-get install chromium)")
    return own
