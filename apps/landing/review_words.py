"""Why a payment or a refund waits for a person, and what she does about it, in words of the caller's language.

The books keep a reason as it was noted; people read it here.
"""

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

_OF_PAYMENTS = (
    gettext_noop("paid to another merchant"),
    gettext_noop("paid in another currency"),
    gettext_noop("paid a second time under another platform number"),
    gettext_noop("the platform named no number of its own"),
    gettext_noop("a refund we know nothing of was made at the platform"),
    gettext_noop("paid and given back at the platform before we saw it"),
    gettext_noop("given back by hand, and the platform says now that it gave it back too"),
    gettext_noop("the platform's number belongs to another payment"),
    gettext_noop(
        "booked as gone back, and the platform says now that it went to the merchant's bank account"
    ),
)
# What a platform answered when a member wanted a payment credited that had been put aside.
_ANSWERS = {
    "the platform did not answer": gettext_noop("the platform did not answer; try again in a few minutes"),
    "the platform answered about another order": gettext_noop(
        "the platform answered about another order; look for this payment in its own console"
    ),
    "the platform says that it is not paid": gettext_noop(
        "the platform says that it is not paid; nothing arrived with you"
    ),
    "the platform says that it was closed unpaid": gettext_noop(
        "the platform says that it was closed unpaid; nothing arrived with you"
    ),
    "the platform has no such payment in this account": gettext_noop(
        "the platform has no such payment in this account; look in its console where the money went"
    ),
    "the platform says that it went back": gettext_noop(
        "the platform says that it went back to the payer; she may order anew"
    ),
}
_QUESTION_REFUSED = "the platform refused the question: "
_PAID_OTHERWISE = re.compile(r"paid (?P<paid>\S+) instead of (?P<asked>\S+) yuan")
_WENT_OTHERWISE = re.compile(r"(?P<gone>\S+) yuan of (?P<asked>\S+) went back by the platform's word")
# A notify whose signature was good, and whose words were about something else: `NotifyRefused`.
_OF_NOTIFIES = {
    "WRONG_APP": gettext_noop("the platform named another app than yours"),
    "WRONG_MERCHANT": gettext_noop("paid to another merchant"),
    "WRONG_CURRENCY": gettext_noop("paid in another currency"),
    "BAD_AMOUNT": gettext_noop("the platform named no amount that could be one"),
    "BAD_TIMESTAMP": gettext_noop("the platform named no time that could be one"),
    "MISSING_FIELD": gettext_noop("the platform left out what proves a payment"),
    "UNKNOWN_STATE": gettext_noop("the platform named a state nobody knows"),
}
_OF_REFUNDS = {
    "the meter proved that it has the energy; nothing goes back": gettext_noop(
        "The meter proved that it has the energy; nothing goes back."
    ),
    "the platform gave this refund up; no money moved": gettext_noop(
        "The platform gave it up; you may ask anew."
    ),
    "ABNORMAL: the payer's account cannot take the money back": gettext_noop(
        "The payer's bank card takes no money any more. WeChat Pay holds the money until you say where it shall go: to "
        "another card of the payer, or to the merchant's own bank account."
    ),
    "ABNORMAL still: sent another way, and not arrived by the platform's word": gettext_noop(
        "It was sent another way and has not arrived, by WeChat Pay's word. See on its own pages how it stands before "
        "you hand over anything; you can send it to another card, or to the merchant's own bank account."
    ),
    "RETURNED: the money is in the merchant's own bank account, and the payer has none of it": gettext_noop(
        "The money is in the merchant's own bank account, and the payer has none of it. Hand it over, then write down "
        "how."
    ),
    "withdrawn before the meter had spoken": gettext_noop("Withdrawn before the meter had spoken."),
    "the platform closed it, and says now that it is done": gettext_noop(
        "The platform gave it up and says now that it went back all the same. Compare with its own pages before you "
        "give anything back again."
    ),
}
_NO_MONEY = gettext_noop("There is too little money in your merchant account. Fill it up and try again.")
_CARD_GONE = gettext_noop(
    "The payer's bank card takes no money any more. Try again, or settle it with the payer and write it down."
)
_TOO_LATE = gettext_noop(
    "The time in which the platform gives this payment back is over. Give it back by hand and write it down."
)
_GONE_ELSEWHERE = gettext_noop(
    "The platform has less left of this payment than is asked: some of it went back in its own console. Look there."
)
_UNKNOWN_THERE = gettext_noop(
    "The platform does not find this payment in your account. Look for its number in the platform's console."
)
_NOT_ALLOWED = gettext_noop(
    "The platform does not let this account give money back. Allow refunds in its console, then try again."
)
_KEYS = gettext_noop(
    "The platform does not take your keys any more. Look at your collection account, then try again."
)
_BUSY = gettext_noop("The platform is busy. Try again in a few minutes.")
# What the platforms' pages on refunds name; WeChat Pay's own first, then Alipay's.
_REFUSALS = {
    "NOT_ENOUGH": _NO_MONEY,
    "NOTENOUGH": _NO_MONEY,
    "ACQ.SELLER_BALANCE_NOT_ENOUGH": _NO_MONEY,
    "USER_ACCOUNT_ABNORMAL": _CARD_GONE,
    "ACQ.TRADE_HAS_FINISHED": _TOO_LATE,
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL": _GONE_ELSEWHERE,
    "RESOURCE_NOT_EXISTS": _UNKNOWN_THERE,
    "ORDER_NOT_EXIST": _UNKNOWN_THERE,
    "ACQ.TRADE_NOT_EXIST": _UNKNOWN_THERE,
    "NO_AUTH": _NOT_ALLOWED,
    "ACQ.ACCESS_FORBIDDEN": _NOT_ALLOWED,
    "isv.insufficient-isv-permissions": _NOT_ALLOWED,
    "SIGN_ERROR": _KEYS,
    "isv.invalid-signature": _KEYS,
    "aop.invalid-app-auth-token": _KEYS,
    "FREQUENCY_LIMITED": _BUSY,
    "FREQUENCY_LIMIT_EXCEED": _BUSY,
    "SYSTEM_ERROR": _BUSY,
}
_REFUSED = "the platform refused it: "


