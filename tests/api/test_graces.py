"""On at zero by REST: the amount is named, owed, quoted with the next order, and nobody else's when the lease ends."""

from decimal import Decimal

from django.utils import timezone

from apps.common.scoping import landlord_scope
from apps.income.services.graces import end_grace
from tests.api.caller import Caller
from tests.income.lending import lent, prove
from tests.landing import scene
from tests.people import Street


def test_on_at_zero_lends_what_is_named_and_all_sides_are_told(paying_street: Street) -> None:
    li, now = paying_street.li, timezone.now()
    owner, meter, page = Caller(li.owner), f"meters/{li.meter.pk}", f"q/{li.meter.qr_token}"
    scene.read(li, at=now, remaining="0.00")
    on = {"state": "on", "reason": "please"}
    refused = owner.post(f"{meter}/power", on)
    assert (refused.status, refused.body["code"], list(refused.body["fields"])) == (
        409,
        "zero_balance",
        ["grace_kwh"],
    )
    for wrong in ("0", "5.01", "1e1"):
        answer = owner.post(f"{meter}/power", {**on, "grace_kwh": wrong})
        assert (answer.status, list(answer.body["fields"])) == (400, ["grace_kwh"])
    off = owner.post(f"{meter}/power", {"state": "off", "reason": "works", "grace_kwh": "1.00"})
    assert (off.status, off.body["code"]) == (400, "grace_invalid")
    made = owner.post(f"{meter}/power", {**on, "grace_kwh": "2.00"}, key="k1")
    assert (made.status, made.body["kind"], made.body["energy_kwh"]) == (202, "CREDIT", "2.00")
    assert owner.post(f"{meter}/power", {**on, "grace_kwh": "2.00"}, key="k1").body == made.body
    again = owner.post(f"{meter}/power", {**on, "grace_kwh": "2.00"})
    assert (again.status, again.body["code"]) == (409, "grace_open")
    assert owner.get(meter).body["owed_kwh"] == "0.00"
    assert Caller().get(page).body["lent"]["state"] == "GIVEN"
    with landlord_scope(li.landlord.pk):
        prove(made.body["id"], now=now)

    assert owner.get(meter).body["owed_kwh"] == "2.00"
    [row] = owner.get(f"{meter}/graces").body["results"]
    told = {name: row[name] for name in ("state", "energy_kwh", "worth_yuan", "lease", "reason", "made_by")}
    assert told == {
        "state": "OWED",
        "energy_kwh": "2.00",
        "worth_yuan": "1.300000",
        "lease": str(li.lease.pk),
        "reason": "please",
        "made_by": "Li",
    }
    shown = Caller().get(page).body
    assert (shown["lent"]["state"], shown["lent"]["energy_kwh"]) == ("OWED", "2.00")
    order = Caller().post(f"{page}/orders", {"amount_yuan": "50.00", "channel": "wechat"}).body
    quote = order["quote"]
    assert (quote["energy_kwh"], quote["repays"]["energy_kwh"]) == ("76.92", "2.00")
    assert Caller().get(f"orders/{order['no']}").body["repays"] == quote["repays"]


def test_a_debt_stays_with_the_lease_that_made_it(street: Street) -> None:
    li, now = street.li, timezone.now()
    owner = Caller(li.owner)
    with landlord_scope(li.landlord.pk):
        grace = lent(li, now=now)
    left = owner.post(f"leases/{li.lease.pk}/end").body
    assert (left["owed_kwh"], left["owed_yuan"]) == ("2.00", "1.300000")
    body = {"meter": str(li.meter.pk), "renter_name": "Sun", "renter_phone": "13900000009"}
    assert owner.post("leases", body).status == 201
    assert Caller().get(f"q/{li.meter.qr_token}").body["lent"] is None
    assert li.renter.user is not None
    [hers] = Caller(li.renter.user).get("my/meters").body["results"]
    assert hers["lent"]["energy_kwh"] == "2.00", "who owes it still sees it"
    end = {"how": "forgiven", "reason": "moved out"}
    assert Caller(street.wang.owner).post(f"graces/{grace.pk}/end", end).status == 404
    assert owner.post(f"graces/{grace.pk}/end", end).body["state"] == "FORGIVEN"
    with landlord_scope(li.landlord.pk):
        again = end_grace(grace_id=grace.pk, was_paid=False, reason="x", by_id=li.owner.pk, now=now)
        assert (again.ended_reason, again.paid_yuan) == ("moved out", Decimal(0))
