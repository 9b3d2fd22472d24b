"""From the amount to Alipay's own page and back, in a phone's browser, by two touches."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.chromium import until
from tests.browser.test_renter_page import address, li
from tests.landing.conftest import now, sandbox
from tests.landing.test_paying_on_alipays_page import PHONE_AGENT

__all__ = ["address", "li", "now", "sandbox"]

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


def test_alipays_page_comes_by_itself_and_leads_back_to_the_order(
    open_browser: Callable[..., Any], address: str
) -> None:
    page = open_browser(user_agent=PHONE_AGENT)
    page.goto(f"{address}?login=done")
    page.click("button.alipay")
    page.wait_for_url("**/cashier/**")
    page.click("button.alipay")
    page.click("a.button")
    page.wait_for_url("**/orders/*")
    until(page, "document.querySelector('.steps') !== null")
    # Going back to the order later does not send her to Alipay again.
    page.reload()
    assert "/orders/" in page.url
