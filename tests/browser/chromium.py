"""A real Chromium for tests: where it is, how it is started, what a phone looks like to it."""

import asyncio
import inspect
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

REQUIRED = "RENTMETER_REQUIRE_BROWSER"

# Without these a browser looks for hosts of its maker at every start, and a closed network refuses them.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

LONGEST_CALL_S = 60

PHONE = {"width": 375, "height": 667}
DESK = {"width": 1280, "height": 800}
WECHAT_AGENT = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130 Mobile MicroMessenger/8.0.50"
ALIPAY_AGENT = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130 Mobile AlipayClient/10.6"

# Counts in `sessionStorage.taps` how often a finger touched the pages of one tab; it outlasts a change of page.
COUNT_TAPS = """addEventListener("pointerdown", () => {
    sessionStorage.taps = Number(sessionStorage.taps || 0) + 1;
}, true);"""


def find_chromium() -> str | None:
    """Return the path of an installed Chromium, or None."""
    named = os.environ.get("CHROMIUM")
    places = (named, "chromium", "chromium-browser", "google-chrome")
    return next((path for place in places if place and (path := shutil.which(place))), None)


def until(page: Any, expression: str, patience_s: float = 10.0) -> None:
    """Wait until `expression` is true in the page; playwright's own wait evaluates text, which a policy forbids."""
    end = time.monotonic() + patience_s
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never true: {expression}"
        page.wait_for_timeout(50)


def missing(why: str) -> None:
    """Skip loudly, or fail where a browser is required."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{REQUIRED}=1, but {why}")
    pytest.skip(f"NOT RUN: {why}; set {REQUIRED}=1 to make this a failure")


class Remote:
    """Something of playwright's that lives in the browser's own thread, used here as if it were synchronous.

    Playwright's synchronous form keeps an event loop running in the test's thread, and Django then takes the
    test for asynchronous code and gives it other database connections. Here the test's thread stays plain.
    """

    def __init__(self, thing: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._thing, self._loop = thing, loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._thing, name)
        if not callable(value):
            return self._here(value)

        def call(*args: Any, **kwargs: Any) -> Any:
            plain = [arg._thing if isinstance(arg, Remote) else arg for arg in args]
            asked = asyncio.run_coroutine_threadsafe(_called(value, plain, kwargs), self._loop)
            return self._here(asked.result(LONGEST_CALL_S))

        return call

    def _here(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._here(one) for one in value]
        is_playwrights = type(value).__module__.startswith("playwright")
        return Remote(value, self._loop) if is_playwrights else value


async def _called(function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    result = function(*args, **kwargs)
    return await result if inspect.isawaitable(result) else result


@contextmanager
def running_chromium() -> Iterator[Any]:
    """A headless Chromium for the length of the block; skips or fails where there is none."""
    path = find_chromium()
    if path is None:
        missing("no Chromium was found (Debian's package chromium, or its path in CHROMIUM)")
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        missing("playwright is not installed (requirements/dev.txt)")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="browser", daemon=True)
    thread.start()
    starter = Remote(async_playwright(), loop)
    try:
        playwright = starter.start()
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
            playwright.stop()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
