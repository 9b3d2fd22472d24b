"""Pages in a real browser, against a real server, as a person sees them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.chromium import PHONE


@pytest.fixture
def open_browser(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a page in a fresh profile; an error in its console fails the test.

    Its options are playwright's for a context: `viewport`, `locale`, `color_scheme`, `user_agent`.
    """
    contexts: list[Any] = []
    complaints: list[str] = []

    def start(**options: Any) -> Any:
        wishes: dict[str, Any] = {"viewport": PHONE, "locale": "en", "timezone_id": "Asia/Shanghai"}
        context = chromium.new_context(**(wishes | options))
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _is_ours(said) else None)
        return page

    yield start
    for context in contexts:
        context.close()
    assert complaints == []


def _is_ours(said: Any) -> bool:
    """An error of a script or a policy; an answer like 404 is the server's business and its tests'."""
    return said.type == "error" and not said.text.startswith("Failed to load resource")
