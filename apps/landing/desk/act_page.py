"""Pages of one thing and of the acts on it: each act is a form with a key of its own, and a service behind it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.errors import Refused
from apps.landing.desk import words
from apps.landing.desk.base import ScopedModelAdmin
from apps.landing.desk.forms import ActForm
from apps.landing.desk.once import do_once


class ActPages(ScopedModelAdmin):
    """What the pages of a meter and of a lease share; `acts` names each page by its view."""

    def act_views(self) -> dict[str, Callable[..., Any]]:
        """Return the view of each page below the thing's own address."""
        raise NotImplementedError

    def meter_of(self, thing: Any) -> Any:
        """Return the meter, with all that a page shows, that the thing is or belongs to."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        named = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(
                f"<path:object_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"{named}_{name.replace('-', '_')}",
            )
            for name, view in self.act_views().items()
        ]
        return own + super().get_urls()

    def do_act(
        self,
        request: Any,
        thing: Any,
        form_class: type[ActForm],
        act: Callable[[ActForm], Any],
        *,
        title: str,
        button: str,
        explains: str,
        is_grave: bool = False,
        shows_total: bool = False,
        initial: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form, or do its act once and go back; a refusal leaves nothing written.

        A text that `act` returns is said on the page one goes back to. `shows_total` shows where the meter's total
        stood when it was last read, beside what remains.
        """
        form = form_class(request.POST) if request.method == "POST" else form_class(initial=initial)
        said: list[Any] = []
        if request.method == "POST" and form.is_valid():
            try:
                done = do_once(
                    user_id=request.user.pk,
                    key=form.cleaned_data["key"],
                    act=lambda: said.append(act(form)),
                    now=timezone.now(),
                )
            except Refused as refusal:
                form.take(refusal)
            else:
                if not done:
                    self.message_user(request, _("This form was sent already; nothing was done twice."))
                for text in filter(None, said):
                    self.message_user(request, text, messages.SUCCESS)
                return redirect(self.address("change", thing))
        return self.show_form(
            request,
            thing,
            form,
            title=title,
            button=button,
            explains=explains,
            is_grave=is_grave,
            shows_total=shows_total,
        )

    def show_form(
        self,
        request: Any,
        thing: Any,
        form: ActForm,
        *,
        title: str,
        button: str,
        explains: str,
        is_grave: bool = False,
        shows_total: bool = False,
    ) -> TemplateResponse:
        """Return the page with the form, which says what is wrong in it."""
        meter = self.meter_of(thing)
        answer = self.show(
            request,
            "desk/act.html",
            thing,
            title=title,
            form=form,
            button=button,
            explains=explains,
            is_grave=is_grave,
            back_url=self.address("change", thing),
            remaining=words.energy(meter.remaining_kwh),
            total=words.energy(meter.total_kwh) if shows_total else "",
            read_at=words.moment(meter.read_at, timezone.now()) if shows_total else "",
            price=words.price(meter.price_yuan_per_kwh),
            power=words.power(meter.power_on, meter.power_reason),
        )
        if form.errors:
            answer.status_code = 400
        return answer

    def show(self, request: Any, template: str, thing: Any, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        shared = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": thing,
            "meter": self.meter_of(thing),
        }
        return TemplateResponse(request, template, {**shared, **context})

    def address(self, page: str, thing: Any) -> str:
        named = f"{thing._meta.app_label}_{thing._meta.model_name}"
        return reverse(f"{self.admin_site.name}:{named}_{page}", args=[thing.pk])
