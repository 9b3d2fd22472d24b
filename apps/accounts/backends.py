"""Django's admin login goes through the same check as everybody's."""

from typing import Any
from uuid import UUID

from apps.accounts import services
from apps.accounts.models import User


class LoginBackend:
    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        if not username or not password:
            return None
        try:
            return services.check_login(username=username, password=password)
        except services.LoginRefused:
            return None

    def get_user(self, user_id: UUID) -> User | None:
        return User.objects.filter(pk=user_id, is_active=True).first()
