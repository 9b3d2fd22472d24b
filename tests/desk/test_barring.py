"""A device that was lost, stolen or broken is barred: it serves nobody until it is allowed again."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from apps.common.errors import Refused
from apps.common.scoping import everything, landlord_scope
from apps.meters.models import Meter, Presence, StockedMeter, StockEvent
from apps.meters.services import claiming, presence, registry, stocking
from tests.api.at_once import at_once
from tests.people import House, Street

WHY = "lost on the way"


class Post:
    """A post that keeps who was let in, who was not, and which serials may call."""

    def __init__(self) -> None:
        self.granted: list[UUID] = []
        self.refused: list[UUID] = []
        self.known: set[str] = set()

    def ask(self, serial: str, letter: Any) -> None:
        raise AssertionError("nobody asked for a letter")

    def grant(self, gateway: str, serial: str, session: UUID, epoch: int) -> None:
        self.granted.append(session)

    def refuse(self, gateway: str, serial: str, session: UUID, reason: str) -> None:
        self.refused.append(session)

    def publish_serials(self, serials: dict[str, dict[str, Any]], *, version: str) -> None:
        self.known = set(serials)


@pytest.fixture
def ops(street: Street, at_desk: Callable[[Any], Client]) -> Client:
    return at_desk(street.operator)


@pytest.fixture
def device(street: Street, now: datetime) -> StockedMeter:
    return registry.stock_meter(serial="000000219998", profile="ddsy-4g", now=now)


def page_of(device: StockedMeter, act: str = "change") -> str:
    return f"/ops/meters/stockedmeter/{device.pk}/{act}/"


def bar(ops: Client, device: StockedMeter) -> Any:
    return ops.post(page_of(device, "bar"), {"reason": WHY}, follow=True)


def acts(device: StockedMeter) -> list[tuple[str, Any, str]]:
    rows = StockEvent.objects.filter(stocked=device).exclude(act="TAKEN_IN").order_by("id")
    return [(row.act, row.by, row.reason) for row in rows]


def log_in(post: Post, device: StockedMeter, now: datetime) -> UUID:
    session = uuid4()
    login = {"serial": device.serial, "session": str(session)}
    presence.grant_logins(post=post, gateway="gw1-a", logins=[login], now=now)
    return session


def claim(house: House, stocked: StockedMeter, now: datetime) -> Meter:
    with landlord_scope(house.landlord.pk):
        return claiming.claim_meter(stocked=stocked, room=house.room, by_id=house.owner.pk, now=now)


def test_the_operator_bars_it_with_a_reason_and_allows_it_again(
    ops: Client, device: StockedMeter, street: Street
) -> None:
    silent = ops.post(page_of(device, "bar"), {"reason": "  "})
    assert silent.status_code == 422
    assert acts(device) == []
    shown = bar(ops, device).content.decode()
    assert "The device is barred." in shown
    assert f"taken out of service: {WHY}" in shown
    assert "Allow again" in shown
    ops.post(page_of(device, "allow"))
    assert acts(device) == [("BARRED", street.operator, WHY), ("ALLOWED", street.operator, "")]
    assert page_of(device, "bar") in ops.get(page_of(device)).content.decode()


def test_a_second_click_writes_no_second_line(ops: Client, device: StockedMeter) -> None:
    bar(ops, device)
    since = StockedMeter.objects.get(pk=device.pk).barred_at
    assert "The device was barred already." in bar(ops, device).content.decode()
    assert StockedMeter.objects.get(pk=device.pk).barred_at == since
    for _click in range(2):
        ops.post(page_of(device, "allow"))
    assert [act for act, _by, _why in acts(device)] == ["BARRED", "ALLOWED"]


def test_it_can_no_longer_log_in_and_its_present_session_ends(
    ops: Client, device: StockedMeter, now: datetime
) -> None:
    post = Post()
    presence.gateway_said_hello(gateway="gw1-a", node="gw1", stream="s", now=now)
    before = log_in(post, device, now)
    bar(ops, device)
    assert not Presence.objects.get(serial=device.serial).is_online
    later = datetime.fromisoformat("2099-01-01T00:00+00:00")
    seen = {"serial": device.serial, "session": str(before), "epoch": 1, "at": later.isoformat()}
    presence.meters_were_seen(post=post, gateway="gw1-a", seen=[seen], now=later)
    after = log_in(post, device, later)
    assert (post.granted, post.refused) == ([before], [before, after])
    presence.publish_serial_map(post=post, now=later)  # type: ignore[arg-type]
    assert device.serial not in post.known
    ops.post(page_of(device, "allow"))
    assert post.granted == [before]
    again = log_in(post, device, later)
    assert post.granted == [before, again]


def test_nobody_can_claim_it_also_who_was_about_to(
    ops: Client, device: StockedMeter, street: Street, now: datetime
) -> None:
    code = claiming.set_claim_code(stocked=device, now=now)
    card = {"qr_token": device.qr_token, "serial": "", "claim_code": code, "now": now}
    checked = claiming.find_claimable(**card)
    bar(ops, device)
    with pytest.raises(claiming.ClaimRefused):
        claiming.find_claimable(**card)
    with pytest.raises(claiming.ClaimRefused):
        claim(street.li, checked, now)
    ops.post(page_of(device, "allow"))
    assert claim(street.li, claiming.find_claimable(**card), now).serial == device.serial


@pytest.mark.parametrize("address", ["/q/{}", "/join/claim?token={}"])
def test_who_scans_its_code_reads_that_it_is_out_of_service(
    ops: Client, device: StockedMeter, street: Street, at_desk: Callable[[Any], Client], address: str
) -> None:
    bar(ops, device)
    answer = at_desk(street.li.owner).get(address.format(device.qr_token))
    assert answer.status_code == 404
    assert "This meter is out of service. Nobody can add it or pay for it." in answer.content.decode()
    assert "claim_code" not in answer.content.decode()
    rest = Client(headers={"accept-language": "en"}).get(f"/api/v1/q/{device.qr_token}")
    assert (rest.status_code, rest.json()["code"]) == (404, "not_found")


def test_a_landlords_meter_is_not_barred_and_the_operator_is_told_what_to_do(
    ops: Client, street: Street, now: datetime
) -> None:
    hers = StockedMeter.objects.get(serial=street.li.meter.serial)
    said = "Li Rooms has this meter in use. Ask them to remove it at their desk"
    assert said in ops.get(page_of(hers)).content.decode()
    answer = bar(ops, hers)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert WHY in answer.content.decode()
    assert StockedMeter.objects.get(pk=hers.pk).barred_at is None
    assert acts(hers) == []
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.filter(pk=street.li.meter.pk).update(archived_at=now)
    with everything("the operator's desk"):
        assert stocking.bar_device(stocked=hers, reason=WHY, by_id=street.operator.pk, now=now)


def test_of_a_claim_and_a_bar_at_the_same_moment_one_holds(real_street: Street, now: datetime) -> None:
    boxes = [registry.stock_meter(serial=f"00000021999{n}", profile="ddsy-4g", now=now) for n in range(2, 6)]

    def bar_it(box: StockedMeter) -> str:
        with everything("the operator's desk"):
            stocking.bar_device(stocked=box, reason=WHY, by_id=real_street.operator.pk, now=now)
        return "barred"

    def tried(act: Callable[[], Any]) -> str:
        try:
            return str(act() and "done")
        except Refused as refusal:
            return refusal.code

    for box in boxes:
        acts_at_once = [lambda box=box: bar_it(box), lambda box=box: claim(real_street.li, box, now)]
        told = at_once([lambda act=act: tried(act) for act in acts_at_once])
        with everything("who has it"):
            is_claimed = Meter.objects.filter(serial=box.serial).exists()
        is_barred = StockedMeter.objects.get(pk=box.pk).barred_at is not None
        assert (is_barred, is_claimed, *told) in [
            (True, False, "done", "claim_refused"),
            (False, True, "device_claimed", "done"),
        ]