def payment_review(reason: str) -> str:
    """Return why a payment was put aside, or was not credited afterwards; empty where neither is so."""
    if not reason or reason in _OF_PAYMENTS:
        return _(reason) if reason else ""
    if wrong := _PAID_OTHERWISE.fullmatch(reason):
        return _("paid %(paid)s instead of %(asked)s yuan") % wrong.groupdict()
    if reason in _ANSWERS:
        return _(_ANSWERS[reason])
    if reason.startswith(_QUESTION_REFUSED):
        code = reason.removeprefix(_QUESTION_REFUSED)
        return _("the platform refused the question (%(code)s); look at your collection account") % {
            "code": code
        }
    code = reason.partition(":")[0]
    return _(_OF_NOTIFIES[code]) if code in _OF_NOTIFIES else reason


def refund_review(reason: str) -> str:
    """Return why a refund came to no end of its own, and what to do; empty where there is nothing to say."""
    if not reason or reason in _OF_REFUNDS:
        return _(_OF_REFUNDS[reason]) if reason else ""
    if reason.startswith("ABNORMAL"):
        return _(_CARD_GONE)
    if reason.startswith(_REFUSED):
        code = reason.removeprefix(_REFUSED)
        if code in _REFUSALS:
            return _(_REFUSALS[code])
        return _("The platform refused it (%(code)s). Try again, or give it back by hand.") % {"code": code}
    if went := _WENT_OTHERWISE.fullmatch(reason):
        return (
            _(
                "%(gone)s of %(asked)s yuan went back by the platform's word. Compare with its own pages first."
            )
            % went.groupdict()
        )
    return reason
