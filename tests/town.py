"""The street with something of every kind in Li's house, for whoever asks at every route."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from apps.accounts import doors
from apps.accounts import services as accounts
from apps.accounts.models import Landlord, Member, Renter, User
from apps.alerts.models import Alert
from apps.common.ids import uuid7
from apps.common.scoping import landlord_scope
from apps.income.models import BillDay, CollectionAccount, Difference, Grace, Payment, Refund, Settlement
from apps.income.services.recharge_ends import settle
from apps.income.services.recharges import recharge_by_member
from apps.income.services.switching import switch
from apps.income.states import RechargeKind
from apps.meters.models import Command, Gateway, Letter, Meter, Presence, Room, Site
from apps.meters.post import ValkeyPost
from apps.meters.services import sharing
from apps.meters.services.commands import ask_power
from apps.meters.services.phone import open_session
from apps.meters.states import Errand
from apps.readings.models import DailyReading, Reading
from tests.orders import order_of_fifty
from tests.people import House, Street

CANARY = "CANARY"


@dataclass
class Town:
    """The street with something of every kind in Li's house, each marked, and a caller for every kind."""

    street: Street
    values: dict[str, str]
    callers: dict[str, dict[str, str]]
    secrets: list[str]


def _token(user: User, life: timedelta = timedelta(hours=1)) -> dict[str, str]:
    token, _row = accounts.issue_token(user=user, now=timezone.now(), life=life)
    return {"Authorization": f"Bearer {token}"}


def _login_of(renter: Renter) -> User:
    assert renter.user is not None
    return renter.user


def furnish(house: House, mark: str) -> dict[str, str]:
    """Put a marked thing of every kind into a house; returns what its addresses need."""
    now = timezone.now()
    Landlord.objects.filter(pk=house.landlord.pk).update(
        name=f"{house.landlord.name} {mark}", phone=f"1{mark}"
    )
    with landlord_scope(house.landlord.pk):
        Site.objects.filter(pk=house.room.site_id).update(name=f"Site {mark}")
        Room.objects.filter(site_id=house.room.site_id).update(floor=f"{mark} floor")
        Room.objects.filter(pk=house.room.pk).update(name=f"Room {mark}")
        Meter.objects.filter(pk=house.meter.pk).update(note=f"Note {mark}")
        Renter.objects.filter(pk=house.renter.pk).update(name=f"Renter {mark}")
        by_id = house.owner.pk
        meter = Meter.objects.get(pk=house.meter.pk)
        command = ask_power(
            meter=meter, on=False, reason=f"Off {mark}", by_id=by_id, now=now, remaining_kwh=None
        )
        recharge_by_member(
            meter=meter,
            kind=RechargeKind.CASH,
            amount_yuan=Decimal("30.00"),
            energy_kwh=None,
            reason=f"Cash {mark}",
            by_id=by_id,
            now=now,
        )
        credit = switch(
            meter=house.vacant_meter,
            on=True,
            reason=f"Lent {mark}",
            by_id=by_id,
            now=now,
            remaining_kwh=Decimal(0),
            grace_kwh=Decimal("2.00"),
        )
        Command.objects.filter(pk=credit.pk).update(state="DONE", final_at=now)
        settle(command_id=credit.pk, now=now)
        Reading.objects.create(
            meter=meter,
            taken_at=now,
            received_at=now,
            source="NETWORK",
            device_epoch=1,
            total_kwh=Decimal("1520.25"),
            remaining_kwh=Decimal("12.40"),
        )
        is_first = not CollectionAccount.objects.exists()
        account = CollectionAccount(channel="wechat", merchant_id=f"M{mark}", is_active=is_first)
        account.set_credentials({"secret": mark})
        account.save()
        no = f"R{mark}"
        order = order_of_fifty(house, no, at=now)
        doors.hang(doors.Kind.ORDER, no, object_id=order.pk)
        payment = Payment.objects.create(
            order=order,
            account=account,
            channel="wechat",
            out_trade_no=f"{no}01",
            amount_yuan=Decimal("50.00"),
            state="CLOSED",
            review_reason=f"Review {mark}",
            created_at=now,
        )
        paid_order = order_of_fifty(house, f"{no}P", at=now)
        paid = Payment.objects.create(
            order=paid_order,
            account=account,
            channel="wechat",
            out_trade_no=f"{no}P01",
            transaction_id=f"T{mark}",
            amount_yuan=Decimal("50.00"),
            state="PAID",
            created_at=now,
            paid_at=now,
        )
        refund = Refund.objects.create(
            payment=paid,
            out_refund_no=f"{no}P01F01",
            amount_yuan=Decimal("50.00"),
            reason=f"Refund {mark}",
            created_at=now,
            next_at=now,
        )
        Settlement.objects.create(
            account=account, number=f"S{mark}", amount_yuan=Decimal("49.70"), created_at=now, next_at=now
        )
        bill = BillDay.objects.create(account=account, day=now.date(), next_at=now)
        difference = Difference.objects.create(
            bill=bill, kind="MISSING_HERE", number=f"D{mark}", bill_yuan=Decimal("7.00"), found_at=now
        )
        share_token, share = sharing.share_meter(meter=meter, by_id=by_id, now=now)
        alert = Alert.objects.create(meter=meter, kind=Alert.Kind.LOW_BALANCE, raised_at=now)
        DailyReading.objects.create(
            meter=meter,
            date=meter.claimed_at.date(),
            device_epoch=1,
            total_kwh=Decimal("1520.25"),
            taken_at=now,
            source="FREEZE",
        )
        errands = open_session(
            post=ValkeyPost(),
            meter=meter,
            errand=Errand.READ,
            command_id=None,
            by_id=by_id,
            keeps_readings=False,
            now=now,
        )
        grace_id = str(Grace.objects.get(recharge__command=credit).pk)
    return {
        "session_id": str(errands.session.pk),
        "share_token": share_token,
        "share_id": str(share.pk),
        "alert_id": str(alert.pk),
        "lease_id": str(house.lease.pk),
        "room_id": str(house.room.pk),
        "site_id": str(house.room.site_id),
        "meter_id": str(meter.pk),
        "command_id": str(command.pk),
        "payment_id": str(payment.pk),
        "difference_id": str(difference.pk),
        "refund_id": str(refund.pk),
        "grace_id": grace_id,
        "member_id": str(Member.objects.filter(landlord=house.landlord).latest("id").pk),
        "token": meter.qr_token,
        "no": no,
        "account_id": str(uuid7()),
        "collection_account_id": str(account.pk),
        "landlord_id": str(house.landlord.pk),
        "strategy": "S1",
        "channel": "wechat",
        "content_type_id": "1",
        "anything": "no/such/thing",
    }


