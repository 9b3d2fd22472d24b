"""Change what is said of a person or a landlord."""

from datetime import datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import AuditLine, Landlord, User
from apps.common.errors import Refused, Words

LEAST_MINIMUM, MOST_MINIMUM = Decimal("0.01"), Decimal("5000.00")
MOST_THRESHOLD = Decimal("9999.99")
_PHONE_MARKS = frozenset("0123456789+- ")


class SettingInvalid(Refused):
    """`fields` names the one that cannot be."""

    code = "setting_invalid"


def change_user(*, user: User, name: str | None = None, language: str | None = None) -> User:
    """Return the user with what was given changed, None leaving things as they are.

    :param language: of messages to her phone; one that nobody speaks here changes nothing.
    """
    if language not in dict(settings.LANGUAGES):
        language = None
    given = {"name": name, "language": language}
    changes = {field: value for field, value in given.items() if value is not None}
    if changes:
        User.objects.filter(pk=user.pk).update(**changes)
    for field, value in changes.items():
        setattr(user, field, value)
    return user


def change_landlord(
    *,
    landlord: Landlord,
    by_id: UUID,
    now: datetime,
    name: str | None = None,
    phone: str | None = None,
    minimum_recharge_yuan: Decimal | None = None,
    time_zone: str | None = None,
    low_below_kwh: Decimal | None = None,
    protected_hours: tuple[time | None, time | None] | None = None,
) -> Landlord:
    """Return the landlord with what was given changed, None leaving things as they are. Audited, with what was.

    Orders that are open already keep the minimum they were made under, and meters that hang keep their threshold
    and the time zone of their site. A `protected_hours` of (None, None) protects no hour. Locks the landlord's row.

    :raises SettingInvalid: naming the field that cannot be.
    """
    given: dict[str, Any] = {
        "name": name if name is None else name.strip(),
        "phone": phone if phone is None else phone.strip(),
        "minimum_recharge_yuan": minimum_recharge_yuan,
        "time_zone": time_zone,
        "low_below_kwh": low_below_kwh,
    }
    wanted = {field: value for field, value in given.items() if value is not None}
    if protected_hours is not None:
        wanted["protected_from"], wanted["protected_until"] = protected_hours
    _refuse_wrong(wanted)
    with transaction.atomic():
        present = Landlord.objects.select_for_update().get(pk=landlord.pk)
        changes = {field: value for field, value in wanted.items() if value != getattr(present, field)}
        if changes:
            Landlord.objects.filter(pk=landlord.pk).update(**changes)
            was = {f"was_{field}": getattr(present, field) for field in changes}
            AuditLine.objects.create(
                landlord_id=landlord.pk,
                at=now,
                by_id=by_id,
                act="landlord.change",
                object_type="Landlord",
                object_id=landlord.pk,
                facts={field: _fact(value) for field, value in {**changes, **was}.items()},
            )
    landlord.refresh_from_db()
    return landlord


def _fact(value: Any) -> str:
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return "" if value is None else str(value)


def _refuse_wrong(wanted: dict[str, Any]) -> None:
    minimum, threshold = wanted.get("minimum_recharge_yuan"), wanted.get("low_below_kwh")
    if wanted.get("name") == "":
        _refuse("name", _("Say the name that renters see."))
    if not set(wanted.get("phone", "")) <= _PHONE_MARKS:
        _refuse("phone", _("A phone number has digits, spaces, + and -."))
    if minimum is not None and not LEAST_MINIMUM <= minimum <= MOST_MINIMUM:
        _refuse("minimum_recharge_yuan", _("The minimum recharge is from 0.01 to 5000.00 yuan."))
    if threshold is not None and not 0 <= threshold <= MOST_THRESHOLD:
        _refuse("low_below_kwh", _("A meter can warn from 0.00 to 9999.99 kWh."))
    if "time_zone" in wanted and wanted["time_zone"] not in available_timezones():
        _refuse("time_zone", _("Nobody knows this time zone. In China it is Asia/Shanghai."))
    start, until = wanted.get("protected_from"), wanted.get("protected_until")
    if (start is None) != (until is None):
        missing = "protected_from" if start is None else "protected_until"
        _refuse(missing, _("Protected hours have a beginning and an end; leave both empty for none."))
    if start is not None and start == until:
        _refuse("protected_until", _("Protected hours cannot end when they begin."))


def _refuse(field: str, said: Words) -> None:
    raise SettingInvalid(said, fields={field: said})
