"""Whatever is noted of a payment or a refund that waits for a person is read in words, in both languages."""

import re
from pathlib import Path

import pytest
from django.utils.translation import override

from apps.income import services
from apps.income.services import crediting
from apps.landing.review_words import payment_review, refund_review

REFUNDS = (
    "ABNORMAL: the payer's account cannot take the money back",
    "ABNORMAL still: sent another way, and not arrived by the platform's word",
    "RETURNED: the money is in the merchant's own bank account, and the payer has none of it",
    "the platform refused it: NOT_ENOUGH",
    "the platform refused it: ACQ.SELLER_BALANCE_NOT_ENOUGH",
    "the platform refused it: ACQ.TRADE_HAS_FINISHED",
    "the platform refused it: NO_AUTH",
    "the platform refused it: SOMETHING_NEW",
    "the platform closed it, and says now that it is done",
    "the platform gave this refund up; no money moved",
    "the meter proved that it has the energy; nothing goes back",
    "withdrawn before the meter had spoken",
    "20.00 yuan of 50.00 went back by the platform's word",
)
PAYMENTS = (
    "paid 40.00 instead of 50.00 yuan",
    "WRONG_APP: app_id is not ours",
    "WRONG_MERCHANT: mchid is not ours",
    "WRONG_CURRENCY: USD",
    "BAD_AMOUNT: no amount object",
    "BAD_TIMESTAMP: success_time",
    "UNKNOWN_STATE: X",
    "MISSING_FIELD: trade_no",
)


def _noted(module: str, pattern: str) -> set[str]:
    source = (Path(services.__file__).parent / f"{module}.py").read_text("utf-8")
    return set(re.findall(pattern, source))


@pytest.mark.parametrize("reason", REFUNDS)
def test_a_refunds_reason_is_read_in_the_callers_language(reason: str) -> None:
    with override("en"):
        english = refund_review(reason)
    with override("zh-hans"):
        chinese = refund_review(reason)
    assert re.search("[一-鿿]", chinese)
    assert english[0].isupper() or english[0].isdigit()
    assert english != reason


def test_a_payments_reason_is_read_in_the_callers_language() -> None:
    noted = _noted("payments", r'_review\(payment, "([^"]+)"') | _noted("payments", r'return "(paid [^"]+)"')
    assert len(noted) >= 5
    answers = (crediting.NO_ANSWER, crediting.OTHER_ORDER, f"{crediting.REFUSED}X", *crediting.SAID.values())
    for reason in (*PAYMENTS, *noted, *answers):
        with override("zh-hans"):
            assert re.search("[一-鿿]", payment_review(reason)), reason
        with override("en"):
            assert not re.match("[A-Z]+_", payment_review(reason)), reason


def test_nothing_noted_is_nothing_said() -> None:
    assert (payment_review(""), refund_review("")) == ("", "")
