"""Who there is: landlords and the people around them, the doors to their things, and what was done by whom."""

from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.roles import Act, Role, may
from apps.common.fields import amount_yuan_field, energy_field
from apps.common.ids import uuid7
from apps.common.reach import Named, OfTheLandlord
from apps.common.scoping import ScopedModel


class Landlord(models.Model):
    """The customer: everything owned carries this row's id. The minimum recharge is what an order must reach.

    `low_below_kwh` is where a meter warns that is added from now on; each keeps a threshold of its own. Between
    `protected_from` and `protected_until`, local time of the meter's site, nobody is switched off by hand.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=60)
    phone = models.CharField(_("contact phone"), max_length=20, blank=True)
    minimum_recharge_yuan = amount_yuan_field(verbose_name=_("minimum recharge"), default=10)
    time_zone = models.CharField(_("time zone"), max_length=40, default="Asia/Shanghai")
    low_below_kwh = energy_field(verbose_name=_("warn below"), default=10)
    protected_from = models.TimeField(null=True)
    protected_until = models.TimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("landlord")
        verbose_name_plural = _("landlords")
        constraints = [
            models.CheckConstraint(
                condition=Q(minimum_recharge_yuan__gte="0.01"), name="accounts_landlord_minimum_is_a_fen"
            ),
            models.CheckConstraint(
                condition=Q(low_below_kwh__gte=0), name="accounts_landlord_warns_at_zero_or_above"
            ),
            models.CheckConstraint(
                condition=Q(protected_from=None, protected_until=None)
                | Q(protected_from__isnull=False, protected_until__isnull=False),
                name="accounts_landlord_protects_from_and_until",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username=username)


class User(AbstractBaseUser):
    """A login: a member of landlords, a renter, an operator, or several of these at once.

    `username` is the phone number for people who have one. No name parts: a name is one text in Chinese. Messages to
    her phone are in `language`, which is what she last chose; a screen's is the browser's own.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    username = models.CharField(_("phone or user name"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=60, blank=True)
    language = models.CharField(
        _("language of messages"), max_length=8, choices=settings.LANGUAGES, default="zh-hans"
    )
    is_operator = models.BooleanField(_("operator"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField()

    objects = UserManager()

    USERNAME_FIELD = "username"

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.name or self.username

    @property
    def is_staff(self) -> bool:
        """Django's admin asks this; our two sites decide for themselves (`has_permission`)."""
        return self.is_operator

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return self.is_active and self.is_operator

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_operator


class Member(models.Model):
    """A login working for a landlord, in one role, at the sites named in `site_ids`; NULL is all of them.

    The ids stand here and not on rows of their own, because this row is read to find out which scope to open. An
    owner is never limited.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    landlord = models.ForeignKey(Landlord, on_delete=models.PROTECT, related_name="members")
    role = models.CharField(_("role"), max_length=12, choices=[(r.value, r.value) for r in Role])
    site_ids = ArrayField(models.UUIDField(), null=True, blank=True, verbose_name=_("sites"))

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(fields=["user", "landlord"], name="accounts_member_once"),
            models.CheckConstraint(
                condition=~Q(role=Role.OWNER.value) | Q(site_ids=None),
                name="accounts_member_owner_sees_all_sites",
            ),
            models.CheckConstraint(
                condition=Q(site_ids=None) | Q(site_ids__len__gt=0), name="accounts_member_sees_a_site"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.role}"

    def may(self, act: Act) -> bool:
        """Say whether she may do this, by her role and by the sites she sees."""
        return may(self.role, act, sees_all_sites=self.site_ids is None)


class Renter(models.Model):
    """Who lives there and pays; outside every landlord's scope, reached by QR token, share or lease."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(User, null=True, blank=True, on_delete=models.PROTECT, related_name="renter")
    name = models.CharField(_("name"), max_length=60)
    phone = models.CharField(_("phone"), max_length=20, blank=True)

    class Meta:
        verbose_name = _("renter")
        verbose_name_plural = _("renters")

    def __str__(self) -> str:
        return self.name


class PayerIdentity(models.Model):
    """A payer as a platform knows her: the openid of one app. It comes from a login, never from a body."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    channel = models.CharField(max_length=8)
    app_id = models.CharField(max_length=40)
    open_id = models.CharField(max_length=128)
    user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="payer_identities")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "app_id", "open_id"], name="accounts_payer_once")
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.open_id[:4]}…"


class AccessToken(models.Model):
    """A bearer token, stored as its SHA-256; whoever reads this table can log in as nobody."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    token_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.user} until {self.expires_at:%Y-%m-%d}"


class PhoneCode(models.Model):
    """A six-digit code sent to a phone, stored as a keyed hash; good for five minutes, five tries, one use."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    phone = models.CharField(max_length=20)
    code_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    tries_left = models.PositiveSmallIntegerField(default=5)
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["phone", "-created_at"], name="accounts_code_by_phone")]

    def __str__(self) -> str:
        return f"…{self.phone[-4:]}"


class PhoneChange(models.Model):
    """A login's way from one phone to another: asked with codes to both, in force a day later unless called off."""

    class State(models.TextChoices):
        WAITING = "WAITING"
        DONE = "DONE"
        CALLED_OFF = "CALLED_OFF"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="phone_changes")
    old_phone = models.CharField(max_length=20)
    new_phone = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(state="WAITING"), name="accounts_phonechange_one_waits"
            )
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="WAITING"), name="accounts_phonechange_due")
        ]

    def __str__(self) -> str:
        return f"…{self.old_phone[-4:]} → …{self.new_phone[-4:]}"


