"""The daily proof as the operator sees it: the last runs, what differed in the newest, and the nights as bars."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.income.models import ProofFinding, ProofRun
from apps.landing.desk import charts, words

RUNS = 30
BY_HAND = "manage.py prove_meters"
# A night without a proof is worth a look.
LATE = timedelta(hours=26)


@dataclass(frozen=True)
class Run:
    when: str
    said: words.Said
    compared: int
    differing: int
    unreachable: int
    oldest: str


@dataclass(frozen=True)
class Finding:
    """One meter that differed, its three figures, and what was done."""

    landlord: str
    place: str
    serial: str
    href: str
    shown: str
    booked: str
    difference: str
    act: str


@dataclass(frozen=True)
class Proofs:
    runs: tuple[Run, ...]
    findings: tuple[Finding, ...]
    found_when: str
    chart: charts.Chart
    by_hand: str = BY_HAND


def proofs(now: datetime) -> Proofs:
    """Return the newest runs first, and the findings of the newest run that has some. Runs inside everything()."""
    runs = list(ProofRun.objects.order_by("-id")[:RUNS])
    with_findings = next((run for run in runs if run.differing), None)
    rows = ProofFinding.objects.filter(run=with_findings).select_related("landlord", "meter__room__site")
    found = tuple(_finding(row) for row in rows.order_by("id")[:100]) if with_findings else ()
    bars = [
        charts.Value(
            charts.day_label(run.started_at.date()), Decimal(run.differing) if run.closed_at else None
        )
        for run in reversed(runs)
    ]
    return Proofs(
        tuple(_run(run, now) for run in runs),
        found,
        words.moment(with_findings.started_at, now) if with_findings else "",
        charts.draw(bars, say=_meters),
    )


def _meters(count: Decimal | None) -> str:
    if count is None:
        return words.NOTHING
    return ngettext("%(n)d meter", "%(n)d meters", int(count)) % {"n": int(count)}


def _run(run: ProofRun, now: datetime) -> Run:
    return Run(
        words.moment(run.started_at, now),
        said(run),
        run.compared,
        run.differing,
        run.unreachable,
        words.age(run.oldest_at, now) if run.oldest_at and run.unreachable else "",
    )


def said(run: ProofRun) -> words.Said:
    """What a run came to, in a word."""
    if run.closed_at is None:
        return words.Said(_("Reading the meters"), "idle")
    if run.is_alarm:
        return words.Said(
            _("Alarm"), "bad", _("So many differ that our own reading is suspect; none frozen.")
        )
    if run.differing:
        return words.Said(_("Differences"), "bad")
    return words.Said(_("All agree"), "good")


def _finding(row: ProofFinding) -> Finding:
    return Finding(
        str(row.landlord),
        f"{row.meter.room.site.name} {row.meter.room}",
        row.meter.serial,
        reverse("ops:meters_meter_change", args=[row.meter_id]),
        words.energy(row.shown_kwh - row.opening_kwh),
        words.energy(row.booked_kwh),
        words.energy(row.difference_kwh),
        str(row.get_act_display()),
    )
