"""What is stuck, since when, and what to do: the operator's first page. Runs inside everything()."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

from apps.income.models import BillDay, Difference, Payment, ProofRun, Recharge
from apps.income.selectors import payments_in_review
from apps.income.services import freezes
from apps.income.states import UNDECIDED, RechargeState
from apps.landing.desk import proofs, words
from apps.meters.models import Command, Gateway, Letter, Presence, StockedMeter
from apps.meters.services.presence import GATEWAY_SILENT
from apps.meters.states import FINAL, OPEN, CommandKind
from apps.readings.models import QuarantinedReading
from apps.readings.months import months_missing

# A turn, a poll or an answer this late is no longer just busy.
LATE = timedelta(seconds=60)
BILL_LATE = timedelta(days=2)


@dataclass(frozen=True)
class Stuck:
    """Something that does not move: how many, for how long the oldest, and the next step for a person."""

    what: str
    count: int
    since: str
    to_do: str
    href: str
    tone: str = "bad"


@dataclass(frozen=True)
class Beating:
    """Something that should be alive, in words."""

    what: str
    said: words.Said


@dataclass(frozen=True)
class Report:
    stuck: tuple[Stuck, ...]
    beating: tuple[Beating, ...]


def what_is_stuck(now: datetime) -> Report:
    """Return everything that stands still, worst first, and the pulse of what should be alive."""
    found = [
        *_proof(now),
        *_frozen(now),
        *_reviews(now),
        *_bills(now),
        *_credits(now),
        *_letters(now),
        *_polls(now),
        *_unsettled(now),
    ]
    found += [*_quarantined(now), *_months(now)]
    return Report(tuple(found), tuple(_pulse(now)))


def _proof(now: datetime) -> Iterable[Stuck]:
    newest = ProofRun.objects.exclude(closed_at=None).order_by("-id").first()
    if newest is not None and newest.is_alarm:
        yield Stuck(
            _("The daily proof failed for much of the fleet"),
            newest.differing,
            words.how_long(newest.closed_at, now),
            _("Our own reading of a register may be wrong. Nothing was frozen; look before anything else."),
            reverse("ops:proofs"),
        )
    begun = ProofRun.objects.order_by("-id").first()
    if begun is not None and now - begun.started_at > proofs.LATE:
        yield Stuck(
            _("Nights without a daily proof"),
            (now - begun.started_at).days,
            words.how_long(begun.started_at, now),
            _("See whether beat runs; then prove by hand."),
            reverse("ops:proofs"),
            "warn",
        )


def _frozen(now: datetime) -> Iterable[Stuck]:
    rows = freezes.frozen_meters().values_list("frozen").annotate(n=Count("pk"), since=Min("frozen_at"))
    for reason, count, since in rows.order_by("since"):
        said = words.frozen(reason)
        yield Stuck(
            _("Recharges on hold: %(why)s") % {"why": said.text},
            count,
            words.how_long(since, now),
            _("Open its ways out and probe it: the meter's own word says which one is allowed."),
            f"{reverse('ops:meters_meter_changelist')}?frozen={reason}",
        )


def _reviews(now: datetime) -> Iterable[Stuck]:
    yield from _one(
        payments_in_review(),
        "created_at",
        now,
        _("Payments that need a person"),
        _("They do not agree with their order, or their money waits to go back. Each page says what to do."),
        f"{reverse('ops:income_payment_changelist')}?review=yes",
    )


def _bills(now: datetime) -> Iterable[Stuck]:
    address = reverse("ops:income_billday_changelist")
    yield from _one(
        Difference.objects.filter(state=Difference.State.OPEN),
        "found_at",
        now,
        _("Differences between a platform's bill and the books"),
        _("Open the bill: each difference says what to do."),
        f"{address}?look=open",
    )
    # A bill of yesterday's is there by noon; one that is two days late is not just slow.
    late = BillDay.objects.filter(state=BillDay.State.WAITING, day__lt=(now - BILL_LATE).date())
    for said, count, day in late.values_list("said").annotate(n=Count("pk"), since=Min("day")):
        yield Stuck(
            _("Daily bills the platform has not given: %(why)s") % {"why": said or words.NOTHING},
            count,
            f"{day:%Y-%m-%d}",
            _("They are asked for again by themselves; see the collection account's keys."),
            f"{address}?look=missing",
            "warn",
        )


def _credits(now: datetime) -> Iterable[Stuck]:
    late = Command.objects.filter(
        kind=CommandKind.CREDIT, state__in=sorted(OPEN), created_at__lt=now - LATE, meter__frozen=""
    )
    online = Presence.objects.filter(is_online=True).values("serial")
    address = f"{reverse('ops:meters_command_changelist')}?age=late"
    yield from _one(
        late.filter(meter__serial__in=online),
        "created_at",
        now,
        _("Credits waiting though the meter is online"),
        _("Look at the worker and the sweeper; then at this meter's letters."),
        address,
    )
    yield from _one(
        late.exclude(meter__serial__in=online),
        "created_at",
        now,
        _("Credits waiting for a meter to come online"),
        _("They are safe and go out by themselves. The renter can carry them by Bluetooth."),
        address,
        tone="warn",
    )


def _letters(now: datetime) -> Iterable[Stuck]:
    yield from _one(
        Letter.objects.filter(state=Letter.State.OUT, deadline_at__lt=now - LATE),
        "created_at",
        now,
        _("Letters past their deadline"),
        _("The sweeper should have closed them; see whether it runs."),
        reverse("ops:meters_letter_changelist"),
    )


def _polls(now: datetime) -> Iterable[Stuck]:
    yield from _one(
        Payment.objects.filter(state__in=sorted(UNDECIDED), poll_at__lt=now - LATE),
        "poll_at",
        now,
        _("Payments nobody has asked the platform about"),
        _("See whether the sweeper runs and the platforms answer."),
        reverse("ops:income_payment_changelist"),
    )


def _unsettled(now: datetime) -> Iterable[Stuck]:
    rows = Recharge.objects.filter(state=RechargeState.OPEN, command__state__in=sorted(FINAL))
    yield from _one(
        rows.filter(command__final_at__lt=now - LATE),
        "command__final_at",
        now,
        _("Credits that ended and are not in the books"),
        _("See whether the sweeper runs; a refused credit needs a refund or a correction."),
        f"{reverse('ops:meters_command_changelist')}?age=all",
    )


def _quarantined(now: datetime) -> Iterable[Stuck]:
    yield from _one(
        QuarantinedReading.objects.filter(received_at__gt=now - timedelta(days=7)),
        "received_at",
        now,
        _("Readings set aside: a total rose further than it can"),
        _("Nothing was counted of them. See whether the right device hangs there; the log names the meter."),
        reverse("ops:meters_meter_changelist"),
        tone="warn",
    )


def _months(now: datetime) -> Iterable[Stuck]:
    missing = months_missing(now)
    if missing:
        yield Stuck(
            _("Months that have no table for their readings"),
            len(missing),
            f"{missing[0]:%Y-%m}",
            _(
                "See whether the sweeper and beat run; both make them ahead. Without one, readings are refused."
            ),
            reverse("ops:index"),
        )


def _one(
    rows: QuerySet[Any], since: str, now: datetime, what: str, to_do: str, href: str, tone: str = "bad"
) -> Iterable[Stuck]:
    found = rows.order_by().aggregate(n=Count("pk"), since=Min(since))
    if found["n"]:
        yield Stuck(what, found["n"], words.how_long(found["since"], now), to_do, href, tone)


def _pulse(now: datetime) -> Iterable[Beating]:
    gateways = Gateway.objects.filter(is_alive=True).aggregate(n=Count("pk"), hello=Max("hello_at"))
    silent = gateways["hello"] is None or now - gateways["hello"] > GATEWAY_SILENT
    yield Beating(
        _("Gateways"),
        words.Said(_("None alive"), "bad", _("Start one: no meter can be reached."))
        if silent
        else words.Said(
            _("%(n)d alive") % {"n": gateways["n"]},
            "good",
            _("last hello %(age)s") % {"age": words.age(gateways["hello"], now)},
        ),
    )
    stock = StockedMeter.objects.filter(barred_at=None).count()
    online = Presence.objects.filter(is_online=True).count()
    yield Beating(
        _("Meters online"),
        words.Said(
            _("%(online)d of %(all)d") % {"online": online, "all": stock}, "good" if online else "warn"
        ),
    )
    waiting = Command.objects.filter(state__in=sorted(OPEN)).aggregate(
        n=Count("pk"), due=Min("next_at", filter=Q(meter__frozen=""))
    )
    overdue = waiting["due"] is not None and now - waiting["due"] > LATE
    yield Beating(
        _("Commands open"),
        words.Said(
            str(waiting["n"]),
            "warn" if overdue else "good",
            _("oldest due for %(long)s") % {"long": words.how_long(waiting["due"], now)} if overdue else "",
        ),
    )
    beat = PeriodicTask.objects.filter(enabled=True).aggregate(n=Count("pk"), ran=Max("last_run_at"))
    if beat["n"]:
        tone = "good" if beat["ran"] and now - beat["ran"] < timedelta(hours=1) else "warn"
        yield Beating(
            _("Schedules"), words.Said(_("last run %(age)s") % {"age": words.age(beat["ran"], now)}, tone)
        )
    else:
        yield Beating(_("Schedules"), words.Said(_("None set"), "idle"))
