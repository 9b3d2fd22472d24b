"""The frames of our questions, composed from a profile; pure. Everything returned is hex, ready to be stored."""

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from apps.meters.states import CommandKind
from meter_gateway.protocol.clearing import clear_meter_request
from meter_gateway.protocol.credits import clear_purse_frame, credit_frame
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.parameters import write_request
from meter_gateway.protocol.prepaid import open_account_request
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.reads import read_request
from meter_gateway.protocol.relay import RelayAction, relay_request

DATE_DI, TIME_DI = "04000101", "04000102"


def _hex(frame: Frame) -> str:
    return frame.encode().hex().upper()


def reads(serial: str, dis: list[str]) -> tuple[str, ...]:
    """Return one read (11H) per identifier."""
    return tuple(_hex(read_request(serial, di)) for di in dis)


def count_reads(profile: Profile, serial: str, *, with_customer: bool = True) -> tuple[str, ...]:
    """Return what must be known before a credit is numbered: count, purchased energy, customer number."""
    customer = [profile.customer_di] if with_customer and profile.needs_customer_no else []
    return reads(serial, [profile.count_di, profile.purchased_di, *customer])


def proof_reads(profile: Profile, serial: str, *, with_customer: bool = False) -> tuple[str, ...]:
    """Return the reads that prove or disprove a credit, then those that make a reading.

    The count is asked before and after: a phone may bring the credit in between, and then the rest proves nothing.
    `with_customer` asks for the customer number too, which an opening has changed.
    """
    proof = [profile.count_di, profile.last_purchase_di, profile.purchased_di, profile.count_di]
    customer = reads(serial, [profile.customer_di]) if with_customer else ()
    return reads(serial, proof) + state_reads(profile, serial) + customer


def state_reads(profile: Profile, serial: str) -> tuple[str, ...]:
    """Return the reads of relay, remaining and total energy."""
    return reads(serial, [profile.status_di, profile.remaining_di, profile.total_di])


def full_reads(profile: Profile, serial: str, *, with_customer: bool) -> tuple[str, ...]:
    """Return the reads of a plain reading, with count and purchased energy as its free daily proof.

    `with_customer` asks for the customer number too, where the model's credits carry it.
    """
    return state_reads(profile, serial) + count_reads(profile, serial, with_customer=with_customer)


# Besides the last purchase, how many earlier ones a probe asks for; the meter keeps ten (033203NN).
PURCHASES_PROBED = 4


def purchase_di(profile: Profile, nth: int) -> str:
    """Return the identifier of the energy of the nth last purchase, 1 being the last."""
    return f"{profile.last_purchase_di[:6]}{nth:02X}"


def probe_reads(profile: Profile, serial: str) -> tuple[str, ...]:
    """Return what a frozen queue is resolved by: proof, state, account, and the purchases before the last."""
    earlier = [purchase_di(profile, nth) for nth in range(2, PURCHASES_PROBED + 2)]
    return proof_reads(profile, serial) + reads(serial, earlier)


def freeze_dis(profile: Profile, freeze_date: date, today: date) -> tuple[str, str] | None:
    """Return the identifiers (time, forward energy) of the midnight that closes `freeze_date`; both dates local.

    None for a day that has not closed, or is past the midnights the model keeps (05060001…3E are 62).
    """
    days_back = (today - freeze_date).days
    if not 1 <= days_back <= profile.freeze_days:
        return None
    return f"050600{days_back:02X}", f"050601{days_back:02X}"


def recharge(profile: Profile, serial: str, *, energy_kwh: Decimal, number: int, customer_no: str) -> str:
    """Return the one frame, in the model's layout, that adds `energy_kwh` as purchase `number`.

    Models that know their credits by an order number get one that is `number` in sixteen digits.
    """
    return _hex(
        credit_frame(
            profile, serial, energy_kwh, number=number, customer_no=customer_no, order_no=f"{number:016d}"
        )
    )


def customer_no(serial: str, device_epoch: int) -> str:
    """Return the customer number an account is opened with: twelve digits, another one for each body of a meter.

    A credit frame recorded before a purse was initialised bears a count that comes again; by its customer number
    the meter refuses it.
    """
    return f"{(device_epoch - 1) % 100:02d}{serial[2:]}"


def opening(profile: Profile, serial: str, *, number: int, customer_no: str) -> str:
    """Return the frame (070101FF) that opens the account with no energy, as purchase `number`."""
    request = open_account_request(
        serial, profile, energy_kwh=Decimal(0), purchase_count=number, customer_no=customer_no
    )
    return _hex(request)


_ACTIONS = {
    CommandKind.POWER_OFF: RelayAction.TRIP,
    CommandKind.KEEP_POWER: RelayAction.KEEP,
    CommandKind.RELEASE_KEEP: RelayAction.RELEASE,
    CommandKind.LAMP_ON: RelayAction.ALARM,
    CommandKind.LAMP_OFF: RelayAction.ALARM_OFF,
}


def switch(profile: Profile, serial: str, kind: CommandKind, *, valid_until: datetime) -> str:
    """Return the frame (1CH) of a wish about relay or lamp; the meter itself refuses it after `valid_until`."""
    action = _ACTIONS.get(kind, profile.on_action)
    return _hex(relay_request(serial, action, profile.auth, _local(profile, valid_until)))


def clock_reads(serial: str) -> tuple[str, ...]:
    """Return the reads of date and time."""
    return reads(serial, [DATE_DI, TIME_DI])


def clock_writes(profile: Profile, serial: str, now: datetime) -> tuple[str, ...]:
    """Return the writes (14H) that set the clock to `now`, in the meter's zone: the time first, then the date."""
    local, auth = _local(profile, now), profile.parameter_auth
    return tuple(
        _hex(write_request(serial, di, auth, value))
        for di, value in ((TIME_DI, local.time().replace(microsecond=0)), (DATE_DI, local.date()))
    )


def reset(profile: Profile, serial: str, kind: CommandKind) -> str:
    """Return the one frame of a reset: everything counted to zero (1AH), or a purse with nothing in it (070103FF, or
    the maker's own write).
    """
    if kind == CommandKind.INIT_PURSE:
        return _hex(clear_purse_frame(profile, serial))
    return _hex(clear_meter_request(serial, profile.auth))


def _local(profile: Profile, moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(profile.time_zone)).replace(tzinfo=None)