def build_town(street: Street) -> Town:
    li = street.li
    values = furnish(li, CANARY)
    _machines(li)
    secrets = [CANARY, li.meter.serial, li.vacant_meter.serial, li.meter.qr_token, li.vacant_meter.qr_token]
    secrets += [str(row.pk) for row in (li.landlord, li.meter, li.vacant_meter, li.room, li.lease, li.renter)]
    callers = {
        "anonymous": {},
        "renter": _token(_login_of(li.renter)),
        "owner": _token(li.owner),
        "manager": _token(street.zhou),
        "viewer": _token(street.viewer),
        "foreign_owner": _token(street.wang.owner),
        "operator": _token(street.operator),
        "expired": _token(li.owner, -timedelta(seconds=1)),
    }
    secrets += [values[name] for name in ("command_id", "share_id", "share_token", "alert_id", "site_id")]
    return Town(street, values, callers, secrets)


def _machines(house: House) -> None:
    """A gateway with Li's meter on its socket, a letter under way, and a schedule of each kind."""
    now = timezone.now()
    gateway = Gateway.objects.create(name="gw1-a", node="gw1", stream="rm:letters:gw1-a", hello_at=now)
    Presence.objects.create(
        serial=house.meter.serial, gateway=gateway, is_online=True, since=now, seen_at=now
    )
    with landlord_scope(house.landlord.pk):
        Letter.objects.create(
            command=Command.objects.filter(meter=house.meter).latest("id"),
            meter=house.meter,
            attempt=1,
            purpose="READ",
            gateway=gateway.name,
            epoch=1,
            frames=["68"],
            created_at=now,
            expires_at=now,
            deadline_at=now,
        )
    every, _made = IntervalSchedule.objects.get_or_create(every=30, period="seconds")
    CrontabSchedule.objects.create()
    PeriodicTask.objects.create(name="task", task="common.beat_is_alive", interval=every)
