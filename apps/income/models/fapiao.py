"""What a payer asked to be invoiced for. The fapiao itself is made by the landlord, in her tax bureau's system."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.income.models.payment import Payment
from apps.income.states import FapiaoState


class FapiaoRequest(ScopedModel):
    """One payment, one fapiao. A company's tax number has 15 to 20 letters and digits; a person has none.

    `number` is the fapiao's own, from the tax bureau; it is there once the fapiao is issued.
    """

    reach = Through("payment")

    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, related_name="fapiao", verbose_name=_("payment")
    )
    state = models.CharField(
        _("state"),
        max_length=9,
        default=FapiaoState.REQUESTED,
        choices=[(s.value, s.value) for s in FapiaoState],
    )
    buyer_title = models.CharField(_("buyer title"), max_length=100)
    buyer_tax_no = models.CharField(_("tax number"), max_length=20, blank=True)
    number = models.CharField(_("fapiao number"), max_length=20, blank=True)
    requested_at = models.DateTimeField(_("asked"))
    issued_at = models.DateTimeField(_("issued"), null=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("fapiao request")
        verbose_name_plural = _("fapiao requests")
        constraints = [
            models.UniqueConstraint(fields=["landlord", "payment"], name="income_fapiao_once_a_payment"),
            models.CheckConstraint(condition=~Q(buyer_title=""), name="income_fapiao_has_buyer"),
            models.CheckConstraint(
                condition=Q(buyer_tax_no="") | Q(buyer_tax_no__regex=r"^[0-9A-Z]{15,20}$"),
                name="income_fapiao_tax_number",
            ),
            models.CheckConstraint(
                condition=Q(state="REQUESTED", issued_at=None, number="")
                | (Q(state="ISSUED", issued_at__isnull=False) & ~Q(number="")),
                name="income_fapiao_issued_has_number",
            ),
        ]

    def __str__(self) -> str:
        return self.buyer_title
