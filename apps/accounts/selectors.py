"""Questions about people that are asked before a scope exists."""

from uuid import UUID

from apps.accounts.models import Member, User


def memberships_of(user: User) -> list[Member]:
    """Return the landlords this login works for, oldest membership first."""
    return list(Member.objects.filter(user=user).select_related("landlord").order_by("id"))


def membership(user: User, landlord_id: UUID) -> Member | None:
    return Member.objects.filter(user=user, landlord_id=landlord_id).select_related("landlord").first()
