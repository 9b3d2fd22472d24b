"""Whether a member may: the view names the act, the table in `roles` answers."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.accounts.roles import Act, may
from apps.common.errors import Forbidden, Refused


class LandlordAmbiguous(Refused):
    code = "landlord_required"
    status = 400
    detail = _("You work for several landlords; say which one in the X-Landlord header.")


class MemberMay(BasePermission):
    """A member of the landlord in force, in a role that may do the view's act.

    A view says `act = Act.…` or, by method, `acts = {"POST": Act.SWITCH}`; reading needs Act.VIEW.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        http: Any = request._request
        if not request.user or not request.user.is_authenticated:
            return False
        if http.membership is None:
            if http.landlord_choice == "ambiguous":
                raise LandlordAmbiguous()
            raise Forbidden(_("You are not a member of this landlord."), code="not_a_member")
        method = request.method or "GET"
        acts = getattr(view, "acts", {})
        act = acts.get(method) or (
            Act.VIEW if method in ("GET", "HEAD", "OPTIONS") else getattr(view, "act", None)
        )
        if act is None and not hasattr(view, method.lower()):
            # Nothing to be allowed or forbidden: the view answers 405 itself.
            return True
        if act is None:
            raise AssertionError(f"{type(view).__name__} does not say which act {method} is")
        if not may(http.membership.role, act):
            raise Forbidden(_("Your role may not do this; ask the owner."), code="role_may_not")
        if not http.membership.may(act):
            raise Forbidden(
                _("This is about all sites, and you see some of them only; ask the owner."),
                code="sites_limited",
            )
        return True
