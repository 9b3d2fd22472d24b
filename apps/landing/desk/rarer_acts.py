"""The rarer acts on a meter: a page of their own each, only where the model can and the role may."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.roles import Act
from apps.landing.desk import words
from apps.landing.desk.forms import ActForm, PlainForm, PowerForm, ResetForm
from apps.meters.models import Meter
from apps.meters.services import acts
from apps.meters.states import RESET_KINDS, CommandKind

_K = CommandKind


@dataclass(frozen=True)
class RareAct:
    page: str
    kind: CommandKind
    needs: Act
    form: type[ActForm]
    explains: Promise


RARE = (
    RareAct(
        "keep-power",
        _K.KEEP_POWER,
        Act.SWITCH,
        PowerForm,
        _(
            "The light stays on even when nothing remains, and the meter refuses to switch off until you end this. "
            "What is drawn below zero is taken from the next recharge."
        ),
    ),
    RareAct(
        "release-keep",
        _K.RELEASE_KEEP,
        Act.SWITCH,
        PowerForm,
        _("The meter minds its balance again. If nothing remains, the light goes out at once."),
    ),
    RareAct(
        "lamp-on",
        _K.LAMP_ON,
        Act.SWITCH,
        PlainForm,
        _("The lamp on the meter stays lit until the next recharge."),
    ),
    RareAct(
        "lamp-off",
        _K.LAMP_OFF,
        Act.SWITCH,
        PlainForm,
        _("The lamp on the meter stays dark until the next recharge."),
    ),
    RareAct(
        "clock",
        _K.SET_CLOCK,
        Act.ARRANGE,
        PlainForm,
        _("The meter's clock is set to the right time and read again."),
    ),
    RareAct(
        "account",
        _K.OPEN_ACCOUNT,
        Act.ARRANGE,
        PlainForm,
        _("This model takes no recharge before its account is open. An account that is open stays as it is."),
    ),
    RareAct(
        "energy-reset",
        _K.RESET_ENERGY,
        Act.RESET,
        ResetForm,
        _(
            "The meter's total energy goes to zero, and cannot be brought back. A closing reading is taken first, "
            "and its records stay. Settle with the renter before you do this."
        ),
    ),
    RareAct(
        "purse",
        _K.INIT_PURSE,
        Act.RESET,
        ResetForm,
        _(
            "The remaining energy is lost and the light goes out until the next recharge. It cannot be undone. "
            "Settle with the renter before you do this."
        ),
    ),
)


def rare_views(pages: Any) -> dict[str, Callable[..., Any]]:
    """Return the view of each rare act, bound to the pages of a meter."""
    return {rare.page: _view(pages, rare) for rare in RARE}


def rare_links(pages: Any, request: Any, meter: Meter) -> list[dict[str, Any]]:
    """Return a link to each rare act that this meter's model can do and this role may, as things stand."""
    if meter.archived_at is not None:
        return []
    pointless = {
        _K.KEEP_POWER if meter.power_kept else _K.RELEASE_KEEP,
        _K.LAMP_ON if meter.lamp_on else _K.LAMP_OFF,
        *([_K.OPEN_ACCOUNT] if meter.account_opened else []),
    }
    return [
        {
            "href": pages.address(rare.page.replace("-", "_"), meter),
            "text": words.command_kind(rare.kind),
            "kind": "grave" if rare.kind in RESET_KINDS else "plain",
        }
        for rare in RARE
        if rare.kind not in pointless and acts.can(meter, rare.kind) and pages._may(request, rare.needs)
    ]


def _view(pages: Any, rare: RareAct) -> Callable[..., HttpResponse]:
    def view(request: HttpRequest, object_id: str) -> HttpResponse:
        meter = pages.find(request, object_id, rare.needs)
        if isinstance(meter, HttpResponse):
            return meter
        name = words.command_kind(rare.kind)
        return pages.do_act(
            request,
            meter,
            rare.form,
            lambda form: _do(rare.kind, meter, form.cleaned_data, request),
            title=name,
            button=name,
            explains=str(rare.explains),
            is_grave=rare.kind in RESET_KINDS,
            shows_total=rare.kind == _K.RESET_ENERGY,
        )

    return view


def _do(kind: CommandKind, meter: Meter, given: dict[str, Any], request: Any) -> None:
    who, now = request.user.pk, timezone.now()
    match kind:
        case _K.KEEP_POWER | _K.RELEASE_KEEP:
            keep = kind == _K.KEEP_POWER
            acts.ask_keep_power(meter=meter, keep=keep, reason=given["reason"], by_id=who, now=now)
        case _K.LAMP_ON | _K.LAMP_OFF:
            acts.ask_lamp(meter=meter, on=kind == _K.LAMP_ON, by_id=who, now=now)
        case _K.SET_CLOCK:
            acts.ask_clock(meter=meter, by_id=who, now=now)
        case _K.OPEN_ACCOUNT:
            acts.ask_opening(meter=meter, by_id=who, now=now)
        case _:
            acts.ask_reset(
                meter=meter,
                kind=kind,
                reason=given["reason"],
                typed_serial=given["confirm"],
                by_id=who,
                now=now,
            )
