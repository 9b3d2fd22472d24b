"""The frames of our questions, composed from a profile; pure. Everything returned is hex, ready to be stored."""

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from meter_gateway.protocol.credits import credit_frame
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.reads import read_request
from meter_gateway.protocol.relay import RelayAction, relay_request


def _hex(frame: Frame) -> str:
    return frame.encode().hex().upper()


def reads(serial: str, dis: list[str]) -> tuple[str, ...]:
    """Return one read (11H) per identifier."""
    return tuple(_hex(read_request(serial, di)) for di in dis)


def count_reads(profile: Profile, serial: str, *, with_customer: bool = True) -> tuple[str, ...]:
    """Return what must be known before a credit is numbered: count, purchased energy, customer number."""
    customer = [profile.customer_di] if with_customer and profile.needs_customer_no else []
    return reads(serial, [profile.count_di, profile.purchased_di, *customer])


def proof_reads(profile: Profile, serial: str) -> tuple[str, ...]:
    """Return the reads that prove or disprove a credit, then those that make a reading.

    The count is asked before and after: a phone may bring the credit in between, and then the rest proves nothing.
    """
    proof = [profile.count_di, profile.last_purchase_di, profile.purchased_di, profile.count_di]
    return reads(serial, proof) + state_reads(profile, serial)


def state_reads(profile: Profile, serial: str) -> tuple[str, ...]:
    """Return the reads of relay, remaining and total energy."""
    return reads(serial, [profile.status_di, profile.remaining_di, profile.total_di])


def full_reads(profile: Profile, serial: str, *, with_customer: bool) -> tuple[str, ...]:
    """Return the reads of a plain reading, with count and purchased energy as its free daily proof.

    `with_customer` asks for the customer number too, where the model's credits carry it.
    """
    return state_reads(profile, serial) + count_reads(profile, serial, with_customer=with_customer)


def freeze_dis(freeze_date: date, today: date) -> tuple[str, str] | None:
    """Return the identifiers (time, forward energy) of the midnight that closes `freeze_date`; both dates local.

    None for a day that has not closed, or is past the 62 midnights a meter keeps (05060001…3E).
    """
    days_back = (today - freeze_date).days
    return (f"050600{days_back:02X}", f"050601{days_back:02X}") if 1 <= days_back <= 62 else None


def recharge(profile: Profile, serial: str, *, energy_kwh: Decimal, number: int, customer_no: str) -> str:
    """Return the one frame, in the model's layout, that adds `energy_kwh` as purchase `number`.

    Models that know their credits by an order number get one that is `number` in sixteen digits.
    """
    return _hex(
        credit_frame(
            profile, serial, energy_kwh, number=number, customer_no=customer_no, order_no=f"{number:016d}"
        )
    )


def switch(profile: Profile, serial: str, *, on: bool, valid_until: datetime) -> str:
    """Return the relay frame (1CH); the meter itself refuses it after `valid_until`."""
    action = profile.on_action if on else RelayAction.TRIP
    local = valid_until.astimezone(ZoneInfo(profile.time_zone)).replace(tzinfo=None)
    return _hex(relay_request(serial, action, profile.auth, local))
