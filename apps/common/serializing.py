"""Money, prices and energy in JSON: plain decimal text, never a number, never an exponent."""

import re
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

_PLAIN = re.compile(r"[0-9]{1,9}(?:\.([0-9]+))?")


class DecimalTextField(serializers.Field):
    """Digits with at most `places` decimals, as text: "50.00".

    A JSON number is refused, because it may have been a float on its way; so are signs, exponents, spaces,
    NaN and digits of other scripts.
    """

    places = 2
    example = "50.00"
    default_error_messages = {
        "text": _('Send this as text, like "{example}".'),
        "plain": _("Plain digits with at most {places} decimals."),
        "least": _("At least {least}."),
        "most": _("At most {most}."),
    }

    def __init__(self, *, least: str | None = None, most: str | None = None, **kwargs: Any) -> None:
        self.least = None if least is None else Decimal(least)
        self.most = None if most is None else Decimal(most)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str):
            self.fail("text", example=self.example)
        match = _PLAIN.fullmatch(data)
        if match is None or len(match[1] or "") > self.places:
            self.fail("plain", places=self.places)
        value = Decimal(data).quantize(self._step)
        if self.least is not None and value < self.least:
            self.fail("least", least=self.least)
        if self.most is not None and value > self.most:
            self.fail("most", most=self.most)
        return value

    def to_representation(self, value: Decimal) -> str:
        return f"{value.quantize(self._step):f}"

    @property
    def _step(self) -> Decimal:
        return Decimal(1).scaleb(-self.places)


class AmountField(DecimalTextField):
    """Yuan, two places."""


class LedgerAmountField(DecimalTextField):
    """Yuan as the books keep it, six places."""

    places = 6
    example = "0.002000"


class PriceField(DecimalTextField):
    """Yuan per kWh, four places."""

    places = 4
    example = "0.6500"


class EnergyField(DecimalTextField):
    """kWh, two places."""

    example = "76.92"


class DecimalTextSchema(OpenApiSerializerFieldExtension):
    target_class = DecimalTextField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return {"type": "string", "format": "decimal", "example": self.target.example}
