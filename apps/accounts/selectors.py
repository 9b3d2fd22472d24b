"""Questions about people that need no scope, and the scope a member works in."""

from contextlib import AbstractContextManager
from uuid import UUID

from django.conf import settings

from apps.accounts.models import Member, User
from apps.common.scoping import landlord_scope


def memberships_of(user: User) -> list[Member]:
    """Return the landlords this login works for, oldest membership first."""
    return list(Member.objects.filter(user=user).select_related("landlord").order_by("id"))


def membership(user: User, landlord_id: UUID) -> Member | None:
    return Member.objects.filter(user=user, landlord_id=landlord_id).select_related("landlord").first()


def scope_of(member: Member) -> AbstractContextManager[None]:
    """Return the scope in which a member works, to be entered: her landlord's, at the sites she may see."""
    return landlord_scope(member.landlord_id, member.site_ids)


def language_of(phone: str) -> str:
    """Return the language in which a phone is written to: what its login has chosen, else Chinese."""
    chosen = User.objects.filter(username=phone).values_list("language", flat=True).first()
    return str(chosen or settings.LANGUAGE_CODE)
