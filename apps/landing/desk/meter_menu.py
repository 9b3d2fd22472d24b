"""The three dots of a meter: its six pages, and the acts behind them: giving a link away, removing it."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.roles import Act
from apps.landing.desk import words
from apps.landing.desk.act_page import ActPages
from apps.landing.desk.forms import ActForm, PlainForm
from apps.landing.removal import remove_meter
from apps.meters.models import Meter, Share
from apps.meters.services import acts
from apps.meters.services.sharing import revoke_share, share_meter
from apps.meters.states import CommandKind

_LISTED = 20


def six_pages(
    pages: Any, request: Any, meter: Meter, *, records_url: str, has_bluetooth: bool
) -> list[dict[str, str]]:
    """Return the six pages of a meter that this role may open, and that its model has: name and address."""
    in_use = meter.archived_at is None
    reset_too = in_use and pages._may(request, Act.RESET) and acts.can(meter, CommandKind.RESET_ENERGY)
    known = [
        (pages._may(request, Act.READ_METER) and in_use, "#reading", _("Meter reading")),
        (True, records_url, _("Reading records")),
        (True, "#details", _("Details")),
        (True, "#qr", _("QR code")),
        (has_bluetooth, "#bluetooth", _("Bluetooth")),
        (reset_too, pages.address("energy_reset", meter), _("Energy reset")),
    ]
    return [{"href": href, "text": text} for is_there, href, text in known if is_there]


class MenuPages(ActPages):
    """The acts that change who may come to a meter: a link for its renter, and its end."""

    def remove_view(self, request: Any, object_id: str) -> HttpResponse:
        """Ask once more; POST removes the meter, or says all that keeps it."""
        meter = self.find(request, object_id, Act.ARRANGE)
        if isinstance(meter, HttpResponse):
            return meter

        def act(form: ActForm) -> str:
            remove_meter(meter=meter, by_id=request.user.pk, now=timezone.now())
            return _("The meter is removed. Its records stay; its QR code says so.")

        return self.do_act(
            request,
            meter,
            PlainForm,
            act,
            title=_("Remove the meter"),
            button=_("Remove the meter"),
            explains=_(
                "It leaves your list and is read no more. Its records stay, and who scans its QR code is told to call "
                "you. It cannot be undone here. Not possible while somebody rents it, an order is open, or energy is "
                "left in it."
            ),
            is_grave=True,
        )

    def share_view(self, request: Any, object_id: str) -> HttpResponse:
        """Show the links given away; POST makes a new one, which is shown this once."""
        meter = self.find(request, object_id, Act.ARRANGE)
        if isinstance(meter, HttpResponse):
            return meter
        if meter.archived_at is not None:
            self.message_user(request, _("This meter has been removed."), messages.ERROR)
            return redirect(self.address("change", meter))
        made = ""
        if request.method == "POST":
            token, _share = share_meter(meter=meter, by_id=request.user.pk, now=timezone.now())
            made = f"{settings.PUBLIC_BASE_URL}/q/{token}"
        return self.show(
            request,
            "desk/share.html",
            meter,
            title=_("Share the meter"),
            made=made,
            shares=self._shares(meter),
            back_url=self.address("change", meter),
            revoke_url=self.address("unshare", meter),
        )

    def unshare_view(self, request: Any, object_id: str) -> HttpResponse:
        """End one link of this meter; a foreign one is as missing as none."""
        meter = self.find(request, object_id, Act.ARRANGE)
        if isinstance(meter, HttpResponse):
            return meter
        if request.method == "POST":
            wanted = request.POST.get("share", "")
            for share in Share.objects.filter(meter=meter, revoked_at=None):
                if str(share.pk) == wanted:
                    revoke_share(share=share, by_id=request.user.pk, now=timezone.now())
                    self.message_user(
                        request, _("The link is ended; who opens it is told so."), messages.SUCCESS
                    )
        return redirect(self.address("share", meter))

    def _shares(self, meter: Meter) -> list[dict[str, Any]]:
        now = timezone.now()
        rows = Share.objects.filter(meter=meter).select_related("lease__renter", "created_by").order_by("-id")
        return [
            {
                "id": str(row.pk),
                "when": words.moment(row.created_at, now),
                "by": row.created_by or "",
                "renter": row.lease.renter if row.lease else "",
                "is_over": row.revoked_at is not None
                or bool(row.lease and row.lease.ends_at and row.lease.ends_at <= now),
            }
            for row in rows[:_LISTED]
        ]
