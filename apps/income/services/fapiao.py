"""A payer asks for a fapiao; the landlord says that it is made. Nothing here talks to a tax bureau."""

import re
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict, Refused
from apps.common.sentences import in_a_row
from apps.income.models import FapiaoRequest, Payment
from apps.income.refund_selectors import refund_told
from apps.income.states import FapiaoState, PaymentState, RefundState

_TAX_NO = re.compile(r"[0-9A-Z]{15,20}")
_NUMBER = re.compile(r"[0-9]{8,20}")


class NotPaid(Conflict):
    code = "not_paid"
    detail = _("This payment has not arrived, so there is nothing to make a fapiao for.")


class FapiaoIssued(Conflict):
    code = "fapiao_issued"
    detail = _("The fapiao for this payment is made already; ask the landlord if it has to be changed.")


class FapiaoInvalid(Refused):
    code = "fapiao_invalid"
    detail = _("Something is missing for the fapiao.")


def request_fapiao(*, payment: Payment, buyer_title: str, buyer_tax_no: str, now: datetime) -> FapiaoRequest:
    """Ask for a fapiao, or change what was asked for while it is not made. May run twice. Audited.

    :raises FapiaoInvalid: without a buyer, or with a tax number that is none. :raises NotPaid, FapiaoIssued: too
        early, too late.
    """
    title, tax_no = " ".join(buyer_title.split()), buyer_tax_no.replace(" ", "").upper()
    wrong = {}
    if not 2 <= len(title) <= 100:
        wrong["buyer_title"] = _("Whom the fapiao is made out to: 2 to 100 characters.")
    if tax_no and not _TAX_NO.fullmatch(tax_no):
        wrong["buyer_tax_no"] = _("15 to 20 letters and digits; leave it empty for a person.")
    if wrong:
        raise FapiaoInvalid(in_a_row(wrong.values()), fields=wrong)
    if payment.state != PaymentState.PAID:
        raise NotPaid()
    if refund_told(payment) == RefundState.DONE:
        raise NotPaid(_("All of this payment has gone back, so there is nothing to make a fapiao for."))
    try:
        with transaction.atomic():
            asked = FapiaoRequest.objects.create(
                payment=payment, buyer_title=title, buyer_tax_no=tax_no, requested_at=now
            )
            audit.record("fapiao.request", on=asked, by_id=None, now=now, payment=payment.out_trade_no)
            return asked
    except IntegrityError:
        pass
    changed = FapiaoRequest.objects.filter(payment=payment, state=FapiaoState.REQUESTED)
    if not changed.update(buyer_title=title, buyer_tax_no=tax_no):
        raise FapiaoIssued()
    return FapiaoRequest.objects.get(payment=payment)


def mark_fapiao_issued(*, payment: Payment, number: str, by_id: UUID, now: datetime) -> FapiaoRequest:
    """Write down that the fapiao was made, under the tax bureau's number. Audited.

    :raises FapiaoInvalid: if the number is none, or nobody asked. :raises FapiaoIssued: if it is written already.
    """
    plain = number.replace(" ", "")
    if not _NUMBER.fullmatch(plain):
        said = _("The fapiao's number has 8 to 20 digits.")
        raise FapiaoInvalid(said, fields={"number": said})
    with transaction.atomic():
        rows = FapiaoRequest.objects.filter(payment=payment, state=FapiaoState.REQUESTED)
        changed = rows.update(state=FapiaoState.ISSUED, number=plain, issued_at=now)
        asked = FapiaoRequest.objects.filter(payment=payment).first()
        if asked is None:
            raise FapiaoInvalid(_("Nobody has asked for a fapiao for this payment."))
        if not changed:
            raise FapiaoIssued()
        audit.record("fapiao.issue", on=asked, by_id=by_id, now=now, number=plain)
    return asked
