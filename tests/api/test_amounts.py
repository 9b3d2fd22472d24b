"""What is no amount is refused at its field at every door that takes money, and leaves nothing behind."""

from typing import Any

import pytest
from django.test import Client

from apps.common.scoping import landlord_scope
from apps.income.models import Order, Recharge, Refund
from tests.api.caller import Caller
from tests.income.scene import scene_of
from tests.people import Street

NO_AMOUNTS = ("0", "-1", "1e2", "NaN", "1.005", "9" * 100, "", " 50", "٥٠", "0x10", 50, 50.5, None, [], {})

pytestmark = pytest.mark.usefixtures("quiet_doorbells")


def _refused_at_amount(answer: Any) -> None:
    assert (answer.status, list(answer.body["fields"])) in ((400, ["amount_yuan"]), (422, ["amount_yuan"]))
    assert answer.body["detail"]


def test_no_such_amount_becomes_an_order_a_cash_recharge_or_a_refund(
    paying_street: Street, sandbox: str
) -> None:
    li = paying_street.li
    payment = scene_of(li, sandbox).paid()
    owner = Caller(li.owner)
    for amount in NO_AMOUNTS:
        order = {"amount_yuan": amount, "channel": "wechat"}
        _refused_at_amount(Caller().post(f"q/{li.meter.qr_token}/orders", order))
        cash = {"amount_yuan": amount, "kind": "cash", "reason": "at the door"}
        _refused_at_amount(owner.post(f"meters/{li.meter.pk}/recharges", cash))
        back = {"amount_yuan": amount, "reason": "x"}
        _refused_at_amount(owner.post(f"payments/{payment.pk}/refunds", back))
    for amount in ("0", "-1", "1e2", "NaN", "1.005", "9" * 100):
        typed = {"amount": "other", "other": amount, "channel": "wechat", "key": "k"}
        page = Client().post(f"/q/{li.meter.qr_token}/orders", typed)
        assert (page.status_code, 'role="alert"' in page.content.decode()) == (400, True)
    with landlord_scope(li.landlord.pk):
        assert (Order.objects.count(), Recharge.objects.count(), Refund.objects.count()) == (1, 1, 0)
