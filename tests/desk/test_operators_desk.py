"""What is stuck, since when and what to do; and every list behind it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from apps.accounts.models import AuditLine
from apps.common.scoping import landlord_scope
from apps.income.check_books import check_books
from apps.income.models import ProofRun
from apps.income.services import proving
from apps.meters.models import Command, Gateway, Letter, Meter, StockedMeter
from apps.meters.services import commands
from apps.meters.states import Frozen, Way
from tests.desk import scene
from tests.meters.simulated_line import SimulatedLine
from tests.people import Street

ComeIn = Callable[[Any], Client]
LISTS = (
    "meters/stockedmeter",
    "meters/gateway",
    "meters/presence",
    "meters/command",
    "meters/letter",
    "meters/meter",
    "income/payment",
    "accounts/auditline",
    "accounts/landlord",
    "accounts/user",
    "accounts/member",
    "django_celery_beat/periodictask",
    "django_celery_beat/intervalschedule",
    "django_celery_beat/crontabschedule",
)


@pytest.fixture
def ops(furnished: Street, at_desk: ComeIn) -> Client:
    return at_desk(furnished.operator)


def stuck(client: Client) -> dict[str, tuple[int, str]]:
    return {row.what: (row.count, row.since) for row in client.get("/ops/").context["report"].stuck}


def test_the_desk_says_what_is_stuck_since_when_and_what_to_do(
    ops: Client, furnished: Street, now: datetime
) -> None:
    with landlord_scope(furnished.li.landlord.pk):
        Meter.objects.filter(pk=furnished.li.meter.pk).update(
            frozen="CONTRADICTION", frozen_at=now - timedelta(hours=3), frozen_evidence={"meter_count": "6"}
        )
        asked = scene.command(furnished.li.meter, kind="READ", steps=[("SENT", 1, "")], now=now)
        scene.letter_out(asked, now=now - timedelta(minutes=10))
    with landlord_scope(furnished.wang.landlord.pk):
        Command.objects.filter(kind="CREDIT").update(created_at=now - timedelta(minutes=5))
    found = stuck(ops)
    assert found["Recharges on hold: The meter's purchase record contradicts ours"] == (1, "3 hours")
    assert found["Payments that need a person"][0] == 2
    assert found["Credits waiting for a meter to come online"] == (1, "5 minutes")
    assert found["Letters past their deadline"] == (1, "10 minutes")
    page = ops.get("/ops/").content.decode()
    assert "says which one is allowed" in page
    assert "Start one: no meter can be reached." in page


def test_a_credit_that_waits_although_its_meter_is_online_is_told_apart(
    ops: Client, furnished: Street, now: datetime
) -> None:
    scene.go_online(furnished.wang.meter.serial, now=now)
    with landlord_scope(furnished.wang.landlord.pk):
        Command.objects.filter(kind="CREDIT").update(created_at=now - timedelta(minutes=5))
    assert stuck(ops)["Credits waiting though the meter is online"] == (1, "5 minutes")


def test_nothing_stuck_is_said_so(street: Street, at_desk: ComeIn, now: datetime) -> None:
    scene.go_online(street.li.meter.serial, now=now)
    page = at_desk(street.operator).get("/ops/").content.decode()
    assert "Nothing is stuck." in page
    assert "1 alive" in page


def test_a_gateway_that_fell_silent_is_not_called_alive(
    ops: Client, furnished: Street, now: datetime
) -> None:
    scene.go_online(furnished.li.meter.serial, now=now)
    Gateway.objects.update(hello_at=now - timedelta(minutes=2))
    assert "None alive" in ops.get("/ops/").content.decode()


@pytest.mark.parametrize("kind", LISTS)
def test_every_list_opens_and_finds(ops: Client, furnished: Street, now: datetime, kind: str) -> None:
    scene.go_online(furnished.li.meter.serial, now=now)
    for query in ("", "?q=Li"):
        assert ops.get(f"/ops/{kind}/{query}").status_code == 200


def test_the_operator_sees_both_landlords_with_their_names(ops: Client, furnished: Street) -> None:
    listed = ops.get("/ops/meters/meter/").content.decode()
    assert "WANGROOM" in listed
    assert "LIROOM" in listed
    assert "Wang Rooms" in listed
    assert "?frozen=REFUSED" in listed
    answer = ops.get("/ops/income/payment/?review=yes")
    only_review = answer.context["cl"].result_count
    assert (only_review, ops.get("/ops/income/payment/").context["cl"].result_count) == (2, 4)


def test_open_commands_stand_oldest_first_and_ended_ones_only_on_request(
    ops: Client, furnished: Street, now: datetime
) -> None:
    with landlord_scope(furnished.li.landlord.pk):
        scene.command(furnished.li.meter, kind="READ", steps=[("DONE", 2, "read")], now=now)
    still_open = ops.get("/ops/meters/command/").context["cl"].result_list
    assert all(command.state != "DONE" for command in still_open)
    assert [c.pk for c in still_open] == sorted(c.pk for c in still_open)
    assert ops.get("/ops/meters/command/?age=all").context["cl"].result_count == len(still_open) + 1


def test_one_page_of_each_shows_its_evidence(ops: Client, furnished: Street, now: datetime) -> None:
    with landlord_scope(furnished.li.landlord.pk):
        Meter.objects.filter(pk=furnished.li.meter.pk).update(
            frozen="REFUSED", frozen_at=now, frozen_evidence={"meter_refusal": "<wrong customer>"}
        )
        asked = scene.command(furnished.li.meter, kind="READ", steps=[("SENT", 1, "")], now=now)
        letter = scene.letter_out(asked, now=now)
    meter = ops.get(f"/ops/meters/meter/{furnished.li.meter.pk}/change/").content.decode()
    assert "&lt;wrong customer&gt;" in meter
    assert "swap it" in meter
    assert "68010000000000681104" in ops.get(f"/ops/meters/letter/{letter.pk}/change/").content.decode()
    assert ops.get(f"/ops/meters/command/{asked.pk}/change/").status_code == 200


def test_a_stocked_meter_is_added_through_the_service(ops: Client) -> None:
    wrong = [("12", "ddsy-4g"), ("000000000101", "ddsy-4g"), ("000000000999", "nobody's")]
    for serial, profile in wrong:
        form = {"serial": serial, "profile": profile}
        assert ops.post("/ops/meters/stockedmeter/add/", form).status_code == 422
    taken = ops.post("/ops/meters/stockedmeter/add/", {"serial": "000000000999", "profile": "ddsy-4g"})
    assert taken.status_code == 200
    assert len(StockedMeter.objects.get(serial="000000000999").qr_token) > 20


def test_schedules_are_the_operators_to_change_and_djangos_log_stays_empty(ops: Client) -> None:
    sent = {"every": "30", "period": "seconds"}
    assert ops.post("/ops/django_celery_beat/intervalschedule/add/", sent).status_code == 302
    every = IntervalSchedule.objects.get()
    task = PeriodicTask.objects.create(name="sweep", task="meters.sweep", interval=every)
    page = ops.get(f"/ops/django_celery_beat/periodictask/{task.pk}/change/")
    assert page.status_code == 200
    chosen = {"action": "disable_tasks", "_selected_action": [str(task.pk)], "index": "0"}
    ops.post("/ops/django_celery_beat/periodictask/", chosen)
    task.refresh_from_db()
    assert task.enabled is False
    ops.post(f"/ops/django_celery_beat/periodictask/{task.pk}/delete/", {"post": "yes"})
    assert not PeriodicTask.objects.filter(pk=task.pk).exists()
    assert LogEntry.objects.count() == 0


def test_people_and_rows_of_landlords_cannot_be_changed_by_the_operator(
    ops: Client, furnished: Street
) -> None:
    for kind, key in (
        ("accounts/user", furnished.li.owner.pk),
        ("accounts/landlord", furnished.li.landlord.pk),
        ("meters/meter", furnished.li.meter.pk),
    ):
        assert ops.get(f"/ops/{kind}/{key}/change/").status_code == 200, kind
        assert ops.post(f"/ops/{kind}/{key}/change/", {"name": "x"}).status_code == 403, kind
        assert ops.post(f"/ops/{kind}/{key}/delete/", {"post": "yes"}).status_code == 403, kind
        assert ops.get(f"/ops/{kind}/add/").status_code == 403, kind
    assert Letter._meta.db_table == "meters_letter"


def test_no_password_or_key_stands_on_an_operators_page(ops: Client, furnished: Street) -> None:
    page = ops.get(f"/ops/accounts/user/{furnished.li.owner.pk}/change/").content.decode()
    assert furnished.li.owner.password not in page


def test_what_has_a_name_for_a_key_has_an_empty_history(
    ops: Client, furnished: Street, now: datetime
) -> None:
    scene.go_online(furnished.li.meter.serial, now=now)
    for key in ("gateway/gw1-aa", f"presence/{furnished.li.meter.serial}"):
        page = ops.get(f"/ops/meters/{key}/history/")
        assert "Nothing has happened to this yet." in page.content.decode(), key


def test_a_meter_that_was_removed_while_it_was_frozen_waits_for_nobody(
    street: Street, at_desk: ComeIn
) -> None:
    ops, said, now = at_desk(street.operator), StringIO(), timezone.now()
    for house, archived_at in ((street.li, now), (street.wang, None)):
        is_held = {"frozen": "FOREIGN_PURCHASE", "frozen_at": now, "archived_at": archived_at}
        with landlord_scope(house.landlord.pk):
            Meter.objects.filter(pk=house.meter.pk).update(**is_held)
    call_command("frozen", "list", stdout=said)
    assert "FOREIGN_PURCHASE: 1" in said.getvalue()
    assert street.li.meter.serial not in said.getvalue()
    assert stuck(ops)["Recharges on hold: The meter took a purchase that is not ours"][0] == 1
    listed = ops.get("/ops/meters/meter/?frozen=FOREIGN_PURCHASE").context["cl"].result_list
    assert [meter.serial for meter in listed] == [street.wang.meter.serial]
    everything = ops.get("/ops/meters/meter/")
    assert everything.context["cl"].result_list[0].serial == street.wang.meter.serial
    assert f"{street.li.meter.pk}/ways/" not in everything.content.decode()


def test_a_frozen_meter_is_probed_and_resolved_at_the_desk(
    street: Street, at_desk: ComeIn, now: datetime
) -> None:
    desk, meter = at_desk(street.operator), street.li.meter
    with landlord_scope(street.li.landlord.pk):
        line = SimulatedLine(meter, now)
        commands.ask_read(meter=meter, by_id=None, now=now)
        line.go_on(now)
        line.meter.put_purchased(Decimal("160.01"), line.now)
        Meter.objects.filter(pk=meter.pk).update(
            frozen="FOREIGN_PURCHASE", frozen_at=now, frozen_evidence={"difference_kwh": "0.01"}
        )
    address = f"/ops/meters/meter/{meter.pk}/ways/"
    assert address in desk.get("/ops/meters/meter/").content.decode()
    before = desk.get(address).content.decode()
    assert "without its own word no way is open" in before
    assert "/ops/runbook/" in before
    assert (
        "UNCERTAIN: this model would take the same bytes twice" in desk.get("/ops/runbook/").content.decode()
    )
    assert desk.post(address).status_code == 302
    assert "The meter is being asked." in desk.get(address).content.decode()
    with landlord_scope(street.li.landlord.pk):
        line.go_on(timezone.now())
    assert f"{address}import/" in desk.get(address).content.decode()
    assert "160.01" in desk.get(f"{address}import/").content.decode()
    desk.post(f"{address}import/", {"reason": ""})
    for _ in range(2):
        desk.post(f"{address}import/", {"reason": "the firmware counted by itself"})
    assert "This meter is not frozen" in desk.get(address).content.decode()
    with landlord_scope(street.li.landlord.pk):
        said = AuditLine.objects.get(act="meter.resolve")
        assert (said.by_id, said.facts["reason"]) == (street.operator.pk, "the firmware counted by itself")
        assert check_books() == []


def test_the_daily_proof_stands_on_the_desk(street: Street, at_desk: ComeIn, now: datetime) -> None:
    desk = at_desk(street.operator)
    assert "No run yet." in desk.get("/ops/proofs/").content.decode()
    with landlord_scope(street.li.landlord.pk):
        line = SimulatedLine(street.li.meter, now)
        commands.ask_read(meter=street.li.meter, by_id=None, now=now)
        line.go_on(now)
        line.meter.put_purchased(Decimal("160.01"), line.now)
        commands.ask_read(meter=line.row, by_id=None, now=line.now)
        line.go_on(line.now)
    proving.close_run(run_id=proving.open_run(by_hand=True, now=now).pk, now=now)
    page = desk.get("/ops/proofs/").content.decode()
    assert "0.01 kWh" in page
    assert "1 compared, 1 differ, 3 not reached" in page
    ProofRun.objects.update(is_alarm=True)
    assert stuck(desk)["The daily proof failed for much of the fleet"][0] == 1


@pytest.mark.parametrize(("language", "word"), [("en", "a person has looked"), ("zh-hans", "有人看过之前")])
def test_the_runbook_speaks_the_readers_language_and_leaves_no_cause_out(
    ops: Client, language: str, word: str
) -> None:
    page = ops.get("/ops/runbook/", headers={"Accept-Language": language}).content.decode()
    assert word in page
    assert [reason for reason in Frozen if f"<h2>{reason.value}" not in page] == []
    assert [way for way in Way if f"<code>{way.value}</code>" not in page] == []
