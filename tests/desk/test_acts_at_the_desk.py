"""What a form does, that it does it once, and that a refused one leaves nothing behind."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.accounts.models import AuditLine, IdempotentAnswer
from apps.common.scoping import landlord_scope
from apps.income.models import Entry, Recharge
from apps.meters.models import Command, Meter
from apps.tariffs.models import Price
from tests.desk import scene
from tests.income.lending import lent, switched_on
from tests.people import Street

ComeIn = Callable[[Any], Client]
CASH = {"kind": "CASH", "amount_yuan": "50.00", "reason": "at the door"}


@pytest.fixture
def li(street: Street, at_desk: ComeIn) -> Client:
    return at_desk(street.li.owner)


def at(street: Street, page: str) -> str:
    return f"/admin/meters/meter/{street.li.meter.pk}/{page}/"


def key_of(client: Client, address: str) -> str:
    return str(client.get(address).context["form"]["key"].value())


def counts(street: Street) -> tuple[int, ...]:
    with landlord_scope(street.li.landlord.pk):
        return tuple(
            model.objects.count() for model in (Recharge, Command, Entry, AuditLine, Price, IdempotentAnswer)
        )


def test_a_cash_recharge_becomes_one_recharge_with_its_command(li: Client, street: Street) -> None:
    answer = li.post(at(street, "recharge"), {**CASH, "key": key_of(li, at(street, "recharge"))})
    assert (answer.status_code, answer.headers["Location"]) == (302, at(street, "change"))
    with landlord_scope(street.li.landlord.pk):
        recharge = Recharge.objects.get()
        assert (recharge.amount_yuan, recharge.kind, recharge.made_by_id) == (
            Decimal("50.00"),
            "CASH",
            street.li.owner.pk,
        )
        assert recharge.command.energy_kwh == Decimal("76.92")
        assert AuditLine.objects.filter(act="meter.recharge").count() == 1


def test_the_same_form_sent_twice_recharges_once_and_says_so(li: Client, street: Street) -> None:
    sent = {**CASH, "key": key_of(li, at(street, "recharge"))}
    li.post(at(street, "recharge"), sent)
    again = li.post(at(street, "recharge"), sent, follow=True)
    assert "nothing was done twice" in again.content.decode()
    assert counts(street)[0] == 1


def test_two_forms_recharge_twice(li: Client, street: Street) -> None:
    for _turn in range(2):
        li.post(at(street, "recharge"), {**CASH, "key": key_of(li, at(street, "recharge"))})
    assert counts(street)[0] == 2


def test_a_form_without_its_key_does_nothing(li: Client, street: Street) -> None:
    before = counts(street)
    assert li.post(at(street, "recharge"), CASH).status_code == 400
    assert counts(street) == before


def test_two_submits_in_the_same_moment_recharge_once(real_street: Street, at_desk: ComeIn) -> None:
    address = at(real_street, "recharge")
    clients = [at_desk(real_street.li.owner) for _ in range(2)]
    sent, together = {**CASH, "key": key_of(clients[0], address)}, Barrier(2)

    def submit(client: Client) -> int:
        together.wait()
        try:
            return int(client.post(address, sent).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(submit, clients)) == [302, 302]
    assert counts(real_street)[0] == 1


@pytest.mark.parametrize("reason", ["", "   "])
@pytest.mark.parametrize("page", ["power-off", "power-on"])
def test_switching_without_a_reason_is_refused_at_the_field_and_writes_nothing(
    li: Client, street: Street, page: str, reason: str
) -> None:
    before = counts(street)
    answer = li.post(at(street, page), {"reason": reason, "key": "k"})
    assert answer.status_code == 400
    assert set(answer.context["form"].errors) == {"reason"}
    assert counts(street) == before
    with landlord_scope(street.li.landlord.pk):
        assert Meter.objects.get(pk=street.li.meter.pk).wish_version == 0


def test_switching_off_says_who_will_read_the_reason(li: Client, street: Street) -> None:
    form = li.get(at(street, "power-off")).content.decode()
    assert "The renter will see this." in form
    li.post(at(street, "power-off"), {"reason": "rewiring", "key": "k"})
    with landlord_scope(street.li.landlord.pk):
        command = Command.objects.get()
        assert (command.kind, command.reason) == ("POWER_OFF", "rewiring")
    assert "rewiring" in li.get(at(street, "change")).content.decode()


def test_switching_on_at_zero_asks_how_much_is_lent_and_lends_it_once(li: Client, street: Street) -> None:
    assert "grace_kwh" not in li.get(at(street, "power-on")).content.decode()
    with landlord_scope(street.li.landlord.pk):
        scene.read(street.li.meter, at=timezone.now(), total="10.00", remaining="0.00")
    assert "at most 5.00 kWh" in li.get(at(street, "power-on")).content.decode()
    before = counts(street)
    for wrong, words in (("", "Say how much you lend"), ("5.01", "at most 5.00 kWh, in steps of 0.01 kWh")):
        answer = li.post(at(street, "power-on"), {"reason": "please", "grace_kwh": wrong, "key": "k"})
        assert (answer.status_code, words in answer.content.decode()) == (400, True)
    assert counts(street) == before
    for _click in range(2):
        answer = li.post(at(street, "power-on"), {"reason": "please", "grace_kwh": "2.00", "key": "k"})
        assert answer.status_code == 302
    with landlord_scope(street.li.landlord.pk):
        assert [(row.kind, row.energy_kwh) for row in Command.objects.all()] == [("CREDIT", Decimal("2.00"))]
    page = li.get(at(street, "change")).content.decode()
    assert "Lent, and not repaid" in page
    assert "on its way to the meter" in page


def test_what_was_lent_is_owed_on_both_pages_and_settled_from_either(li: Client, street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        grace = lent(street.li)
    assert "owed; the next recharge repays it" in li.get(at(street, "change")).content.decode()
    of_lease = f"/admin/meters/lease/{street.li.lease.pk}"
    assert f"{of_lease}/grace/" in li.get(f"{of_lease}/change/").content.decode()
    answer = li.post(f"{of_lease}/grace/", {"how": "paid", "reason": "at the door", "key": "k"})
    assert answer.status_code == 302
    with landlord_scope(street.li.landlord.pk):
        grace.refresh_from_db()
        assert (grace.state, grace.paid_yuan) == ("PAID", Decimal("1.30"))
    assert "Lent, and not repaid" not in li.get(at(street, "change")).content.decode()
    assert "Nothing that was lent" in li.get(at(street, "grace")).content.decode()


def test_energy_on_its_way_at_zero_is_withdrawn_from_the_meters_page(li: Client, street: Street) -> None:
    withdraw = at(street, "grace-withdraw")
    with landlord_scope(street.li.landlord.pk):
        command = switched_on(street.li, now=timezone.now())
    assert withdraw in li.get(at(street, "change")).content.decode()
    said = li.post(withdraw, follow=True).content.decode()
    assert "Withdrawn: 2.00" in said
    assert withdraw not in said
    with landlord_scope(street.li.landlord.pk):
        assert Command.objects.get(pk=command.pk).state == "CANCELLED"
    assert "There is no such grace." in li.post(withdraw, follow=True).content.decode()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"amount_yuan": "0.00"}, "amount_yuan"),
        ({"amount_yuan": "-5.00"}, "amount_yuan"),
        ({"amount_yuan": "1.234"}, "amount_yuan"),
        ({"amount_yuan": "NaN"}, "amount_yuan"),
        ({"amount_yuan": "1e2"}, "amount_yuan"),
        ({"amount_yuan": "9" * 100}, "amount_yuan"),
        ({"amount_yuan": ""}, "amount_yuan"),
        ({"energy_kwh": "1.00"}, "amount_yuan"),
        ({"kind": "GIFT"}, "energy_kwh"),
        ({"kind": "PAYMENT"}, "kind"),
    ],
)
def test_a_wrong_recharge_is_refused_at_its_field_and_the_same_form_can_be_mended(
    li: Client, street: Street, change: dict[str, str], field: str
) -> None:
    before = counts(street)
    answer = li.post(at(street, "recharge"), {**CASH, **change, "key": "k"})
    assert field in answer.context["form"].errors
    assert counts(street) == before
    assert li.post(at(street, "recharge"), {**CASH, "key": "k"}).status_code == 302
    assert counts(street)[0] == before[0] + 1


def test_a_gift_is_energy_and_no_income(li: Client, street: Street) -> None:
    sent = {"kind": "GIFT", "energy_kwh": "5.00", "reason": "welcome", "key": "k"}
    li.post(at(street, "recharge"), sent)
    with landlord_scope(street.li.landlord.pk):
        assert Recharge.objects.get().energy_kwh == Decimal("5.00")
        assert not Entry.objects.filter(kind__startswith="paid_").exists()
    assert "0.00 yuan" in li.get("/admin/").content.decode()


def test_a_price_starts_when_it_says_and_never_in_the_past(li: Client, street: Street) -> None:
    past = {"price_yuan_per_kwh": "0.7000", "active_from": "2020-01-01T00:00", "key": "k"}
    assert "active_from" in li.post(at(street, "price"), past).context["form"].errors
    later = {"price_yuan_per_kwh": "0.7000", "active_from": "2090-01-01T00:00", "key": "k"}
    assert li.post(at(street, "price"), later).status_code == 302
    with landlord_scope(street.li.landlord.pk):
        price = Price.objects.filter(meter=street.li.meter).latest("active_from")
        assert price.active_from.isoformat() == "2089-12-31T16:00:00+00:00"
    assert (
        "price_yuan_per_kwh"
        in li.post(at(street, "price"), {"price_yuan_per_kwh": "0", "key": "k2"}).context["form"].errors
    )


def test_todays_income_is_what_the_books_say_by_channel(li: Client, street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        scene.cash(street.li, street.li.meter, "50.00", reason="a", now=timezone.now())
        scene.cash(street.li, street.li.meter, "20.00", reason="b", now=timezone.now())
    with landlord_scope(street.wang.landlord.pk):
        scene.cash(street.wang, street.wang.meter, "999.00", reason="c", now=timezone.now())
    today, month = li.get("/admin/").context["income"]
    assert (today["total"], today["channels"]) == ("70.00 yuan", [("Cash", "70.00 yuan")])
    assert month["total"] == "70.00 yuan"


def test_nothing_done_at_the_desk_writes_djangos_log(li: Client, street: Street) -> None:
    li.post(at(street, "recharge"), {**CASH, "key": "k1"})
    li.post(at(street, "power-off"), {"reason": "x", "key": "k2"})
    li.post(at(street, "price"), {"price_yuan_per_kwh": "0.7000", "key": "k3"})
    li.post(at(street, "read"))
    room = {"site": str(street.li.room.site_id), "building": "3", "floor": "", "name": "401"}
    li.post("/admin/meters/room/add/", room)
    li.post(f"/admin/meters/room/{street.li.room.pk}/change/", {**room, "name": "302b"})
    li.post("/admin/meters/site/add/", {"name": "New Court", "kind": "CAMPUS"})
    li.post("/admin/meters/meter/", {"action": "read_now", "_selected_action": [str(street.li.meter.pk)]})
    assert LogEntry.objects.count() == 0
    with landlord_scope(street.li.landlord.pk):
        done = set(AuditLine.objects.values_list("act", flat=True))
    assert {"meter.recharge", "meter.power_off", "price.set", "room.add", "room.change", "site.add"} <= done
    history = li.get(at(street, "history")).content.decode()
    assert "Recharged by hand" in history
    assert "Asked to switch off" in history


def test_a_form_from_another_site_is_refused(street: Street) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(street.li.owner)
    assert client.post(at(street, "recharge"), {**CASH, "key": "k"}).status_code == 403
    assert counts(street)[0] == 0


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"price_yuan_per_kwh": "0"}, "price_yuan_per_kwh", "The price must be more than 0 yuan/kWh."),
        ({"price_yuan_per_kwh": "-0.65"}, "price_yuan_per_kwh", "The price must be more than 0 yuan/kWh."),
        (
            {"price_yuan_per_kwh": "0.65001"},
            "price_yuan_per_kwh",
            "The price has at most four decimals, like 0.6500.",
        ),
        ({"price_yuan_per_kwh": "cheap"}, "price_yuan_per_kwh", "The price is a number, like 0.6500."),
        ({"price_yuan_per_kwh": ""}, "price_yuan_per_kwh", "Say the price, like 0.6500."),
        (
            {"active_from": "2020-01-01T00:00"},
            "active_from",
            "A price cannot start in the past; leave the start empty for now.",
        ),
    ],
)
def test_a_wrong_price_is_one_sentence_at_its_field_and_sets_nothing(
    li: Client, street: Street, change: dict[str, str], field: str, said: str
) -> None:
    before = counts(street)
    answer = li.post(at(street, "price"), {"price_yuan_per_kwh": "0.7000", "key": "k", **change})
    assert dict(answer.context["form"].errors) == {field: [said]}
    assert counts(street) == before


def test_two_members_who_set_a_price_for_the_same_start_set_one(real_street: Street, at_desk: ComeIn) -> None:
    address, together = at(real_street, "price"), Barrier(2)
    clients = [at_desk(user) for user in (real_street.li.owner, real_street.zhou)]

    def submit(client: Client) -> str:
        together.wait()
        try:
            sent = {"price_yuan_per_kwh": "0.7200", "active_from": "2090-12-01T00:00", "key": "k"}
            return str(client.post(address, sent, follow=True).content.decode())
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(submit, clients))
    assert [
        "Another price starts at that very moment; choose another start." in page for page in pages
    ].count(True) == 1
    with landlord_scope(real_street.li.landlord.pk):
        assert Price.objects.filter(meter=real_street.li.meter, active_from__year__gt=2080).count() == 1


def test_two_members_who_switch_at_once_leave_two_wishes_one_newer_than_the_other(
    real_street: Street, at_desk: ComeIn
) -> None:
    together = Barrier(2)

    def submit(who: Any, page: str) -> int:
        client = at_desk(who)
        together.wait()
        try:
            return int(client.post(at(real_street, page), {"reason": "works", "key": "k"}).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        owner = pool.submit(submit, real_street.li.owner, "power-off")
        zhou = pool.submit(submit, real_street.zhou, "power-on")
        assert [owner.result(), zhou.result()] == [302, 302]
    with landlord_scope(real_street.li.landlord.pk):
        meter = Meter.objects.get(pk=real_street.li.meter.pk)
        wishes = Command.objects.filter(kind__startswith="POWER").order_by("wish_version")
        assert [wish.wish_version for wish in wishes] == [1, 2]
        assert meter.wish_version == 2
