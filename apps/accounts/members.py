"""Who works for a landlord. Each change locks the landlord's row, so that there is always an owner left."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit, codes, services
from apps.accounts.models import Landlord, Member, User
from apps.accounts.roles import Role
from apps.common.errors import Conflict


class MemberExists(Conflict):
    code = "member_exists"
    detail = _("This phone works for you already; change the role instead.")


class LastOwner(Conflict):
    code = "last_owner"
    detail = _("A landlord needs an owner; make somebody else one first.")


def members_of(landlord_id: UUID) -> QuerySet[Member]:
    """Return who works for this landlord."""
    return Member.objects.filter(landlord_id=landlord_id).select_related("user")


def add_member(*, landlord_id: UUID, phone: str, name: str, role: Role, by_id: UUID, now: datetime) -> Member:
    """Return the new member behind a phone; a phone without a login gets one that comes in by code. Audited.

    :raises MemberExists: if she works for this landlord already. :raises Refused: `phone_invalid`.
    """
    phone = codes.checked_phone(phone)
    _lock(landlord_id)
    user = User.objects.filter(username=phone).first()
    if user is None:
        user = services.create_user(username=phone, password=None, name=name, now=now)
    if Member.objects.filter(landlord_id=landlord_id, user=user).exists():
        raise MemberExists(fields={"phone": _("A member already.")})
    member = Member.objects.create(landlord_id=landlord_id, user=user, role=role)
    audit.record("member.add", on=member, by_id=by_id, now=now, name=user, role=role)
    return member


def change_role(*, member: Member, role: Role, by_id: UUID, now: datetime) -> Member:
    """Return the member in her new role; may run twice. Audited.

    :raises LastOwner: if nobody would govern any more.
    """
    _lock(member.landlord_id)
    member.refresh_from_db()
    if member.role == role:
        return member
    _refuse_last_owner(member)
    was, member.role = member.role, role
    member.save(update_fields=["role"])
    audit.record("member.change", on=member, by_id=by_id, now=now, name=member.user, role=role, was=was)
    return member


def remove_member(*, member: Member, by_id: UUID, now: datetime) -> None:
    """End a membership; the login stays, and may work for others. Audited.

    :raises LastOwner: if nobody would govern any more.
    """
    _lock(member.landlord_id)
    if not Member.objects.filter(pk=member.pk).exists():
        return
    _refuse_last_owner(member)
    audit.record("member.remove", on=member, by_id=by_id, now=now, name=member.user, was=member.role)
    member.delete()


def _lock(landlord_id: UUID) -> None:
    Landlord.objects.select_for_update().get(pk=landlord_id)


def _refuse_last_owner(member: Member) -> None:
    owners = Member.objects.filter(landlord_id=member.landlord_id, role=Role.OWNER, user__is_active=True)
    if not owners.exclude(pk=member.pk).exists():
        present = Member.objects.get(pk=member.pk)
        if present.role == Role.OWNER:
            raise LastOwner(fields={"role": _("The last owner.")})
