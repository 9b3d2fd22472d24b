"""The rarer acts on a meter at the desk and over REST: only what the model can, only who may, the serial typed."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.test import Client
from django.utils import timezone

from apps.common.scoping import landlord_scope
from apps.meters.models import Command, Meter
from apps.readings.models import Reading
from tests.api.caller import Caller
from tests.people import Street

ComeIn = Callable[[Any], Client]


def _kinds(street: Street) -> list[str]:
    with landlord_scope(street.li.landlord.pk):
        return list(Command.objects.order_by("id").values_list("kind", flat=True))


def test_a_reset_at_the_desk_wants_the_serial_typed_and_is_the_owners(
    street: Street, at_desk: ComeIn
) -> None:
    page = f"/admin/meters/meter/{street.li.meter.pk}/energy-reset/"
    owner = at_desk(street.li.owner)
    form = {"reason": "the meter was exchanged", "key": "k1"}
    refused = owner.post(page, {**form, "confirm": "000000000000"})
    assert "confirm" in refused.context["form"].errors
    assert _kinds(street) == []
    assert at_desk(street.zhou).post(page, {**form, "confirm": street.li.meter.serial}).status_code == 403
    assert owner.post(page, {**form, "confirm": street.li.meter.serial}).status_code == 302
    assert _kinds(street) == ["RESET_ENERGY"]


def test_an_energy_reset_shows_the_total_that_will_be_cleared_and_no_other_act_does(
    street: Street, at_desk: ComeIn
) -> None:
    meter, now = street.li.meter, timezone.now()
    with landlord_scope(street.li.landlord.pk):
        Reading.objects.create(
            meter=meter,
            taken_at=now,
            received_at=now,
            source=Reading.Source.NETWORK,
            device_epoch=meter.device_epoch,
            total_kwh=Decimal("4812.37"),
            remaining_kwh=Decimal("30.00"),
        )
    owner, page = at_desk(street.li.owner), f"/admin/meters/meter/{meter.pk}"
    assert "4,812.37 kWh" in owner.get(f"{page}/energy-reset/").content.decode()
    assert "4,812.37 kWh" not in owner.get(f"{page}/lamp-on/").content.decode()


def test_a_meters_page_offers_what_its_model_can_and_what_is_not_so_already(
    street: Street, at_desk: ComeIn
) -> None:
    address = f"/admin/meters/meter/{street.li.meter.pk}/change/"

    def offered(user: Any) -> set[str]:
        return {link["href"].split("/")[-2] for link in at_desk(user).get(address).context["rare"]}

    resets = {"energy-reset", "purse"}
    assert offered(street.li.owner) == {"keep-power", "lamp-on", "clock", "account", *resets}
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.update(power_kept=True, lamp_on=True, account_opened=True)
    assert offered(street.zhou) == {"release-keep", "lamp-off", "clock"}
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.update(profile="ddsy-4g-write")
    assert offered(street.li.owner) == {"lamp-off", "clock", *resets}


def test_over_rest_each_act_is_one_command_and_a_refusal_says_why(street: Street) -> None:
    li, meter = Caller(street.li.owner), f"meters/{street.li.meter.pk}"
    kept = li.post(f"{meter}/keep-power", {"state": "on", "reason": "a freezer of medicine"}, key="k1")
    assert (kept.status, kept.body["kind"]) == (202, "KEEP_POWER")
    assert li.post(f"{meter}/alarm-lamp", {"state": "on"}).body["kind"] == "LAMP_ON"
    clock = li.post(f"{meter}/clock")
    assert li.post(f"{meter}/clock").body["id"] == clock.body["id"]
    opened = li.post(f"{meter}/account")
    assert (opened.status, opened.body["expires_at"]) == (202, None)
    body = {"confirm": street.li.meter.serial, "reason": "new tenants"}
    refused = li.post(f"{meter}/purse-initialisation", body)
    assert (refused.status, refused.body["code"]) == (409, "energy_on_its_way")
    assert _kinds(street) == ["KEEP_POWER", "LAMP_ON", "SET_CLOCK", "OPEN_ACCOUNT"]
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.update(power_kept=True, account_opened=True)
        Command.objects.update(state="DONE")
    off = li.post(f"{meter}/power", {"state": "off", "reason": "works"})
    assert (off.status, off.body["code"]) == (409, "power_kept")
    assert li.post(f"{meter}/account").body["code"] == "account_open"
