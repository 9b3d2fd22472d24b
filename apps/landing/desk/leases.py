"""Leases: who rents and rented, how one ends, and what is handed back then."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.roles import Act
from apps.common.sentences import in_a_row
from apps.income.models import Payout
from apps.income.services.payouts import handed_back, pay_out_remainder
from apps.landing.desk import cells, graces, words
from apps.landing.desk.act_page import ActPages
from apps.landing.desk.forms import ActForm, GraceEndForm, LeaseEndForm, ReasonForm
from apps.landing.desk.meters import as_listed
from apps.landing.moving_out import Closing, closing_of, move_out
from apps.meters.models import Lease, Meter
from apps.tariffs.pricing import handed_back_yuan


class LeaseAdmin(ActPages):
    by_parent = ("meter",)
    list_display: Any = ("place", "renter_name", "phone", "starts", "ends")
    list_select_related: Any = ("meter__room__site", "renter")
    search_fields: Any = ("meter__room__name", "renter__name", "renter__phone")
    search_help_text = gettext_lazy("Room, renter or phone")
    ordering = ("-starts_at", "-id")
    fields: Any = ("place", "renter_name", "phone", "starts", "ends")

    def act_views(self) -> dict[str, Callable[..., Any]]:
        return {"end": self.end_view, "hand-back": self.hand_back_view, "grace": self.grace_view}

    def meter_of(self, thing: Any) -> Any:
        if not hasattr(thing, "shown_meter"):
            thing.shown_meter = as_listed(Meter.objects.all(), timezone.now()).get(pk=thing.meter_id)
        return thing.shown_meter

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        lease = self.find(request, object_id, Act.VIEW)
        if isinstance(lease, HttpResponse):
            return lease
        now = timezone.now()
        sees_income, arranges = self._may(request, Act.SEE_INCOME), self._may(request, Act.ARRANGE)
        closing, ended = closing_of(lease), has_ended(lease, now)
        waits = closing.carried_yuan > handed_back_of(lease)
        return self.show(
            request,
            "desk/lease.html",
            lease,
            title=str(lease),
            lease=lease,
            starts=words.moment(lease.starts_at, now),
            ends=words.moment(lease.ends_at, now) if lease.ends_at else "",
            has_ended=ended,
            meter_url=self.address("change", lease.meter),
            figures=_figures(closing, ended, now) if sees_income else [],
            payouts=[_payout(row, now) for row in lease.payouts.select_related("made_by").order_by("turn")]
            if sees_income
            else [],
            waits_to_be_handed_back=ended and waits and sees_income,
            end_url=self.address("end", lease) if arranges and lease.ends_at is None else "",
            hand_back_url=self.address("hand_back", lease) if arranges and ended and waits else "",
            grace_url=self.address("grace", lease) if arranges and closing.owed_kwh > 0 else "",
            history_url=self.address("history", lease),
        )

    def end_view(self, request: Any, object_id: str) -> HttpResponse:
        lease, now = self.find(request, object_id, Act.ARRANGE), timezone.now()
        if isinstance(lease, HttpResponse):
            return lease
        if lease.ends_at is not None:
            said = _("This lease has its end already: %(when)s. Nothing was done twice.")
            self.message_user(request, said % {"when": words.moment(lease.ends_at, now)})
            return redirect(self.address("change", lease))

        def act(form: ActForm) -> str:
            closing = move_out(
                lease=lease,
                ends_at=form.cleaned_data["ends_at"] or now,
                reason=form.cleaned_data["reason"],
                by_id=request.user.pk,
                now=now,
            )
            return _told(closing, now)

        carried = closing_of(lease).carried_yuan
        explains = _("From then on %(name)s sees nothing new of this meter, and the meter is read once more.")
        return self.do_act(
            request,
            lease,
            LeaseEndForm,
            act,
            title=_("End the lease"),
            button=_("End the lease"),
            explains=in_a_row([explains % {"name": lease.renter}, _to_hand_back(carried)]),
            is_grave=True,
        )

    def hand_back_view(self, request: Any, object_id: str) -> HttpResponse:
        lease = self.find(request, object_id, Act.ARRANGE)
        if isinstance(lease, HttpResponse):
            return lease

        def act(form: ActForm) -> str:
            payout = pay_out_remainder(
                lease=lease, reason=form.cleaned_data["reason"], by_id=request.user.pk, now=timezone.now()
            )
            return _handed(payout.amount_yuan, lease) if payout else _("Nothing is left to hand back.")

        return self.do_act(
            request,
            lease,
            ReasonForm,
            act,
            title=_("Hand back"),
            button=_("I handed it back"),
            explains=_to_hand_back(closing_of(lease).carried_yuan - handed_back_of(lease)),
        )

    def grace_view(self, request: Any, object_id: str) -> HttpResponse:
        lease, now = self.find(request, object_id, Act.ARRANGE), timezone.now()
        if isinstance(lease, HttpResponse):
            return lease
        holder = graces.holder_of(lease, now)
        return self.do_act(
            request,
            lease,
            GraceEndForm,
            lambda form: graces.end_by_form(form, holder=holder, by_id=request.user.pk, now=now),
            title=_("Settle what was lent"),
            button=_("Record it"),
            explains=graces.explains_end(holder, now),
        )

    @admin.display(description=gettext_lazy("meter"))
    def place(self, row: Any) -> SafeString:
        return cells.place(row.meter)

    @admin.display(description=gettext_lazy("renter"))
    def renter_name(self, row: Any) -> str:
        return str(row.renter)

    @admin.display(description=gettext_lazy("phone"))
    def phone(self, row: Any) -> str:
        return row.renter.phone or words.NOTHING

    @admin.display(description=gettext_lazy("starts"), ordering="starts_at")
    def starts(self, row: Any) -> SafeString:
        return cells.instant(row.starts_at, timezone.now())

    @admin.display(description=gettext_lazy("ends"), ordering="ends_at")
    def ends(self, row: Any) -> SafeString:
        return cells.instant(row.ends_at, timezone.now())


def has_ended(lease: Lease, now: datetime) -> bool:
    return lease.ends_at is not None and lease.ends_at <= now


def handed_back_of(lease: Lease) -> Decimal:
    """What was left over and has gone back, six places."""
    return handed_back(lease)[0]


def _to_hand_back(carried_yuan: Decimal) -> str:
    if carried_yuan <= 0:
        return ""
    said = _("%(carried)s yuan are left over: hand back %(cash)s in cash, which is booked then.")
    return said % {"carried": f"{carried_yuan:.6f}", "cash": words.money(handed_back_yuan(carried_yuan))}


def _handed(cash_yuan: Decimal, lease: Lease) -> str:
    said = _("Hand %(cash)s in cash to %(name)s. It is in the books.")
    return said % {"cash": words.money(cash_yuan), "name": lease.renter}


def _told(closing: Closing, now: datetime) -> str:
    lease = closing.lease
    ended = _("The lease of %(name)s ends: %(when)s.") % {
        "name": lease.renter,
        "when": words.moment(lease.ends_at, now),
    }
    if not has_ended(lease, now):
        later = _("What is left over can be handed back once that day has come.")
        return in_a_row([ended, later]) if closing.carried_yuan > 0 else ended
    if closing.owed_kwh > 0:
        owed = _("%(energy)s that you lent are not repaid; they stay with this lease.")
        ended = in_a_row([ended, owed % {"energy": words.energy(closing.owed_kwh)}])
    if closing.handed_back_yuan > 0:
        return in_a_row([ended, _handed(closing.handed_back_yuan, lease)])
    return in_a_row([ended, _("No money is left over.")])


def _figures(closing: Closing, ended: bool, now: datetime) -> list[tuple[str, str, str]]:
    """What is left of the lease: name, figure, and what it means."""
    read_at = words.moment(closing.read_at, now) if closing.read_at else ""
    lines = [
        (
            _("Left over"),
            _("%(amount)s yuan") % {"amount": f"{closing.carried_yuan:.6f}"},
            _("Paid, too little for a step of energy."),
        ),
        (_("Handed back"), words.money(closing.handed_back_yuan), _("In cash, rounded up to the fen.")),
    ]
    if closing.on_its_way_yuan > 0:
        on_its_way = _("Paid for energy the meter has not confirmed yet.")
        lines.append((_("On its way"), words.money(closing.on_its_way_yuan), on_its_way))
    if closing.grace is not None:
        lent_at = words.moment(closing.grace.recharge.created_at, now)
        meaning = _("Lent %(when)s, worth %(worth)s that day, and not repaid.")
        told = meaning % {"when": lent_at, "worth": words.money(closing.grace.worth_yuan)}
        lines.append((_("Owed"), words.energy(closing.grace.energy_kwh), told))
    if closing.remaining_kwh is not None:
        said = _("In the meter at the end") if ended else _("In the meter now")
        lines.append((said, words.energy(closing.remaining_kwh), _("read %(when)s") % {"when": read_at}))
    return lines


def _payout(row: Payout, now: datetime) -> dict[str, Any]:
    return {
        "amount": words.money(row.amount_yuan),
        "when": words.moment(row.paid_at, now),
        "by": row.made_by or _("the system"),
        "reason": row.reason,
    }


def register(site: Any) -> None:
    site.register(Lease, LeaseAdmin)
