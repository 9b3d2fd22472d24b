"""What the check of a collection account found, in words that say what to do."""

from django.utils.translation import gettext as _

from apps.income.models import CollectionAccount
from apps.income.states import CheckState, Seal
from apps.income.strategies import Strategy

_OUR_KEY = frozenset(
    {"SIGN_ERROR", "isv.invalid-signature", "isv.invalid-app-cert-sn", "isv.invalid-signature-type"}
)
_THEIR_KEY = frozenset(
    {"BAD_SIGNATURE", "UNKNOWN_SERIAL", "MISSING_HEADER", "CERTIFICATE_CHANGED", "NOT_READABLE"}
)
_WHO = frozenset({"isv.invalid-app-id", "isv.app-auth-token-invalid", "aop.invalid-app-auth-token"})


def check_said(account: CollectionAccount) -> str:
    """One sentence on the check; empty while there is nothing to say."""
    said = account.check_said
    if said == "UNREACHABLE":
        return _("The platform does not answer just now; it is asked again by itself.")
    if said == "REPLACED":
        return _("Replaced by a newer entry before it was checked.")
    if said == "KEYS_UNREADABLE":
        return _("A key that was stored cannot be read; set the account up anew.")
    if said == "NAME_MISMATCH":
        return _("The platform says the name is not the one on the payee's ID card.")
    if account.check_state == CheckState.VERIFIED:
        return _seal_said(said)
    if account.strategy == Strategy.S3 and account.check_state == CheckState.UNVERIFIED and account.is_active:
        return _("The operator's account is proved. The name is proved by the first transfer to you.")
    if account.check_state != CheckState.MISMATCH:
        return ""
    if said == "APIV3_KEY":
        return _("The platform's certificates do not open with this APIv3 key.")
    if said in _OUR_KEY:
        return _("The platform does not know this key: number, certificate and private key do not match.")
    if said in _THEIR_KEY:
        return _("The platform's answer is not signed with the platform key you entered.")
    if said in _WHO:
        return _("The platform does not know this app, or the authorisation has ended.")
    return _("The platform refused it (%(code)s).") % {"code": said}


def _seal_said(said: str) -> str:
    """What of WeChat's APIv3 key is known."""
    if said == Seal.WRONG:
        return _(
            "A notice of the platform does not open with this APIv3 key. Payments are found all the same, only later: "
            "enter the keys again."
        )
    if said == Seal.LATER:
        return _(
            "The merchant number, the certificate and the platform key are proved. The APIv3 key is proved by the "
            "first payment: until then the platform seals nothing with it."
        )
    if said == Seal.PROVED:
        return _("Everything you entered is proved, the APIv3 key too.")
    return ""


def has_wrong_keys(account: CollectionAccount) -> bool:
    """Say whether what was entered has to be entered again: a check refused it, or a living notice did not open."""
    return account.check_state == CheckState.MISMATCH or account.check_said == Seal.WRONG


def next_step(account: CollectionAccount) -> str:
    """What a person does next; empty where nothing is to do."""
    if account.settling_stopped:
        return _("Correct the payee's name. Payments and energy go on; only the transfers wait.")
    if account.check_state == CheckState.MISMATCH:
        return _("Compare what you entered with the merchant platform and set the account up again.")
    if account.check_state == CheckState.PENDING:
        return _("Wait a moment: the platform is being asked.")
    if account.strategy == Strategy.S3 and account.acknowledged_by_id is None:
        return _("The operator has to switch this on: it collects the money and transfers it to you.")
    if account.check_state == CheckState.UNVERIFIED and account.is_active and account.can.funds_direct:
        return _("Have it checked, so that you know payments will work.")
    return ""
