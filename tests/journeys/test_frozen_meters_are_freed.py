"""A meter that counts wrongly is named, frozen, asked and freed from a shell, on the running system."""

import signal
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.journeys.system import System, bought, wait_for

pytestmark = [pytest.mark.system, pytest.mark.thorough]

Meter = dict[str, str]


@pytest.fixture
def meter(system: System) -> Iterator[Meter]:
    """One of Li's, at rest; whatever a test leaves behind, its link is up afterwards."""
    found = system.stranger.meter(1)
    system.stranger.wait_idle(found)
    yield found
    system.stranger.bench(found, link="up", faults={})


def _count_more(system: System, meter: Meter, energy_kwh: str) -> None:
    """Let the meter count energy nobody bought; a negative figure takes some away."""
    now_kwh = Decimal(system.stranger.register(meter)["purchased_kwh"])
    system.stranger.bench(meter, purchased_kwh=str(now_kwh + Decimal(energy_kwh)))


def _prove(system: System) -> subprocess.CompletedProcess[str]:
    return system.manage("prove_meters", "--wait", "40")


def _frozen(system: System, *arguments: str) -> str:
    done = system.manage("frozen", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _resolve(system: System, meter: Meter, way: str) -> str:
    return _frozen(system, "resolve", meter["serial"], "--by", way, "--reason", f"a journey: {way}")


def _audited(system: System, meter: Meter) -> list[dict[str, Any]]:
    with psycopg.connect(system.settings()["DATABASE_URL"]) as connection:
        connection.execute("SELECT set_config('role', 'rm_everything', true)")
        rows = connection.execute(
            "SELECT facts FROM accounts_auditline WHERE act = 'meter.resolve' AND object_id = %s ORDER BY id",
            [meter["id"]],
        ).fetchall()
    return [row[0] for row in rows]


def _is_whole_again(system: System, meter: Meter) -> None:
    assert meter["serial"] not in _frozen(system, "list")
    proved = _prove(system)
    assert proved.returncode == 0, proved.stdout
    assert system.books_hold() == ""
    assert system.manage("check_audit").returncode == 0


def test_a_hundredth_that_nobody_bought_is_named_frozen_and_imported(system: System, meter: Meter) -> None:
    stranger, serial = system.stranger, meter["serial"]
    earlier = len(_audited(system, meter))
    _count_more(system, meter, "0.01")
    proved = _prove(system)
    assert proved.returncode == 1
    assert f"meter {serial}" in proved.stdout
    assert "a difference of 0.01 kWh: frozen." in proved.stdout
    assert "1 meters differ from the ledger" in proved.stderr
    # What is paid meanwhile waits, and is not lost.
    before, order = stranger.register(meter), stranger.order(meter)
    stranger.pay(order)
    stranger.wait_until(order, "paid", 20)
    listed = _frozen(system, "list")
    assert "FOREIGN_PURCHASE: 1" in listed
    assert f"next: manage.py frozen probe {serial}" in listed
    probed = _frozen(system, "probe", serial, "--wait", "40")
    assert "import: open. 0.01 kWh bought elsewhere go into the books" in probed
    refused = system.manage("frozen", "resolve", serial, "--by", "adopt", "--reason", "too quick")
    assert refused.returncode == 1
    assert "Import that purchase" in refused.stderr
    assert "The meter takes credits again." in _resolve(system, meter, "import")
    assert "not frozen; nothing was done" in _resolve(system, meter, "import")
    stranger.wait_until(order, "credited", 60)
    assert bought(before, stranger.register(meter)) == (1, Decimal(order["quote"]["energy_kwh"]))
    (said,) = _audited(system, meter)[earlier:]
    assert (said["way"], said["reason"], said["imported_kwh"]) == ("import", "a journey: import", "0.01")
    _is_whole_again(system, meter)


def test_a_meter_that_counts_right_again_is_adopted(system: System, meter: Meter) -> None:
    _count_more(system, meter, "0.01")
    assert _prove(system).returncode == 1
    _count_more(system, meter, "-0.01")
    assert "adopt: open." in _frozen(system, "probe", meter["serial"], "--wait", "40")
    assert "The meter takes credits again." in _resolve(system, meter, "adopt")
    _is_whole_again(system, meter)


def test_a_credit_that_met_a_contradiction_leaves_once_more_as_the_same_bytes(
    system: System, meter: Meter
) -> None:
    stranger, serial = system.stranger, meter["serial"]
    before, order = stranger.register(meter), stranger.order(meter)
    system.signal("gateway", signal.SIGSTOP)
    try:
        stranger.pay(order)
        stranger.wait_until(order, "delivering", 20)
        _count_more(system, meter, "0.01")
    finally:
        system.kill("gateway")
    wait_for("the freeze", lambda: serial in _frozen(system, "list"), 90)
    _count_more(system, meter, "-0.01")
    probed = _frozen(system, "probe", serial, "--wait", "40")
    assert "resend: open. The same bytes leave once more." in probed
    assert "adopt: closed. The meter has not taken this credit" in probed
    assert "The meter takes credits again." in _resolve(system, meter, "resend")
    stranger.wait_until(order, "credited", 60)
    assert bought(before, stranger.register(meter)) == (1, Decimal(order["quote"]["energy_kwh"]))
    _is_whole_again(system, meter)


def test_a_meter_whose_counter_fell_begins_another_body(system: System, meter: Meter) -> None:
    _count_more(system, meter, "-1.00")
    assert "a difference of -1.00 kWh: frozen." in _prove(system).stdout
    assert "epoch: open." in _frozen(system, "probe", meter["serial"], "--wait", "40")
    assert "A new body of the meter begins" in _resolve(system, meter, "epoch")
    _is_whole_again(system, meter)


def test_a_meter_that_is_away_says_so_when_it_is_probed(system: System, meter: Meter) -> None:
    _count_more(system, meter, "0.01")
    assert _prove(system).returncode == 1
    system.stranger.bench(meter, link="down")
    wait_for("the meter gone", lambda: not system.stranger.is_online(meter), 60)
    asked = system.manage("frozen", "probe", meter["serial"], "--wait", "3")
    assert asked.returncode == 1
    assert "waiting for the meter: QUEUED" in asked.stdout
    assert "The meter did not answer (QUEUED); it is offline, heard last " in asked.stderr
    system.stranger.bench(meter, link="up")
    _count_more(system, meter, "-0.01")
    wait_for("the meter back", lambda: system.stranger.is_online(meter), 60)
    assert "adopt: open." in _frozen(system, "probe", meter["serial"], "--wait", "40")
    _resolve(system, meter, "adopt")
    _is_whole_again(system, meter)
