"""Every page of the desk on a phone: nothing goes sideways, every target is for a thumb, every control has a name."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.chromium import PHONE
from tests.desk.test_every_form_outlasts_a_session import address_of
from tests.desk.test_live_line import log_in
from tests.people import Street
from tests.routes import LANDLORDS_DESK
from tests.town import build_town

pytestmark = [pytest.mark.browser, pytest.mark.thorough]

# Visible controls of the page itself that say nothing to a screen reader.
_NAMELESS = """[...document.querySelectorAll("#main a, #main button, #main summary, #main input, #main select")]
    .filter((one) => one.offsetParent && one.type !== "hidden")
    .filter((one) => !(one.textContent.trim() || one.getAttribute("aria-label") || one.title || one.placeholder
        || (one.labels && one.labels.length) || one.querySelector("img[alt]")))
    .map((one) => one.outerHTML.slice(0, 160))"""

# What a thumb has to meet: the desk's own buttons, boxes and menus.
_SMALL = """[...document.querySelectorAll(".desk-button, .desk-menu a, .desk-count, .desk-box")]
    .map((one) => [one.textContent.trim().slice(0, 40), one.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0 && (box.height < 44 || box.width < 44))
    .map(([text, box]) => [text, Math.round(box.width), Math.round(box.height)])"""


def test_no_page_of_the_desk_goes_sideways_hides_a_name_or_misses_a_thumb(
    real_street: Street, live_server: Any, open_browser: Callable[..., Any]
) -> None:
    town = build_town(real_street)
    page = open_browser(viewport=PHONE)
    log_in(page, f"{live_server.url}/admin/login/?next=/admin/")
    seen, wrong = 0, []
    for route in LANDLORDS_DESK:
        here = address_of(route.path, real_street, town.values)
        if (
            route.method != "GET"
            or not here
            or "/log" in here
            or "/delete/" in here
            or "jsi18n" in here
            or "/live/" in here
        ):
            continue
        answer = page.goto(live_server.url + here)
        if answer.status != 200 or "text/html" not in answer.headers["content-type"]:
            continue
        seen += 1
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found = [
            *page.evaluate(_NAMELESS),
            *page.evaluate(_SMALL),
            *([f"{wide} px too wide"] if wide > 0 else []),
        ]
        wrong += [(here, each) for each in found]
    assert wrong == []
    assert seen > 40
