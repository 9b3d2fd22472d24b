"""What was typed into a form: cleaned the same way everywhere, and shown again as it was."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from apps.common.errors import Refused, Words
from apps.tariffs.services import PriceInvalid

_NUMBER = re.compile(r"-?\d{1,6}(\.\d{1,10})?")
_SERIAL = re.compile(r"\d{12}")


class FieldsMissing(Refused):
    code = "fields_missing"


def text_of(post: Mapping[str, str], name: str, longest: int) -> str:
    """Return a field without control characters and outer spaces, cut at its longest."""
    given = post.get(name, "")
    printable = "".join(c for c in given if unicodedata.category(c) not in ("Cc", "Cs"))
    return printable.strip()[:longest]


def plain(text: str) -> str:
    """Return digits and letters as a Latin keyboard gives them; Chinese ones also type full-width forms."""
    return unicodedata.normalize("NFKC", text).replace("。", ".").strip()


@dataclass(frozen=True)
class MeterForm:
    """The form that adds a meter: four fields, and where it hangs for those who say more.

    `token` comes from a scanned code and then hides `number`, into which people type the serial or the address.
    """

    token: str = ""
    number: str = ""
    claim_code: str = ""
    room: str = ""
    price_yuan_per_kwh: str = ""
    site: str = ""
    building: str = ""
    floor: str = ""
    landlord: str = ""

    @classmethod
    def of(cls, post: Mapping[str, str]) -> "MeterForm":
        return cls(
            token=text_of(post, "token", 64),
            number=text_of(post, "number", 200),
            claim_code=text_of(post, "claim_code", 40),
            room=text_of(post, "room", 40),
            price_yuan_per_kwh=text_of(post, "price_yuan_per_kwh", 20),
            site=text_of(post, "site", 60),
            building=text_of(post, "building", 40),
            floor=text_of(post, "floor", 20),
            landlord=text_of(post, "landlord", 40),
        )

    def kept(self) -> dict[str, str]:
        return asdict(self)

    def device(self) -> tuple[str, str]:
        """Return the QR token and the serial, of which one is empty."""
        if self.token:
            return self.token, ""
        number = plain(self.number).replace(" ", "").replace("-", "")
        if _SERIAL.fullmatch(number):
            return "", number
        # A token may hold a hyphen; it is the last part of the address in the code.
        address = plain(self.number).partition("?")[0].partition("#")[0].rstrip("/")
        return address.rpartition("/")[2], ""

    def price(self) -> Decimal:
        """Return the price, exactly as typed.

        :raises PriceInvalid: if it is no number; whether it is a price is the tariff's question.
        """
        number = plain(self.price_yuan_per_kwh).replace(",", ".")
        if not _NUMBER.fullmatch(number):
            raise PriceInvalid(fields={"price_yuan_per_kwh": _("A number such as 0.65.")})
        return Decimal(number)

    def check(self) -> None:
        """Refuse a form with gaps, naming each.

        :raises FieldsMissing:
        """
        missing: dict[str, Words] = {}
        if not any(self.device()):
            missing["number"] = _("12 digits, printed under the code.")
        if not self.claim_code:
            missing["claim_code"] = _("It is on the card in the box.")
        if not self.room:
            missing["room"] = _("Say which one, for example 302.")
        if not self.price_yuan_per_kwh:
            missing["price_yuan_per_kwh"] = _("A number such as 0.65.")
        if missing:
            raise FieldsMissing(_("Something is still missing."), fields=missing)
