"""Coming in by phone and password. Who may come in is each desk's own question."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import BASE_INPUT_CLASSES

from apps.accounts import logins, selectors
from apps.accounts.models import User
from apps.accounts.services import LoginRefused
from apps.accounts.tries import TooManyTries
from apps.common.addresses import address_of


class DeskLogin(AuthenticationForm):
    """Wrong phone and wrong password are one answer; who is at the wrong desk hears so only with the right password."""

    error_messages = {
        "invalid_login": _("Phone or password is wrong."),
        "inactive": _("Phone or password is wrong."),
    }
    wrong_desk: Any = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        classes = " ".join(BASE_INPUT_CLASSES)
        self.fields["username"].label = _("Phone")
        self.fields["username"].widget.attrs.update({"class": classes, "autocomplete": "username"})
        self.fields["password"].widget.attrs.update({"class": classes})

    def admits(self, user: User) -> bool:
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        """Count wrong ones as REST and registering do, and with them: five stop this phone from this address."""
        phone, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if phone and password:
            try:
                user = logins.with_password(
                    phone=phone, password=password, address=address_of(self.request), now=timezone.now()
                )
            except LoginRefused:
                raise self.get_invalid_login_error() from None
            except TooManyTries as refusal:
                raise ValidationError(str(refusal.detail), code=refusal.code) from None
            self.confirm_login_allowed(user)
            self.user_cache = user
        return self.cleaned_data

    def confirm_login_allowed(self, user: Any) -> None:
        if not self.admits(user):
            raise ValidationError(self.wrong_desk, code="wrong_desk")


class LandlordLogin(DeskLogin):
    wrong_desk = _("This login works for no landlord. Renters: scan the code on your meter instead.")

    def admits(self, user: User) -> bool:
        return bool(selectors.memberships_of(user))


class OperatorLogin(DeskLogin):
    wrong_desk = _("This login is not an operator's. Landlords: your desk is at /admin/.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("User name")

    def admits(self, user: User) -> bool:
        return bool(user.is_operator)
