"""Writes of members: done once per key, refused in one shape, amounts as plain text only."""

import threading
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import AuditLine, IdempotentAnswer, Landlord
from apps.common.scoping import landlord_scope
from apps.income.models import Recharge
from apps.meters.models import Command
from apps.tariffs.models import Price
from tests.api.caller import Answer, Caller
from tests.people import Street

CASH = {"kind": "cash", "amount_yuan": "50.00", "reason": "at the door"}


def _count(street: Street, model: Any) -> int:
    with landlord_scope(street.li.landlord.pk):
        return int(model.objects.count())


def test_the_same_key_and_body_is_done_once_and_answers_the_same(street: Street) -> None:
    li, path = Caller(street.li.owner), f"meters/{street.li.meter.pk}/recharges"
    first = li.post(path, CASH, key="k1")
    again = li.post(path, {"reason": "at the door", "kind": "cash", "amount_yuan": "50.00"}, key="k1")
    assert first.status == again.status == 202
    assert first.body == again.body
    assert _count(street, Recharge) == 1


def test_the_same_key_with_another_body_is_refused_and_changes_nothing(street: Street) -> None:
    li, path = Caller(street.li.owner), f"meters/{street.li.meter.pk}/recharges"
    li.post(path, CASH, key="k1")
    other = li.post(path, {**CASH, "amount_yuan": "60.00"}, key="k1")
    assert (other.status, other.body["code"]) == (422, "idempotency_mismatch")
    elsewhere = li.post(f"meters/{street.li.vacant_meter.pk}/recharges", CASH, key="k1")
    assert (elsewhere.status, elsewhere.body["code"]) == (422, "idempotency_mismatch")
    assert _count(street, Recharge) == 1


def test_a_key_belongs_to_its_member_and_to_its_landlord(street: Street) -> None:
    path = f"meters/{street.li.meter.pk}/recharges"
    assert Caller(street.li.owner).post(path, CASH, key="k1").status == 202
    assert Caller(street.zhou).post(path, {**CASH, "amount_yuan": "60.00"}, key="k1").status == 202
    wang = Caller(street.wang.owner).post(f"meters/{street.wang.meter.pk}/recharges", CASH, key="k1")
    assert wang.status == 202
    assert _count(street, Recharge) == 2


def test_a_refused_write_keeps_nothing_and_leaves_the_key_free(street: Street) -> None:
    li, path = Caller(street.li.owner), f"meters/{street.li.meter.pk}/power"
    assert li.post(path, {"state": "off", "reason": " "}, key="k1").status == 400
    assert _count(street, IdempotentAnswer) == 0
    assert li.post(path, {"state": "off", "reason": "works"}, key="k1").status == 202


def test_a_key_that_is_too_long_is_named(street: Street) -> None:
    answer = Caller(street.li.owner).post(f"meters/{street.li.meter.pk}/read", key="k" * 256)
    assert (answer.status, list(answer.body["fields"])) == (400, ["Idempotency-Key"])


def test_one_key_from_ten_threads_at_once_is_done_once(real_street: Street) -> None:
    path = f"meters/{real_street.li.meter.pk}/recharges"
    callers = [Caller(real_street.li.owner) for _ in range(10)]
    answers: list[Answer] = []
    ready = threading.Barrier(len(callers))

    def ask(caller: Caller) -> None:
        ready.wait()
        try:
            answers.append(caller.post(path, CASH, key="k1"))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [202] * 10
    assert len({answer.body["id"] for answer in answers}) == 1
    assert _count(real_street, Recharge) == 1


BAD_AMOUNTS = ["1e2", "NaN", "Infinity", "-1", "+1", "1.005", "0.00", "", " 1", "1,5", "１", ".5", "5.", 50, 50.5,
               True, None, [], "1" * 40]  # fmt: skip


@pytest.mark.parametrize("amount", BAD_AMOUNTS, ids=repr)
def test_an_amount_that_is_not_plain_text_is_refused_by_name_everywhere(street: Street, amount: Any) -> None:
    li, meter = Caller(street.li.owner), street.li.meter
    asked = {
        f"meters/{meter.pk}/recharges": [
            {"kind": "cash", "amount_yuan": amount, "reason": "r"},
            {"kind": "gift", "energy_kwh": amount, "reason": "r"},
        ],
        f"q/{meter.qr_token}/orders": [{"amount_yuan": amount, "channel": "wechat"}],
    }
    for path, bodies in asked.items():
        for body in bodies:
            named = next(name for name in body if name in ("amount_yuan", "energy_kwh"))
            answer = li.post(path, body)
            assert (answer.status, answer.body["code"]) == (400, "invalid"), (path, answer.body)
            assert list(answer.body["fields"]) == [named]
    change = li.patch("landlord", {"minimum_recharge_yuan": amount})
    assert (change.status, list(change.body["fields"])) == (400, ["minimum_recharge_yuan"])
    assert _count(street, Recharge) == 0


