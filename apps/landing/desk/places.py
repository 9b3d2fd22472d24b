"""Sites and rooms: the only things a member adds and changes at the desk itself."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts import audit
from apps.accounts.roles import Act
from apps.landing.desk.base import ScopedModelAdmin
from apps.meters.models import Room, Site


class SiteForm(forms.ModelForm):
    class Meta:
        model = Site
        fields = ("name", "kind")

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        if Site.objects.filter(name=name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("You have a site with this name already."))
        return name


class RoomForm(forms.ModelForm):
    class Meta:
        model = Room
        fields = ("site", "building", "floor", "name")

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        same = {key: found.get(key) for key in ("site", "building", "name")}
        if None not in same.values() and Room.objects.filter(**same).exclude(pk=self.instance.pk).exists():
            self.add_error("name", _("There is a room with this name in this building already."))
        return found


class ArrangedAdmin(ScopedModelAdmin):
    """Added and changed by who may arrange; each save leaves one line in the project's audit."""

    added_with = Act.ARRANGE
    changed_with = Act.ARRANGE
    # What the audit calls an addition and a change.
    acts: tuple[str, str]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        audit.record(
            self.acts[change],
            on=obj,
            by_id=request.user.pk,
            now=timezone.now(),
            name=obj,
        )


class SiteAdmin(ArrangedAdmin):
    added_with = Act.ARRANGE_SITES
    changed_with = Act.ARRANGE_SITES
    acts = ("site.add", "site.change")
    form = SiteForm
    list_display = ("name", "kind", "room_count")
    search_fields = ("name",)
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(rooms=Count("room"))

    @admin.display(description=gettext_lazy("number of rooms"), ordering="rooms")
    def room_count(self, site: Any) -> int:
        return int(site.rooms)


class RoomAdmin(ArrangedAdmin):
    acts = ("room.add", "room.change")
    form = RoomForm
    list_display = ("name", "floor", "building", "site_name")
    list_select_related = ("site",)
    search_fields = ("name", "building", "site__name")
    search_help_text = gettext_lazy("Room, building or site")
    ordering = ("site__name", "building", "floor", "name")

    @admin.display(description=gettext_lazy("site"), ordering="site__name")
    def site_name(self, room: Any) -> str:
        return str(room.site)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer this landlord's sites and nothing to pop up beside them."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None:
            field.queryset = Site.objects.order_by("name")
        return field

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        for button in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
            if field is not None and hasattr(field.widget, button):
                setattr(field.widget, button, False)
        return field


def register(site: Any) -> None:
    site.register(Site, SiteAdmin)
    site.register(Room, RoomAdmin)
