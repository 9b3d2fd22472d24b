"""The rarer things asked of a meter; each answers 202 with its command, whose life is at `commands/{id}`."""

from uuid import UUID

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
from apps.meters.models import Command
from apps.meters.services import acts
from apps.meters.states import CommandKind

_REFUSES = (400, 401, 403, 404, 409, 410, 422)


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


class _Asked(OfOneMeter):
    queryset = Command.objects.all()

    @staticmethod
    def _answer(command: Command) -> Response:
        return Response(s.CommandOut(command).data, status=202)


class KeepPowerView(_Asked):
    acts = {"POST": Act.SWITCH}

    @documented(
        "Keep the power on, or stop keeping it; while it is kept the meter refuses to switch off",
        name="keep_meter_power",
        takes=KeepPowerIn,
        gives=s.CommandOut,
        status=202,
        refuses=_REFUSES,
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, meter_id: UUID) -> Response:
        given = parsed(KeepPowerIn, request)
        keep, who, now = given["state"] == "on", caller(request).pk, timezone.now()
        return self._answer(
            acts.ask_keep_power(meter=self.meter, keep=keep, reason=given["reason"], by_id=who, now=now)
        )


class AlarmLampView(_Asked):
    acts = {"POST": Act.SWITCH}

    @documented(
        "Light the alarm lamp or put it out; the newest wish wins",
        name="light_meter_lamp",
        takes=LampIn,
        gives=s.CommandOut,
        status=202,
        refuses=_REFUSES,
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, meter_id: UUID) -> Response:
        on, who, now = parsed(LampIn, request)["state"] == "on", caller(request).pk, timezone.now()
        return self._answer(acts.ask_lamp(meter=self.meter, on=on, by_id=who, now=now))


class ClockView(_Asked):
    acts = {"POST": Act.ARRANGE}

    @documented(
        "Set the meter's clock; joins a setting that is under way",
        name="set_meter_clock",
        gives=s.CommandOut,
        status=202,
        refuses=_REFUSES,
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, meter_id: UUID) -> Response:
        return self._answer(acts.ask_clock(meter=self.meter, by_id=caller(request).pk, now=timezone.now()))


class AccountView(_Asked):
    acts = {"POST": Act.ARRANGE}

    @documented(
        "Open the meter's account, which some models need before their first recharge",
        name="open_meter_account",
        gives=s.CommandOut,
        status=202,
        refuses=_REFUSES,
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, meter_id: UUID) -> Response:
        return self._answer(acts.ask_opening(meter=self.meter, by_id=caller(request).pk, now=timezone.now()))


class EnergyResetView(_Asked):
    acts = {"POST": Act.RESET}
    kind = CommandKind.RESET_ENERGY

    @documented(
        "Set the meter's energy to zero: a new device epoch, never to be undone, never sent twice",
        name="reset_meter_energy",
        takes=ResetIn,
        gives=s.CommandOut,
        status=202,
        refuses=_REFUSES,
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, meter_id: UUID) -> Response:
        given = parsed(ResetIn, request)
        return self._answer(
            acts.ask_reset(
                meter=self.meter,
                kind=self.kind,
                reason=given["reason"],
                typed_serial=given["confirm"],
                by_id=caller(request).pk,
                now=timezone.now(),
            )
        )


class PurseInitView(EnergyResetView):
    kind = CommandKind.INIT_PURSE

    @documented(
        "Make the meter's purse as new: nothing remains and no purchase was made; a new device epoch",
        name="initialise_meter_purse",
        takes=ResetIn,
        gives=s.CommandOut,
        status=202,
        refuses=_REFUSES,
        has_key=True,
    )
    def post(self, request: Request, meter_id: UUID) -> Response:
        return super().post(request, meter_id)
