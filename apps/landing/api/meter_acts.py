"""The rarer things asked of a meter; each answers 202 with its command, whose life is at `commands/{id}`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.idempotency import idempotent
from apps.accounts.api.views import caller, parsed
from apps.accounts.roles import Act
from apps.common.openapi import documented
from apps.landing.api import serializers as s
from apps.meters.api.of_one_meter import OfOneMeter
from apps.meters.models import Command, Meter
from apps.meters.services import acts
from apps.meters.states import CommandKind

Given = dict[str, Any]
# What is asked of this meter, with the parsed body, by whom and when.
Ask = Callable[[Meter, Given, UUID, datetime], Command]
View = Callable[..., HttpResponseBase]


class KeepPowerIn(serializers.Serializer):
    """`on` keeps the power on whatever remains, `off` ends that."""

    state = serializers.ChoiceField(choices=["on", "off"])
    reason = serializers.CharField(max_length=200)


class LampIn(serializers.Serializer):
    """Until the next recharge, which puts the lamp back under the meter's own rule."""

    state = serializers.ChoiceField(choices=["on", "off"])


class ResetIn(serializers.Serializer):
    """`confirm` is the meter's serial, typed by whoever asks."""

    confirm = serializers.CharField(max_length=20)
    reason = serializers.CharField(max_length=200)


def _asked(
    summary: str, *, name: str, may: Act, takes: type[serializers.Serializer] | None = None
) -> Callable[[Ask], View]:
    """Turn the decorated question into its POST, done once per Idempotency-Key.

    :param name: the operation's id in the schema. :param may: what a member's role must allow.
    :param takes: the shape of the body; None for none.
    """

    def as_post(ask: Ask) -> View:
        class Asked(OfOneMeter):
            acts = {"POST": may}
            queryset = Command.objects.all()

            @documented(
                summary,
                name=name,
                takes=takes,
                gives=s.CommandOut,
                status=202,
                refuses=(400, 401, 403, 404, 409, 410, 422),
                has_key=True,
            )
            @idempotent
            def post(self, request: Request, meter_id: UUID) -> Response:
                given = parsed(takes, request) if takes else {}
                command = ask(self.meter, given, caller(request).pk, timezone.now())
                return Response(s.CommandOut(command).data, status=202)

        return Asked.as_view()

    return as_post


@_asked(
    "Keep the power on, or stop keeping it; while it is kept the meter refuses to switch off",
    name="keep_meter_power",
    may=Act.SWITCH,
    takes=KeepPowerIn,
)
def keep_power(meter: Meter, given: Given, who: UUID, now: datetime) -> Command:
    keep = given["state"] == "on"
    return acts.ask_keep_power(meter=meter, keep=keep, reason=given["reason"], by_id=who, now=now)


@_asked(
    "Light the alarm lamp or put it out; the newest wish wins",
    name="light_meter_lamp",
    may=Act.SWITCH,
    takes=LampIn,
)
def alarm_lamp(meter: Meter, given: Given, who: UUID, now: datetime) -> Command:
    return acts.ask_lamp(meter=meter, on=given["state"] == "on", by_id=who, now=now)


@_asked(
    "Set the meter's clock; joins a setting that is under way",
    name="set_meter_clock",
    may=Act.ARRANGE,
)
def clock(meter: Meter, given: Given, who: UUID, now: datetime) -> Command:
    return acts.ask_clock(meter=meter, by_id=who, now=now)


@_asked(
    "Open the meter's account, which some models need before their first recharge",
    name="open_meter_account",
    may=Act.ARRANGE,
)
def account(meter: Meter, given: Given, who: UUID, now: datetime) -> Command:
    return acts.ask_opening(meter=meter, by_id=who, now=now)


@_asked(
    "Set the meter's energy to zero: a new device epoch, never to be undone, never sent twice",
    name="reset_meter_energy",
    may=Act.RESET,
    takes=ResetIn,
)
def energy_reset(meter: Meter, given: Given, who: UUID, now: datetime) -> Command:
    return _reset(CommandKind.RESET_ENERGY, meter, given, who, now)


@_asked(
    "Make the meter's purse as new: nothing remains and no purchase was made; a new device epoch",
    name="initialise_meter_purse",
    may=Act.RESET,
    takes=ResetIn,
)
def purse_init(meter: Meter, given: Given, who: UUID, now: datetime) -> Command:
    return _reset(CommandKind.INIT_PURSE, meter, given, who, now)


def _reset(kind: CommandKind, meter: Meter, given: Given, who: UUID, now: datetime) -> Command:
    return acts.ask_reset(
        meter=meter, kind=kind, reason=given["reason"], typed_serial=given["confirm"], by_id=who, now=now
    )
