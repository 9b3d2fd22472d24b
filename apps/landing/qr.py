"""The code printed on a meter."""

import io

import segno
from django.conf import settings

from apps.meters.models import Meter, StockedMeter

# A tenth of the code may be scratched off; four modules of white all round (ISO/IEC 18004).
_ERROR_LEVEL = "m"
BORDER = 4
_PNG_SCALE = 10


def qr_url(meter: Meter | StockedMeter) -> str:
    """Return the address the code holds."""
    return f"{settings.PUBLIC_BASE_URL}/q/{meter.qr_token}"


def qr_code(meter: Meter | StockedMeter) -> segno.QRCode:
    """Return the code itself, without its white border."""
    return segno.make(qr_url(meter), error=_ERROR_LEVEL, micro=False, boost_error=False)


def qr_image(meter: Meter | StockedMeter, kind: str) -> bytes:
    """Return the meter's code as an `svg` or `png` file."""
    out = io.BytesIO()
    qr_code(meter).save(out, kind=kind, scale=_PNG_SCALE if kind == "png" else 1, border=BORDER)
    return out.getvalue()
