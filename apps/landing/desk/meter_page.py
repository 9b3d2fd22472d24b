"""One meter: its two figures, its chart, its buttons, and what became of each command."""

from collections.abc import Callable
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.roles import Act
from apps.common.errors import Refused
from apps.income.services.recharges import recharge_by_member
from apps.income.states import RechargeKind
from apps.landing.desk import charts, figures, meter_facts, words
from apps.landing.desk.bluetooth import bluetooth_of
from apps.landing.desk.forms import ActForm, LeaseForm, PriceForm, RechargeForm, SettingsForm
from apps.landing.desk.meter_menu import MenuPages, six_pages
from apps.landing.desk.power_pages import PowerPages
from apps.landing.desk.rarer_acts import rare_links, rare_views
from apps.landing.moving_in import move_in
from apps.meters.models import Command, CommandEvent, Lease, Meter
from apps.meters.selectors import current_lease
from apps.meters.services.commands import ask_read
from apps.meters.services.registry import change_meter
from apps.meters.states import OPEN, READ_KINDS
from apps.readings.selectors import is_stale
from apps.tariffs.services import set_price

DAYS = 14
COMMANDS = 5


class MeterPages(PowerPages, MenuPages):
    """The pages of one meter."""

    def act_views(self) -> dict[str, Callable[..., Any]]:
        return {
            "live": self.live_view,
            "read": self.read_view,
            "recharge": self.recharge_view,
            "power-on": self.power_on_view,
            "power-off": self.power_off_view,
            "price": self.price_view,
            "lease": self.lease_view,
            "settings": self.settings_view,
            "share": self.share_view,
            "unshare": self.unshare_view,
            "remove": self.remove_view,
            "grace": self.grace_view,
            "grace-withdraw": self.grace_withdraw_view,
            **rare_views(self),
        }

    def meter_of(self, thing: Any) -> Any:
        return thing

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        meter = self.find(request, object_id, Act.VIEW)
        if isinstance(meter, HttpResponse):
            return meter
        now, zone = timezone.now(), self.admin_site.zone(request)
        lease = current_lease(meter, now)
        bluetooth = bluetooth_of(meter, may_read=self._may(request, Act.READ_METER))
        return self.show(
            request,
            "desk/meter.html",
            meter,
            title=str(meter),
            removed_at=words.moment(meter.archived_at, now) if meter.archived_at else "",
            menu=six_pages(
                self,
                request,
                meter,
                records_url=self._list_of("readings_reading", meter),
                has_bluetooth=bool(bluetooth),
            ),
            links=self._links(request, meter),
            buttons=self._buttons(request, meter, lease),
            rare=rare_links(self, request, meter),
            qr=meter_facts.qr(meter),
            bluetooth=bluetooth,
            lease=lease,
            lease_url=self.address("change", lease) if lease else "",
            lease_until=words.moment(lease.ends_at, now) if lease and lease.ends_at else "",
            recharges=meter_facts.recharges(meter, now) if self._may(request, Act.SEE_INCOME) else None,
            graces=self._graces(request, meter, now),
            low_below=words.energy(meter.low_below_kwh),
            settings_url=self._settings_url(request, meter),
            next_price=meter_facts.coming_price(meter, now),
            price=words.price(meter.price_yuan_per_kwh),
            price_since=words.moment(meter.price_since, now) if meter.price_since else "",
            **self._live(request, meter, now),
            **self._charts(request, meter, now, zone),
        )

    def live_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of the page that changes by itself: figures, power, and the commands' lives."""
        meter = self.find(request, object_id, Act.VIEW)
        if isinstance(meter, HttpResponse):
            return meter
        return self.show(request, "desk/meter_live.html", meter, **self._live(request, meter, timezone.now()))

    def read_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        meter = self.find(request, object_id, Act.READ_METER)
        if isinstance(meter, HttpResponse):
            return meter
        if request.method == "POST":
            try:
                ask_read(meter=meter, by_id=request.user.pk, now=timezone.now())
            except Refused as refusal:
                self.message_user(request, str(refusal.detail), messages.ERROR)
        return redirect(self.address("change", meter))

    def recharge_view(self, request: Any, object_id: str) -> HttpResponse:
        def act(meter: Meter, form: ActForm) -> None:
            recharge_by_member(
                meter=meter,
                kind=RechargeKind(form.cleaned_data["kind"]),
                amount_yuan=form.cleaned_data["amount_yuan"],
                energy_kwh=form.cleaned_data["energy_kwh"],
                reason=form.cleaned_data["reason"],
                by_id=request.user.pk,
                now=timezone.now(),
            )

        return self._act(
            request,
            object_id,
            Act.RECHARGE,
            RechargeForm,
            act,
            title=_("Recharge by hand"),
            button=_("Recharge"),
            explains=_("Money you took yourself, a gift, or a correction. It is sent to the meter at once."),
        )

    def price_view(self, request: Any, object_id: str) -> HttpResponse:
        def act(meter: Meter, form: ActForm) -> None:
            set_price(
                meter=meter,
                price_yuan_per_kwh=form.cleaned_data["price_yuan_per_kwh"],
                active_from=form.cleaned_data["active_from"],
                by_id=request.user.pk,
                now=timezone.now(),
            )

        return self._act(
            request,
            object_id,
            Act.ARRANGE,
            PriceForm,
            act,
            title=_("Change the price"),
            button=_("Set price"),
            explains="",
        )

    def lease_view(self, request: Any, object_id: str) -> HttpResponse:
        def act(meter: Meter, form: ActForm) -> str:
            now = timezone.now()
            lease = move_in(
                meter=meter,
                renter_name=form.cleaned_data["renter_name"],
                renter_phone=form.cleaned_data["renter_phone"],
                starts_at=form.cleaned_data["starts_at"] or now,
                by_id=request.user.pk,
                now=now,
            )
            return _("%(name)s rents this meter from %(when)s on.") % {
                "name": lease.renter,
                "when": words.moment(lease.starts_at, now),
            }

        return self._act(
            request,
            object_id,
            Act.ARRANGE,
            LeaseForm,
            act,
            title=_("New lease"),
            button=_("Begin the lease"),
            explains=_(
                "Who moves in sees nothing of who lived here before: no recharges, no days, no money left over."
            ),
        )

    def settings_view(self, request: Any, object_id: str) -> HttpResponse:
        def act(meter: Meter, form: SettingsForm) -> None:
            change_meter(meter=meter, room=None, by_id=request.user.pk, now=timezone.now(), **form.changes())

        return self._act(
            request,
            object_id,
            Act.ARRANGE,
            SettingsForm,
            act,
            title=_("Threshold and note"),
            button=_("Save"),
            explains=_("One message goes out each time the energy falls below the threshold."),
            initial=lambda meter: {"low_below_kwh": meter.low_below_kwh, "note": meter.note},
        )

    def _settings_url(self, request: Any, meter: Meter) -> str:
        may = meter.archived_at is None and self._may(request, Act.ARRANGE)
        return self.address("settings", meter) if may else ""

    def _buttons(self, request: Any, meter: Any, lease: Lease | None) -> list[dict[str, Any]]:
        """The acts this role may do to this meter, the likeliest first."""
        wanted = [
            (Act.RECHARGE, "recharge", _("Recharge"), "bolt", "primary"),
            (Act.SWITCH, "power_off", _("Switch off"), "power_settings_new", "grave"),
            (Act.SWITCH, "power_on", _("Switch on"), "power", "plain"),
            (Act.ARRANGE, "price", _("Change price"), "sell", "plain"),
            (Act.ARRANGE, "lease", _("New lease"), "key", "plain"),
        ]
        if meter.archived_at is not None:
            return []
        skipped = {"power_on" if meter.power_on else "power_off" if meter.power_on is False else ""}
        if lease is not None:
            skipped.add("lease")
        buttons = [
            {"href": self.address(page, meter), "text": text, "icon": icon, "kind": kind}
            for act, page, text, icon, kind in wanted
            if page not in skipped and self._may(request, act)
        ]
        if lease is not None and lease.ends_at is None and self._may(request, Act.ARRANGE):
            href = self.address("end", lease)
            buttons.append({"href": href, "text": _("End the lease"), "icon": "logout", "kind": "plain"})
        return buttons

    def _live(self, request: Any, meter: Any, now: Any) -> dict[str, Any]:
        # What the clock asked for would hide, within hours, what people did.
        by_the_clock = Q(kind__in=sorted(READ_KINDS), requested_by=None)
        acts = Command.objects.filter(~by_the_clock, meter=meter)
        commands = list(acts.select_related("requested_by").order_by("-id")[:COMMANDS])
        events: dict[Any, list[CommandEvent]] = {}
        for event in CommandEvent.objects.filter(command__in=commands).order_by("id"):
            events.setdefault(event.command_id, []).append(event)
        stale = is_stale(meter.profile, meter.read_at, now)
        return {
            "remaining": words.energy(meter.remaining_kwh),
            "total": words.energy(meter.total_kwh),
            "is_low": meter.remaining_kwh is not None and meter.remaining_kwh <= meter.low_below_kwh,
            "age": words.age(meter.read_at, now),
            "read_at": words.moment(meter.read_at, now),
            "is_stale": stale,
            "power": words.power(meter.power_on, meter.power_reason),
            "power_kept": meter.power_kept,
            "lamp_on": meter.lamp_on,
            "power_since": words.moment(meter.power_at, now) if meter.power_at else "",
            "online": words.online(meter.is_online),
            "frozen": words.frozen(meter.frozen),
            "frozen_since": words.moment(meter.frozen_at, now) if meter.frozen_at else "",
            "commands": [
                meter_facts.told(command, events.get(command.pk, []), meter.is_online, now)
                for command in commands
            ],
            "open_commands": " ".join(str(c.pk) for c in commands if c.state in OPEN),
            "can_read": meter.archived_at is None and self._may(request, Act.READ_METER),
            "live_url": self.address("live", meter),
            "read_url": self.address("read", meter),
        }

    def _charts(self, request: Any, meter: Meter, now: Any, zone: ZoneInfo) -> dict[str, Any]:
        today = now.astimezone(zone).date()
        days = figures.energy_by_day(DAYS, now, zone, meter)
        chosen = _day(request.GET.get("day", ""), [day for day, _used in days]) or today
        halves = figures.half_hours_of(meter, chosen, zone)
        return {
            "chosen_day": charts.day_label(chosen),
            "chosen_used": words.energy(dict(days).get(chosen)),
            "half_hours": charts.draw(
                [
                    charts.Value(start.astimezone(zone).strftime("%H:%M"), used, is_ahead=start > now)
                    for start, used in halves
                ]
            ),
            "days": charts.draw(
                [
                    charts.Value(charts.day_label(day), used, f"?day={day}#chart", day == chosen)
                    for day, used in days
                ]
            ),
            "records": self._records(request, meter),
        }

    def _records(self, request: Any, meter: Meter) -> list[dict[str, str]]:
        pages = [
            (Act.VIEW, "readings_reading", _("Readings")),
            (Act.SEE_INCOME, "income_recharge", _("Recharges")),
            (Act.VIEW, "meters_command", _("Commands")),
            (Act.VIEW, "tariffs_price", _("Prices")),
            (Act.VIEW, "meters_lease", _("Leases")),
        ]
        links = [
            {"href": self._list_of(page, meter), "text": text}
            for act, page, text in pages
            if self._may(request, act)
        ]
        files = [
            {"href": f"{reverse(f'api_meter_{name}', args=[meter.pk])}?format=csv", "text": text}
            for act, name, text in (
                (Act.VIEW, "readings", _("Readings (CSV)")),
                (Act.VIEW, "days", _("Days (CSV)")),
                (Act.SEE_INCOME, "recharges", _("Recharges (CSV)")),
            )
            if self._may(request, act)
        ]
        return [*links, {"href": self.address("history", meter), "text": _("History")}, *files]

    def _list_of(self, page: str, meter: Meter) -> str:
        return f"{reverse(f'{self.admin_site.name}:{page}_changelist')}?meter__id__exact={meter.pk}"

    def _links(self, request: Any, meter: Meter) -> dict[str, str]:
        """Where one gives a link away, and where one removes the meter; empty where one may not."""
        may = meter.archived_at is None and self._may(request, Act.ARRANGE)
        return {page: self.address(page, meter) if may else "" for page in ("share", "remove")}


def _day(text: str, among: list[date]) -> date | None:
    return next((day for day in among if day.isoformat() == text), None)
