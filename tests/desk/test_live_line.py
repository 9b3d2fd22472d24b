"""In a real browser: an open command's line goes on by itself, and a form leaves once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.common.scoping import landlord_scope
from apps.income.models import Payment, Recharge
from apps.meters.models import Command, CommandEvent
from tests.browser.conftest import open_browser  # noqa: F401
from tests.desk import scene
from tests.desk.test_refunds_at_the_desk import paid
from tests.people import PASSWORD, Street

pytestmark = pytest.mark.browser


def log_in(page: Any, address: str) -> None:
    page.goto(address)
    page.fill("input[name=username]", "13800000001")
    page.fill("input[name=password]", PASSWORD)
    page.click("#login-form button[type=submit]")
    page.wait_for_selector("#nav-sidebar", state="attached")


def test_a_commands_line_goes_on_without_a_reload(
    real_street: Street,
    live_server: Any,
    open_browser: Callable[..., Any],  # noqa: F811
) -> None:
    house, now = real_street.li, timezone.now()
    with landlord_scope(house.landlord.pk):
        command = scene.command(house.meter, kind="READ", steps=[("SENT", 1, "asked the meter")], now=now)
        Command.objects.filter(pk=command.pk).update(requested_by=house.owner)
    page = open_browser()
    log_in(page, f"{live_server.url}/admin/login/?next=/admin/meters/meter/{house.meter.pk}/change/")
    page.wait_for_selector("text=waiting for the meter's answer")
    page.evaluate("window.sameDocument = true")
    with landlord_scope(house.landlord.pk):
        done_at = now + timedelta(seconds=2)
        scene.read(house.meter, at=done_at, total="1520.25", remaining="7.77")
        Command.objects.filter(pk=command.pk).update(state="DONE", final_at=done_at)
        CommandEvent.objects.create(command=command, at=done_at, state="DONE", note="read")
    page.wait_for_selector("text=Done by the meter")
    page.wait_for_selector("text=7.77 kWh")
    assert page.evaluate("window.sameDocument") is True


@pytest.mark.thorough
def test_a_payment_that_is_being_credited_shows_by_itself_what_became_of_it(
    real_street: Street,
    live_server: Any,
    open_browser: Callable[..., Any],  # noqa: F811
) -> None:
    house, now = real_street.li, timezone.now()
    payment = paid(house, arrived="40.00")
    with landlord_scope(house.landlord.pk):
        Payment.objects.filter(pk=payment.pk).update(poll_at=now)
    page = open_browser()
    log_in(page, f"{live_server.url}/admin/login/?next=/admin/income/payment/{payment.pk}/change/")
    page.wait_for_selector("text=This page shows by itself what comes of it.")
    page.evaluate("window.sameDocument = true")
    with landlord_scope(house.landlord.pk):
        Payment.objects.filter(pk=payment.pk).update(poll_at=None, credit_answer="the platform says nothing")
    page.wait_for_selector("text=Asked anew, and not credited")
    assert page.evaluate("window.sameDocument") is True
    assert page.evaluate("'follow' in document.getElementById('desk-follow').dataset") is False


def test_a_form_clicked_twice_leaves_once(
    real_street: Street,
    live_server: Any,
    open_browser: Callable[..., Any],  # noqa: F811
) -> None:
    house = real_street.li
    page = open_browser()
    log_in(page, f"{live_server.url}/admin/login/?next=/admin/meters/meter/{house.meter.pk}/recharge/")
    page.fill("input[name=amount_yuan]", "50.00")
    page.fill("input[name=reason]", "at the door")
    page.dblclick("form[data-once] button[type=submit]")
    page.wait_for_selector("#desk-live")
    with landlord_scope(house.landlord.pk):
        assert Recharge.objects.count() == 1
