"""The database, the broker or the gateway is away for an interval: the schedule catches up, and doubles nothing."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from pathlib import Path

import pytest

from tests.journeys.system import System, wait_for

pytestmark = [pytest.mark.system, pytest.mark.thorough]

INTERVAL_S = 10
DAYS_HUNG = 3
# Longer than an interval, so that the whole fleet is due when it is back.
AWAY_S = INTERVAL_S + 2
BUSY_S = 5
# On a machine that is busy with other things; what is proved is that it comes, not how soon.
PATIENCE_S = 300

HANG_LONGER = f"""
from datetime import timedelta
from apps.common.scoping import everything
from apps.meters.models import Meter
with everything("test: meters that have hung for days"):
    for meter in Meter.objects.all():
        Meter.objects.filter(pk=meter.pk).update(claimed_at=meter.claimed_at - timedelta(days={DAYS_HUNG}))
"""
ON_RECORD = """
import json
from apps.common.scoping import everything
from apps.meters.models import Command, Meter
from apps.readings.models import DailyReading, Reading
with everything("test: what is on record"):
    asked = Command.objects.filter(kind="READ", requested_by=None)
    freezes = Command.objects.filter(kind="READ_FREEZE", state="DONE")
    meters = Meter.objects.filter(archived_at=None)
    print(json.dumps({
        "profiles": {str(pk): profile for pk, profile in meters.values_list("pk", "profile")},
        "asked": [[str(pk), at.isoformat()] for pk, at in asked.values_list("meter_id", "created_at")],
        "readings": [[str(pk), at.isoformat()] for pk, at in Reading.objects.values_list("meter_id", "taken_at")],
        "freezes": [[str(pk), str(day)] for pk, day in freezes.values_list("meter_id", "freeze_date")],
        "days": [[str(pk), str(day)] for pk, day in DailyReading.objects.values_list("meter_id", "date")],
    }))
"""

WHAT_LACKS = """
from apps.common.scoping import everything
from apps.meters.models import Command, Presence
from apps.readings.models import DailyReading
with everything("test: which midnights are not there"):
    there = set(DailyReading.objects.values_list("meter_id", "date"))
    for asked in Command.objects.filter(kind="READ_FREEZE").order_by("meter_id", "freeze_date", "pk"):
        if (asked.meter_id, asked.freeze_date) not in there:
            print(asked.meter_id, asked.freeze_date, asked.state, asked.attempts, asked.created_at, asked.final_at)
    print(len(there), "records;", Presence.objects.filter(is_online=True).count(), "online")
"""


@dataclass(frozen=True)
class Record:
    """What the database holds: meter → when it was asked by the clock, when it was read, its daily records."""

    profiles: dict[str, str]
    asked: dict[str, list[datetime]]
    readings: dict[str, list[datetime]]
    days: list[tuple[str, str]]
    freezes: list[tuple[str, str]]

    def share(self) -> int:
        """How many meters one call of the schedule may ask; beat calls every second here."""
        return sum(ceil(count / INTERVAL_S) for count in Counter(self.profiles.values()).values())


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    running = System(
        Path(tmp_path_factory.mktemp("schedule")),
        READING_INTERVAL_S=str(INTERVAL_S),
        READ_DUE_EVERY_S="1",
        CLOSE_DAYS_EVERY_S="5",
        # A database that does not wait for its disk forgets its last moments when it is killed.
        DEMO_FSYNC="yes",
    )
    yield running
    running.stop()


def _shell(system: System, code: str) -> str:
    ran = system.manage("shell", "-v", "0", "-c", code)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def on_record(system: System) -> Record:
    found = json.loads(_shell(system, ON_RECORD).splitlines()[-1])
    by_meter: dict[str, dict[str, list[datetime]]] = {
        "asked": defaultdict(list),
        "readings": defaultdict(list),
    }
    for what, moments in by_meter.items():
        for meter, at in sorted(found[what]):
            moments[meter].append(datetime.fromisoformat(at))
    days = [(meter, day) for meter, day in found["days"]]
    freezes = [(meter, day) for meter, day in found["freezes"]]
    return Record(found["profiles"], by_meter["asked"], by_meter["readings"], days, freezes)


def read_at(system: System, meter: dict[str, str]) -> datetime | None:
    """When the QR page says the meter was read; nothing while the page cannot say, its database just being back."""
    try:
        shown = system.stranger.rest("GET", f"q/{meter['qr_token']}")
    except json.JSONDecodeError:
        return None
    said = shown.body["read_at"] if shown.status == 200 else None
    return datetime.fromisoformat(said) if said else None


def all_read_since(system: System, moment: datetime) -> bool:
    """Ask the pages, which is far cheaper than a shell that asks the database."""
    hung = [meter for meter in system.stranger.demo["meters"] if meter["landlord"]]
    return all((at := read_at(system, meter)) is not None and at > moment for meter in hung)


def test_the_schedule_catches_up_without_a_burst_and_without_a_second_record(quick: System) -> None:
    _shell(quick, HANG_LONGER)
    began = datetime.now().astimezone()
    for name in ("postgres", "valkey", "gateway"):
        quick.be_without(name, AWAY_S)
        back = datetime.now().astimezone()
        wait_for(f"everybody read after {name}", lambda at=back: all_read_since(quick, at), PATIENCE_S)
    record = on_record(quick)
    freezing = [meter for meter, profile in record.profiles.items() if profile == "dtsy-4g-ble"]
    try:
        wait_for("the days", lambda: len(on_record(quick).days) >= DAYS_HUNG * len(freezing), PATIENCE_S)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{_shell(quick, WHAT_LACKS)}") from error
    record = on_record(quick)
    # Before that each was read at its first login, because nothing was known of it.
    asked = {meter: [at for at in moments if at > began] for meter, moments in record.asked.items()}
    _no_burst(asked, record.share())
    _nobody_asked_early(asked)
    assert max(Counter(record.days).values()) == 1
    assert max(Counter(record.freezes).values()) == 1, "each midnight is asked for once"
    assert {meter: sum(1 for of, _day in record.days if of == meter) for meter in freezing} == dict.fromkeys(
        freezing, DAYS_HUNG
    )
    assert all(len(set(moments)) == len(moments) for moments in record.readings.values())


def _no_burst(by_meter: dict[str, list[datetime]], share: int) -> None:
    """One call asks its share and no more, and in any few seconds there are no more calls than beat makes."""
    asked = sorted(moment for moments in by_meter.values() for moment in moments)
    assert max(Counter(asked).values()) <= share
    span = timedelta(seconds=BUSY_S)
    most = max(sum(1 for at in asked if start <= at < start + span) for start in asked)
    assert most <= share * (BUSY_S + 2), most


def _nobody_asked_early(by_meter: dict[str, list[datetime]]) -> None:
    for meter, moments in by_meter.items():
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
        assert not gaps or min(gaps) >= INTERVAL_S, (meter, sorted(gaps)[:3])
