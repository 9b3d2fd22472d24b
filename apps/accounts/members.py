"""Who works for a landlord. Each change locks the landlord's row, so that there is always an owner left."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit, codes, services
from apps.accounts.models import Landlord, Member, User
from apps.accounts.roles import Role
from apps.common.errors import Conflict, Refused

# Sites by id, with their names for the audit.
Sites = Mapping[UUID, str]


class MemberExists(Conflict):
    code = "member_exists"
    detail = _("This phone works for you already; change the role instead.")


class LastOwner(Conflict):
    code = "last_owner"
    detail = _("A landlord needs an owner; make somebody else one first.")


class OwnerSeesAllSites(Refused):
    code = "owner_sees_all_sites"
    detail = _("An owner sees every site; choose no site, or another role.")

    def __init__(self) -> None:
        super().__init__(fields={"sites": _("Not for an owner.")})


def members_of(landlord_id: UUID) -> QuerySet[Member]:
    """Return who works for this landlord."""
    return Member.objects.filter(landlord_id=landlord_id).select_related("user")


def add_member(
    *, landlord_id: UUID, phone: str, name: str, role: Role, sites: Sites, by_id: UUID, now: datetime
) -> Member:
    """Return the new member behind a phone; a phone without a login gets one that comes in by code. Audited.

    :param sites: the only ones she may see, each of this landlord; empty is all.
    :raises MemberExists: if she works for this landlord already. :raises OwnerSeesAllSites: as it says.
    :raises Refused: `phone_invalid`.
    """
    phone = codes.checked_phone(phone)
    _refuse_limited_owner(role, sites)
    _lock(landlord_id)
    user = User.objects.filter(username=phone).first()
    if user is None:
        user = services.create_user(username=phone, password=None, name=name, now=now)
    if Member.objects.filter(landlord_id=landlord_id, user=user).exists():
        raise MemberExists(fields={"phone": _("A member already.")})
    member = Member.objects.create(
        landlord_id=landlord_id, user=user, role=role, site_ids=sorted(sites) or None
    )
    facts = {"name": user, "role": role, "sites": _said(sites)}
    audit.record("member.add", on=member, by_id=by_id, now=now, **facts)
    return member


def change_member(
    *, member: Member, role: Role | None = None, sites: Sites | None = None, by_id: UUID, now: datetime
) -> Member:
    """Return the member in her new role, at her new sites; holds from her next request on. May run twice. Audited.

    :param role: None leaves it. :param sites: the only ones she may see, each of this landlord; empty is all; None
        leaves them, but who becomes an owner sees all.
    :raises LastOwner: if nobody would govern any more. :raises OwnerSeesAllSites: as it says.
    """
    _lock(member.landlord_id)
    member.refresh_from_db()
    was, role = member.role, role or Role(member.role)
    _refuse_limited_owner(role, sites)
    if sites is None and role == Role.OWNER:
        sites = {}
    site_ids = member.site_ids if sites is None else (sorted(sites) or None)
    if was == role and site_ids == member.site_ids:
        return member
    if role != Role.OWNER:
        _refuse_last_owner(member)
    facts: dict[str, Any] = {"name": member.user, "role": role}
    if was != role:
        facts["was"] = was
    if sites is not None:
        facts["sites"] = _said(sites)
    member.role, member.site_ids = role, site_ids
    member.save(update_fields=["role", "site_ids"])
    audit.record("member.change", on=member, by_id=by_id, now=now, **facts)
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


def _refuse_limited_owner(role: Role, sites: Sites | None) -> None:
    if role == Role.OWNER and sites:
        raise OwnerSeesAllSites()


def _said(sites: Sites) -> str:
    """The names of the sites, "*" for all of them."""
    return ", ".join(sorted(sites.values())) or "*"


def _lock(landlord_id: UUID) -> None:
    Landlord.objects.select_for_update().get(pk=landlord_id)


def _refuse_last_owner(member: Member) -> None:
    owners = Member.objects.filter(landlord_id=member.landlord_id, role=Role.OWNER, user__is_active=True)
    if not owners.exclude(pk=member.pk).exists():
        present = Member.objects.get(pk=member.pk)
        if present.role == Role.OWNER:
            raise LastOwner(fields={"role": _("The last owner.")})
