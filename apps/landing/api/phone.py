"""Carried by phone: a session hands its frames out ahead and takes the answers whenever they come.

A payer is given reads and the credit that waits, nothing else; there is no way to have any other frame built.
"""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import doors, tries
from apps.accounts.api.idempotency import idempotent
from apps.accounts.api.views import caller, parsed
from apps.accounts.idempotency import answer_once
from apps.accounts.models import User
from apps.accounts.roles import Act
from apps.common.addresses import address_of
from apps.common.api import refuse_large_body
from apps.common.errors import NotFound
from apps.common.openapi import documented
from apps.common.scoping import landlord_scope, own_scopes
from apps.landing import carried
from apps.landing.api import phone_serializers as s
from apps.landing.api.payer import caller_of
from apps.landing.api.renter import idempotency_key
from apps.landing.selectors import find_meter
from apps.meters.api.of_one_meter import OfOneMeter
from apps.meters.models import Meter, PhoneSession
from apps.meters.post import ValkeyPost
from apps.meters.services import phone
from apps.meters.services.phone import Errands, Said
from apps.meters.states import Errand
from apps.readings.services import record_carried
from meter_gateway.protocol.profiles import load_profile

SESSIONS_AN_HOUR = 30
ANSWERS_AN_HOUR = 600
LARGEST_BODY_BYTES = 64 * 1024
_HOUR = timedelta(hours=1)


class MeterPhoneSessionsView(OfOneMeter):
    acts = {"POST": Act.READ_METER}
    queryset = PhoneSession.objects.all()

    @documented(
        "Carry frames to this meter by Bluetooth: read it, or bring it the energy that waits",
        name="open_phone_session",
        takes=s.ErrandIn,
        gives=s.PhoneSessionOut,
        status=201,
        refuses=(400, 401, 403, 404, 409, 410, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, meter_id: UUID) -> Response:
        errand = Errand(parsed(s.ErrandIn, request)["purpose"].upper())
        errands = phone.open_session(
            post=ValkeyPost(),
            meter=self.meter,
            errand=errand,
            command_id=None,
            by_id=caller(request).pk,
            keeps_readings=True,
            now=timezone.now(),
        )
        return Response(_session(errands, self.meter), status=201)


@own_scopes
class PayersPhoneSessionsView(APIView):
    permission_classes = [AllowAny]

    @documented(
        "Carry by phone: read this meter, or bring it the energy of a paid order",
        name="open_phone_session_by_qr",
        takes=s.PayersErrandIn,
        gives=s.PhoneSessionOut,
        status=201,
        refuses=(400, 401, 404, 409, 410, 422, 429),
        of_landlord=False,
        has_key=True,
    )
    def post(self, request: Request, token: str) -> Response:
        given, key, now = parsed(s.PayersErrandIn, request), idempotency_key(request), timezone.now()
        found = find_meter(token, now)
        who = f"{address_of(request)} {found.object_id}"
        tries.take_or_refuse("phone_session", who, most=SESSIONS_AN_HOUR, within=_HOUR, now=now)
        with landlord_scope(found.landlord_id):
            meter: Meter = Meter.objects.select_related("room").get(pk=found.object_id)
            if not key:
                return Response(_open(request, meter, given, now), status=201)
            body = json.dumps(given, sort_keys=True)
            status, kept = answer_once(
                caller=caller_of(request),
                key=key,
                request_hash=hashlib.sha256(f"{request.path}\n{body}".encode()).hexdigest(),
                now=now,
                act=lambda: (201, json.loads(JSONRenderer().render(_open(request, meter, given, now)))),
            )
            return Response(kept, status=status)


@own_scopes
class PhoneAnswersView(APIView):
    permission_classes = [AllowAny]

    @documented(
        "What the meter answered, in any order, in parts, late or again; gives the next frames or the outcome",
        name="phone_answers",
        takes=s.AnswersIn,
        gives=s.ErrandOut,
        refuses=(400, 401, 404, 413, 429),
        of_landlord=False,
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        refuse_large_body(request.META.get("CONTENT_LENGTH"), LARGEST_BODY_BYTES)
        given, now = parsed(s.AnswersIn, request), timezone.now()
        found = doors.open_one(doors.Kind.PHONE_SESSION, str(session_id))
        if found is None:
            raise NotFound()
        tries.take_or_refuse("phone_answers", str(session_id), most=ANSWERS_AN_HOUR, within=_HOUR, now=now)
        answers = given.get("answers") or [given]
        said = [Said(seq=one["seq"], heard_hex=one.get("hex", "")) for one in answers]
        with landlord_scope(found.landlord_id):
            session = PhoneSession.objects.get(pk=session_id)
            if session.opened_by_id not in (None, getattr(request.user, "pk", None)):
                raise NotFound()
            errands = phone.take_answers(post=ValkeyPost(), session_id=session_id, said=said, now=now)
            if errands.is_news:
                record_carried(
                    session=errands.session, evidence=errands.evidence, at=given.get("at"), now=now
                )
            return Response(_errand(errands))


def _open(request: Request, meter: Meter, given: dict[str, Any], now: datetime) -> dict[str, Any]:
    errand = Errand(given["purpose"].upper())
    command = carried.credit_of_order(meter, given["order"]) if errand is Errand.RECHARGE else None
    user = request.user if isinstance(request.user, User) else None
    errands = phone.open_session(
        post=ValkeyPost(),
        meter=meter,
        errand=errand,
        command_id=command.pk if command else None,
        by_id=user.pk if user else None,
        keeps_readings=carried.rents(meter, user, now),
        now=now,
    )
    return _session(errands, meter)


def _session(errands: Errands, meter: Meter) -> dict[str, Any]:
    profile = load_profile(meter.profile)
    shown = {
        "errands": errands,
        "meter_name": str(meter),
        "answer_timeout_s": profile.answer_timeout_s,
        "services": profile.ble,
        "frames": _frames(errands),
    }
    return dict(s.PhoneSessionOut(shown).data)


def _errand(errands: Errands) -> dict[str, Any]:
    evidence = errands.evidence
    has_reading = evidence.total_kwh is not None and evidence.remaining_kwh is not None
    shown = {
        "id": errands.session.pk,
        "outcome": errands.outcome,
        "reason": errands.reason or None,
        "detail": carried.sentence(errands),
        "expires_at": errands.session.expires_at,
        "reading": evidence if has_reading else None,
        "frames": _frames(errands),
    }
    return dict(s.ErrandOut(shown).data)


def _frames(errands: Errands) -> list[dict[str, Any]]:
    return [{"seq": seq, "hex": frame} for seq, frame in errands.frames]
