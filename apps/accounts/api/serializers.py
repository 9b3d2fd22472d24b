"""What accounts take and give; an input is never an output."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.accounts.models import AccessToken, Landlord, Member, PhoneChange, Renter, User
from apps.accounts.roles import Role
from apps.common.serializing import AmountField, EnergyField


class PasswordField(serializers.CharField):
    """A password as it was typed; never shown."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=128, trim_whitespace=False, write_only=True, **kwargs)


class CodeIn(serializers.Serializer):
    phone = serializers.CharField(max_length=20)


class LoginIn(serializers.Serializer):
    """With a password, or with the code sent to the phone."""

    phone = serializers.CharField(max_length=64)
    password = PasswordField(required=False)
    code = serializers.CharField(max_length=12, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("password" in attrs) == ("code" in attrs):
            raise serializers.ValidationError({"password": _("Either a password or a code.")})
        return attrs


class RegisterIn(serializers.Serializer):
    """`name` is how renters know the landlord."""

    phone = serializers.CharField(max_length=20)
    code = serializers.CharField(max_length=12)
    password = PasswordField()
    name = serializers.CharField(max_length=60)


class PasswordIn(serializers.Serializer):
    """Who has no password yet sends the code sent to her phone in place of the old one."""

    old_password = PasswordField(required=False, default="")
    code = serializers.CharField(max_length=12, required=False, default="")
    new_password = PasswordField()


class WeChatLoginIn(serializers.Serializer):
    """`app`: `mini` for a code from wx.login, `h5` for one from WeChat's browser."""

    code = serializers.CharField(max_length=512)
    app = serializers.ChoiceField(choices=["mini", "h5"])


class AlipayLoginIn(WeChatLoginIn):
    """`app` as at WeChat; Alipay's codes are the same from both."""


class SitesField(serializers.ListField):
    """The only sites a member may see; none named is all of them."""

    def __init__(self, **kwargs: Any) -> None:
        named: dict[str, Any] = {} if "default" in kwargs or "required" in kwargs else {"source": "site_ids"}
        super().__init__(
            child=serializers.UUIDField(),
            max_length=500,
            help_text="The only sites she may see; none named is all of them.",
            **named,
            **kwargs,
        )

    def get_attribute(self, instance: Any) -> Any:
        return super().get_attribute(instance) or []


class MembershipOut(serializers.ModelSerializer):
    landlord = serializers.UUIDField(source="landlord_id")
    landlord_name = serializers.CharField(source="landlord.name")
    role = serializers.ChoiceField(choices=[(role.value, role.name) for role in Role])
    sites = SitesField()

    class Meta:
        model = Member
        fields = ["landlord", "landlord_name", "role", "sites"]


class RenterOut(serializers.ModelSerializer):
    class Meta:
        model = Renter
        fields = ["id", "name"]


class UserOut(serializers.ModelSerializer):
    phone = serializers.CharField(source="username")

    class Meta:
        model = User
        fields = ["id", "name", "phone", "language"]


class PhoneChangeIn(serializers.Serializer):
    """`old_code` went to the present phone, `new_code` to the new one; `auth/codes` sends both."""

    phone = serializers.CharField(max_length=20)
    old_code = serializers.CharField(max_length=10)
    new_code = serializers.CharField(max_length=10)


class PhoneChangeOut(serializers.ModelSerializer):
    """Until `due_at` the login has its old phone, and the change can be called off."""

    phone = serializers.CharField(source="new_phone")

    class Meta:
        model = PhoneChange
        fields = ["phone", "asked_at", "due_at"]


class MeOut(serializers.Serializer):
    """Who one is: a member of landlords, a renter, or both; and the change of phone that waits, if one does."""

    user = UserOut()
    memberships = MembershipOut(many=True)
    renter = RenterOut(allow_null=True)
    phone_change = PhoneChangeOut(allow_null=True)


class LoggedInOut(MeOut):
    """The token is shown this once; it goes into `Authorization: Bearer …`."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class MeIn(serializers.Serializer):
    """Every field may be left out; what is left out stays."""

    name = serializers.CharField(max_length=60, required=False)
    language = serializers.ChoiceField(
        choices=settings.LANGUAGES, required=False, help_text="Of the messages to my phone."
    )


class SessionOut(serializers.ModelSerializer):
    """One living token of mine; `is_current` is the one that asks."""

    is_current = serializers.SerializerMethodField()

    class Meta:
        model = AccessToken
        fields = ["id", "created_at", "expires_at", "is_current"]

    def get_is_current(self, token: AccessToken) -> bool:
        current: Any = self.context["request"].auth
        return current is not None and current.pk == token.pk


class LandlordOut(serializers.ModelSerializer):
    minimum_recharge_yuan = AmountField()
    low_below_kwh = EnergyField()
    protected_from = serializers.TimeField(format="%H:%M", allow_null=True)
    protected_until = serializers.TimeField(format="%H:%M", allow_null=True)

    class Meta:
        model = Landlord
        fields = [
            "id",
            "name",
            "phone",
            "minimum_recharge_yuan",
            "time_zone",
            "low_below_kwh",
            "protected_from",
            "protected_until",
        ]


class LandlordIn(serializers.Serializer):
    """Every field may be left out; what is left out stays.

    `low_below_kwh` is for meters added from now on. Protected hours come as both or none; null twice ends them.
    """

    name = serializers.CharField(max_length=60, required=False)
    phone = serializers.CharField(max_length=20, required=False, allow_blank=True)
    minimum_recharge_yuan = AmountField(least="0.01", most="5000.00", required=False)
    time_zone = serializers.CharField(max_length=40, required=False)
    low_below_kwh = EnergyField(least="0.00", most="9999.99", required=False)
    protected_from = serializers.TimeField(required=False, allow_null=True)
    protected_until = serializers.TimeField(required=False, allow_null=True)

    def validate(self, given: Any) -> Any:
        """Make of the two ends what the service takes."""
        if "protected_from" in given or "protected_until" in given:
            given["protected_hours"] = (given.pop("protected_from", None), given.pop("protected_until", None))
        return given


class MemberOut(serializers.ModelSerializer):
    name = serializers.CharField(source="user.name")
    phone = serializers.CharField(source="user.username")
    role = serializers.ChoiceField(choices=[(role.value, role.name) for role in Role])
    sites = SitesField()

    class Meta:
        model = Member
        fields = ["id", "name", "phone", "role", "sites"]


class MemberIn(serializers.Serializer):
    """Who has no login yet gets one, and comes in with a code sent to her phone; `name` is for her only."""

    phone = serializers.CharField(max_length=20)
    name = serializers.CharField(max_length=60, required=False, default="")
    role = serializers.ChoiceField(choices=[(role.value, role.name) for role in Role])
    sites = SitesField(default=list)


class MemberChangeIn(serializers.Serializer):
    """Every field may be left out; what is left out stays, but who becomes an owner sees all sites."""

    role = serializers.ChoiceField(choices=[(role.value, role.name) for role in Role], required=False)
    sites = SitesField(required=False)
