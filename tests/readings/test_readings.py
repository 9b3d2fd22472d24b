"""A reading is kept once, in its month, and believed only as far as physics goes; what it grew is derived."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from apps.common.scoping import landlord_scope
from apps.landing.desk.figures import used_by_day, used_by_half_hour
from apps.meters.evidence import Evidence
from apps.readings import months
from apps.readings.energy import jumped, most_kwh, used_kwh
from apps.readings.models import QuarantinedReading, Reading
from apps.readings.selectors import is_stale, latest
from apps.readings.services import record
from apps.readings.tasks import frames_pushed
from meter_gateway.protocol.answers import push
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.protocol.supply_report import SupplyReport
from tests.people import NOON, Street

PROFILE = load_profile("dtsy-4g-ble")
HALF_HOUR = timedelta(minutes=30)


def said(street: Street, total: str, at: datetime, remaining: str = "30.00") -> None:
    """The meter said this."""
    registers = {PROFILE.total_di: Decimal(total), PROFILE.remaining_di: Decimal(remaining)}
    assert record(
        meter=street.li.meter,
        evidence=Evidence(PROFILE, registers, None, ()),
        taken_at=at,
        received_at=at,
        source=Reading.Source.NETWORK,
    )


def test_three_phases_of_a_hundred_amperes_let_37_95_kwh_through_in_half_an_hour() -> None:
    assert most_kwh(PROFILE, HALF_HOUR) == Decimal("37.95")
    assert most_kwh(PROFILE, timedelta(0)) == most_kwh(PROFILE, timedelta(minutes=1)) == Decimal("1.265")


@pytest.mark.parametrize(
    ("before", "after", "used"),
    [
        ("100.00", "137.95", "37.95"),
        ("100.00", "137.96", None),
        ("100.00", "100.00", "0.00"),
        ("100.00", "99.99", None),
        ("9000.00", "0.00", None),
        ("999990.00", "5.00", "15.00"),
        ("999990.00", "40.00", None),
    ],
)
def test_use_knows_resets_a_turned_register_and_jumps(before: str, after: str, used: str | None) -> None:
    most = most_kwh(PROFILE, HALF_HOUR)
    assert used_kwh(Decimal(before), Decimal(after), most) == (None if used is None else Decimal(used))
    assert jumped(Decimal(before), Decimal(after), most) == (after == "137.96")


def test_an_instant_is_kept_once_and_as_it_was_said_first(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        said(street, "100.00", NOON)
        said(street, "100.50", NOON)
        assert [str(reading.total_kwh) for reading in Reading.objects.all()] == ["100.00"]


def test_a_jump_is_quarantined_and_counted_nowhere_and_the_next_true_word_is_believed(street: Street) -> None:
    meter, soon = street.li.meter, NOON + HALF_HOUR
    with landlord_scope(street.li.landlord.pk):
        said(street, "100.00", NOON)
        said(street, "137.96", soon)
        said(street, "137.96", soon)
        set_aside = QuarantinedReading.objects.get()
        assert (set_aside.before_kwh, set_aside.most_kwh) == (Decimal("100.00"), Decimal("37.95"))
        kept = latest(meter)
        assert kept is not None
        assert kept.taken_at == NOON
        assert not is_stale(meter.profile, kept.taken_at, NOON + 2 * HALF_HOUR)
        assert is_stale(meter.profile, kept.taken_at, NOON + 2 * HALF_HOUR + timedelta(seconds=1))
        said(street, "137.95", soon + timedelta(seconds=1))
        assert Reading.objects.count() == 2


def test_a_counter_that_fell_is_kept_as_said(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        said(street, "9000.00", NOON)
        said(street, "0.10", NOON + HALF_HOUR)
        assert not QuarantinedReading.objects.exists()
        assert Reading.objects.count() == 2


def test_the_database_refuses_a_quarantine_for_what_can_be(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk), pytest.raises(IntegrityError), transaction.atomic():
        QuarantinedReading.objects.create(
            meter=street.li.meter,
            taken_at=NOON,
            received_at=NOON,
            source=Reading.Source.NETWORK,
            device_epoch=1,
            total_kwh="110.00",
            remaining_kwh="1.00",
            before_kwh="100.00",
            before_at=NOON,
            most_kwh="10.00",
        )


def test_a_reset_within_a_day_or_a_half_hour_is_a_gap_on_the_desk() -> None:
    rows = [("m", 1, date(2026, 11, 23), Decimal("0.10"), Decimal("9000.00"))]
    assert used_by_day(rows) == {}
    halves = used_by_half_hour([(NOON, 1, Decimal("9000.00")), (NOON + HALF_HOUR, 1, Decimal("0.10"))], NOON)
    assert halves[1] is None


def partition_of(reading: Reading) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM readings_reading WHERE id = %s", [reading.pk])
        return str(cursor.fetchone()[0])


def test_a_reading_lies_in_the_month_of_its_instant_in_utc(street: Street) -> None:
    turn = datetime(2026, 12, 1, tzinfo=UTC)
    with landlord_scope(street.li.landlord.pk):
        said(street, "100.00", turn - timedelta(microseconds=1))
        said(street, "100.00", turn)
        lain = [partition_of(reading) for reading in Reading.objects.order_by("taken_at")]
    assert lain == ["readings_reading_202611", "readings_reading_202612"]


def test_what_fits_no_month_is_refused_and_not_kept_where_nobody_looks(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        with pytest.raises(IntegrityError, match="no partition"), transaction.atomic():
            said(street, "100.00", datetime(2001, 1, 1, tzinfo=UTC))


def test_months_are_made_ahead_once_over_the_turn_of_a_year_and_a_missing_one_is_named(db: None) -> None:
    december = datetime(2031, 12, 31, 23, 59, tzinfo=UTC)
    wanted = [date(2031, 11, 1), date(2031, 12, 1), date(2032, 1, 1), date(2032, 2, 1), date(2032, 3, 1)]
    assert months.months_wanted(december) == months.months_missing(december) == wanted
    assert months.make_months_ahead(december) == 5
    assert months.make_months_ahead(december) == 0
    assert months.months_missing(december) == []
    assert months.months_missing(december + timedelta(minutes=2)) == [date(2032, 4, 1)]


def test_a_report_nobody_asked_for_is_a_reading_of_its_own_meter_and_counts_once(street: Street) -> None:
    serial = street.li.meter.serial
    report = SupplyReport(balance=Decimal("23.45"), energies_kwh=(Decimal("812.30"), *[Decimal(0)] * 4))
    raw = push(serial, "028011FF", report).encode(0).hex()
    of_another = push("000000000077", "028011FF", report).encode(0).hex()
    told = {"serial": serial, "at": NOON.isoformat()}
    elsewhere = {**told, "at": (NOON - HALF_HOUR).isoformat(), "raw": of_another}
    for _twice in range(2):
        frames_pushed(pushes=[elsewhere, {**told, "raw": raw}, {**told, "serial": "9", "raw": raw}])
    with landlord_scope(street.li.landlord.pk):
        kept = Reading.objects.values_list("meter_id", "taken_at", "source", "total_kwh", "remaining_kwh")
        assert list(kept) == [
            (street.li.meter.pk, NOON, Reading.Source.PUSH, Decimal("812.30"), Decimal("23.45"))
        ]