@pytest.mark.parametrize("price", ["0.0000", "0.65001", "100.0000", "-0.65", "6.5e-1", 0.65, "NaN"], ids=repr)
def test_a_price_that_is_none_is_refused_by_name(street: Street, price: Any) -> None:
    answer = Caller(street.li.owner).post(
        f"meters/{street.li.meter.pk}/prices", {"price_yuan_per_kwh": price}
    )
    assert (answer.status, list(answer.body["fields"])) == (400, ["price_yuan_per_kwh"])


def test_a_price_holds_from_its_moment_and_no_two_start_together(street: Street) -> None:
    li, path = Caller(street.li.owner), f"meters/{street.li.meter.pk}/prices"
    new = {"price_yuan_per_kwh": "0.7", "active_from": "2026-12-01T00:00:00+08:00"}
    made = li.post(path, new)
    assert made.status == 201
    assert made.body["price_yuan_per_kwh"] == "0.7000"
    again = li.post(path, {**new, "price_yuan_per_kwh": "0.8000"})
    assert (again.status, again.body["code"]) == (409, "price_exists")
    assert _count(street, Price) == 3


def test_cash_by_amount_says_what_it_buys_and_what_is_carried(street: Street) -> None:
    made = Caller(street.li.owner).post(f"meters/{street.li.meter.pk}/recharges", CASH)
    assert made.status == 202
    shown = {
        name: made.body[name] for name in ("kind", "state", "amount_yuan", "energy_kwh", "carried_out_yuan")
    }
    assert shown == {
        "kind": "cash",
        "state": "OPEN",
        "amount_yuan": "50.00",
        "energy_kwh": "76.92",
        "carried_out_yuan": "0.002000",
    }
    command = Caller(street.li.owner).get(f"commands/{made.body['command']}")
    assert (command.body["kind"], command.body["state"]) == ("CREDIT", "QUEUED")
    assert [event["state"] for event in command.body["events"]] == ["QUEUED"]


def test_amount_and_energy_together_are_refused(street: Street) -> None:
    answer = Caller(street.li.owner).post(
        f"meters/{street.li.meter.pk}/recharges", {**CASH, "energy_kwh": "10.00"}
    )
    assert (answer.status, answer.body["code"]) == (422, "amount_or_energy")


def test_a_read_that_is_under_way_is_joined(street: Street) -> None:
    li, path = Caller(street.li.owner), f"meters/{street.li.meter.pk}/read"
    assert li.post(path).body["id"] == li.post(path).body["id"]
    assert _count(street, Command) == 1


def test_switching_needs_a_reason_and_a_known_state(street: Street) -> None:
    li, path = Caller(street.li.owner), f"meters/{street.li.meter.pk}/power"
    assert list(li.post(path, {"state": "off"}).body["fields"]) == ["reason"]
    assert list(li.post(path, {"state": "maybe", "reason": "r"}).body["fields"]) == ["state"]
    made = li.post(path, {"state": "off", "reason": "works in the house"})
    assert (made.status, made.body["kind"], made.body["reason"]) == (202, "POWER_OFF", "works in the house")


def test_an_owner_changes_name_and_minimum_and_the_audit_says_so(street: Street) -> None:
    li = Caller(street.li.owner)
    answer = li.patch("landlord", {"minimum_recharge_yuan": "20"})
    assert (answer.status, answer.body["minimum_recharge_yuan"], answer.body["name"]) == (
        200,
        "20.00",
        "Li Rooms",
    )
    assert Landlord.objects.get(pk=street.wang.landlord.pk).minimum_recharge_yuan == 10
    with landlord_scope(street.li.landlord.pk):
        line = AuditLine.objects.latest("id")
    assert (line.act, line.facts, line.by_id) == (
        "landlord.change",
        {"minimum_recharge_yuan": "20.00", "was_minimum_recharge_yuan": "10.00"},
        street.li.owner.pk,
    )


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"text"', b"\xff"])
def test_a_body_that_is_no_object_is_refused_in_the_one_shape(street: Street, raw: bytes) -> None:
    answer = Caller(street.li.owner).post(f"meters/{street.li.meter.pk}/power", raw=raw)
    assert answer.status == 400
    assert {"type", "code", "detail"} <= set(answer.body)


def test_a_failed_write_leaves_no_trace_even_after_it_wrote(real_street: Street) -> None:
    """The price is written before its clash is found; the request's transaction takes it back."""
    li, path = Caller(real_street.li.owner), f"meters/{real_street.li.meter.pk}/prices"
    body = {"price_yuan_per_kwh": "0.7000", "active_from": "2090-11-23T12:00:00+08:00"}
    assert li.post(path, body).status == 201
    assert li.post(path, body, key="k1").status == 409
    assert (_count(real_street, Price), _count(real_street, IdempotentAnswer)) == (3, 0)


def test_a_price_never_starts_in_the_past(street: Street) -> None:
    """What was sold yesterday was sold at yesterday's price; the list of prices says so."""
    body = {"price_yuan_per_kwh": "0.7000", "active_from": "2026-11-20T12:00:00+08:00"}
    answer = Caller(street.li.owner).post(f"meters/{street.li.meter.pk}/prices", body)
    assert (answer.status, answer.body["code"], list(answer.body["fields"])) == (
        422,
        "price_starts_in_the_past",
        ["active_from"],
    )
    assert _count(street, Price) == 2
