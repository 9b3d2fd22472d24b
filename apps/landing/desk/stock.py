"""The operator's stock: devices come in one by one or as a list, and each leaves with a card.

A claim code is shown once, on the page that answers the form; only its keyed hash is kept.
"""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from apps.landing import qr
from apps.landing.desk import cells, words
from apps.landing.desk.barring import BarringPages
from apps.meters import stock_list
from apps.meters.models import Meter, StockedMeter
from apps.meters.selectors import online_by_serial
from apps.meters.services.stocking import BatchRefused, Card, renew_claim_codes, stock_batch
from apps.meters.stock_list import LARGEST_BATCH, StockLine, Wrong
from meter_gateway.protocol.profiles import names

_LARGEST_FILE = 64 * 1024
_SHOWN = 20


class LinesForm(forms.Form):
    def lines(self) -> list[StockLine]:
        """Return the devices of a valid form."""
        raise NotImplementedError


class OneForm(LinesForm):
    serial = forms.CharField(
        label=gettext_lazy("Serial"),
        max_length=20,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
    )
    profile = forms.ChoiceField(label=gettext_lazy("Model"), widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["profile"].choices = [(name, name) for name in names()]  # type: ignore[attr-defined]

    def clean_serial(self) -> str:
        serial = str(self.cleaned_data["serial"]).replace(" ", "")
        if said := stock_list.serial_mistake(serial):
            raise forms.ValidationError(said)
        return serial

    def lines(self) -> list[StockLine]:
        return [StockLine(1, self.cleaned_data["serial"], self.cleaned_data["profile"])]


class ListForm(LinesForm):
    """A CSV file, or the same text pasted; every mistake in it is told at once, by line and field."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv", "class": "desk-file"}),
    )
    text = forms.CharField(
        label=gettext_lazy("or paste it here"),
        required=False,
        max_length=_LARGEST_FILE,
        strip=False,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 6, "placeholder": "serial,model\n000000219998,dtsy-4g-ble"}
        ),
    )
    field_order = ("file", "text")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        file, pasted = given.get("file"), given.get("text") or ""
        if file is not None and file.size > _LARGEST_FILE:
            raise forms.ValidationError(_("This file is too large for a list of devices."))
        text = stock_list.text_of(file.read()) if file is not None else pasted
        if text is None:
            raise forms.ValidationError(_("This file is not text. Save the list as CSV, and send that."))
        self._lines, wrong = stock_list.read_list(text, known_profiles=names())
        for mistake in wrong:
            self.add_error(None, str(mistake))
        return given

    def lines(self) -> list[StockLine]:
        return self._lines


class StockAdmin(BarringPages):
    list_display = ("serial", "profile", "claimed", "coded", "online", "barred")
    list_filter = ("profile",)
    search_fields = ("serial",)
    search_help_text = gettext_lazy("Serial")
    ordering = ("serial",)
    fields = ("serial", "profile", "claimed", "coded", "stocked", "online", "barred", "past")
    actions = ("new_cards",)
    change_list_template = "desk/stock_list.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(self.admin_site.has_permission(request))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.import_view)
        return [path("import/", view, name="meters_stockedmeter_import"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        meter = Meter.objects.filter(serial=OuterRef("serial"), archived_at=None)
        return (
            super()
            .get_queryset(request)
            .annotate(is_online=online_by_serial(), owner_name=Subquery(meter.values("landlord__name")[:1]))
        )

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return self._take_in(request, OneForm, _("Take a meter into stock"))

    def import_view(self, request: HttpRequest) -> HttpResponse:
        return self._take_in(request, ListForm, _("Take a list of meters into stock"))

    def _take_in(self, request: Any, form_class: type[LinesForm], title: str) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = form_class(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                return self._cards(
                    request, stock_batch(lines=form.lines(), by_id=request.user.pk, now=timezone.now())
                )
            except BatchRefused as refusal:
                self._tell(form, refusal)
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "form": form,
            "is_list": form_class is ListForm,
            "models": names(),
            "most": LARGEST_BATCH,
        }
        request.current_app = self.admin_site.name
        status = 422 if form.is_bound and not form.is_valid() else 200
        return TemplateResponse(request, "desk/stock_in.html", context, status=status)

    @staticmethod
    def _tell(form: LinesForm, refusal: BatchRefused) -> None:
        wrong: Sequence[Wrong] = refusal.wrong
        if isinstance(form, OneForm):
            form.add_error("serial", wrong[0].said)
            return
        for mistake in wrong:
            form.add_error(None, str(mistake))
        if len(wrong) == len(form.lines()):
            form.add_error(
                None, _("Was it sent twice? Choose these meters in the stock and give them new cards.")
            )

    def _cards(self, request: HttpRequest, cards: Sequence[Card]) -> HttpResponse:
        """Show the cards of the boxes, to be printed now: the codes are told this once."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("Cards for the boxes"),
            "opts": self.opts,
            "columns": "serial,model,claim_code",
            "cards": [
                {
                    "card": card,
                    "qr": SafeString(
                        qr.qr_code(card.stocked).svg_inline(scale=4, border=qr.BORDER, omitsize=True)
                    ),
                }
                for card in cards
            ],
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "desk/stock_cards.html", context)

    @admin.action(description=gettext_lazy("New claim codes, with cards"))
    def new_cards(self, request: Any, chosen: Any) -> HttpResponse | None:
        """Give chosen devices new codes; those that have a landlord need none."""
        rows = list(chosen[: LARGEST_BATCH + 1])
        free = [row for row in rows if row.owner_name is None]
        if len(rows) > LARGEST_BATCH or not free:
            said = _("Choose up to %(most)d meters that no landlord has yet.") % {"most": LARGEST_BATCH}
            self.message_user(request, said, messages.WARNING)
            return None
        return self._cards(
            request, renew_claim_codes(stocked=free, by_id=request.user.pk, now=timezone.now())
        )

    @admin.display(description=gettext_lazy("landlord"))
    def claimed(self, row: Any) -> str:
        return row.owner_name or words.NOTHING

    @admin.display(description=gettext_lazy("claim code"))
    def coded(self, row: Any) -> SafeString:
        if row.owner_name is not None:
            return SafeString(words.NOTHING)
        if row.claim_code_hash:
            return cells.said(words.Said(_("on its card"), "good"))
        return cells.said(words.Said(_("none"), "warn", _("Give it a new card; nobody can claim it.")))

    @admin.display(description=gettext_lazy("stocked"), ordering="stocked_at")
    def stocked(self, row: Any) -> SafeString:
        return cells.instant(row.stocked_at, timezone.now())

    def lines_of(self, obj: Any) -> Any:
        """What was done to the device itself; its landlord's audit tells the rest."""
        return obj.events.select_related("by").order_by("-id")

    def said_of(self, line: Any) -> str:
        done = str(line.get_act_display())
        return _("%(done)s: %(why)s") % {"done": done, "why": line.reason} if line.reason else done

    @admin.display(description=gettext_lazy("history"))
    def past(self, row: Any) -> SafeString:
        """The acts, newest first: a device in stock has few."""
        now = timezone.now()
        lines = (
            (words.moment(one.at, now), self.said_of(one), one.by or _("the system"))
            for one in self.lines_of(row)[:_SHOWN]
        )
        return format_html_join(SafeString("<br>"), "{} · {} · {}", lines) or SafeString(words.NOTHING)

    @admin.display(description=gettext_lazy("connection"))
    def online(self, row: Any) -> SafeString:
        return cells.said(words.online(row.is_online))

    @admin.display(description=gettext_lazy("barred"), ordering="barred_at")
    def barred(self, row: Any) -> SafeString:
        return cells.instant(row.barred_at, timezone.now())


def register(site: Any) -> None:
    site.register(StockedMeter, StockAdmin)