class Tries(models.Model):
    """How often somebody tried within the span that began at `since`; who she is stands here as a hash only."""

    key = models.CharField(max_length=64, primary_key=True)
    since = models.DateTimeField(db_index=True)
    taken = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"{self.taken}"


class Door(models.Model):
    """What is looked up before a scope exists: a key's hash opens on one landlord's object, nothing more.

    The renter's kind may open on several leases; all others open on exactly one object.
    """

    class Kind(models.TextChoices):
        QR = "QR"
        SERIAL = "SERIAL"
        ORDER = "ORDER"
        OUT_TRADE_NO = "OUT_TRADE_NO"
        PLATFORM_TRANSACTION = "PLATFORM_TRANSACTION"
        ACCOUNT = "ACCOUNT"
        SHARE = "SHARE"
        RENTER = "RENTER"
        PHONE_SESSION = "PHONE_SESSION"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    key_hash = models.CharField(max_length=64)
    landlord = models.ForeignKey(Landlord, on_delete=models.PROTECT, related_name="+")
    object_id = models.UUIDField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key_hash"], condition=~Q(kind="RENTER"), name="accounts_door_opens_on_one"
            ),
            models.UniqueConstraint(fields=["kind", "key_hash", "object_id"], name="accounts_door_hung_once"),
        ]

    def __str__(self) -> str:
        return self.kind


class AuditLine(ScopedModel):
    """Who did what to which of the landlord's things; one line an act, never changed (grants and a trigger)."""

    reach = Named(kind="{row}.object_type", id_text="{row}.object_id::text")

    at = models.DateTimeField(_("time"))
    by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    act = models.CharField(_("act"), max_length=60)
    object_type = models.CharField(max_length=40)
    object_id = models.UUIDField()
    facts = models.JSONField(default=dict)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("audit line")
        verbose_name_plural = _("audit")
        indexes = [models.Index(fields=["landlord", "object_id", "-id"], name="accounts_audit_by_object")]

    def __str__(self) -> str:
        return f"{self.act} {self.object_type}"


class AuditSeal(ScopedModel):
    """The place of an audit line in its landlord's chain, counted from 1, and the chain's hash there; never changed."""

    reach = OfTheLandlord()

    line = models.ForeignKey(AuditLine, on_delete=models.PROTECT, related_name="+")
    place = models.PositiveBigIntegerField()
    link = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta(ScopedModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["landlord", "place"], name="accounts_seal_place_once"),
            models.UniqueConstraint(fields=["landlord", "line"], name="accounts_seal_line_once"),
        ]

    def __str__(self) -> str:
        return f"{self.place} {self.link[:8]}"


class IdempotentAnswer(ScopedModel):
    """What a write answered, kept for ever under the caller's Idempotency-Key."""

    reach = OfTheLandlord()

    caller = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField()
    created_at = models.DateTimeField()

    class Meta(ScopedModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["landlord", "caller", "key"], name="accounts_answer_once")
        ]

    def __str__(self) -> str:
        return self.key
