"""A receipt as a page of A4."""

from django.utils.translation import gettext as _

from apps.income.receipts import Receipt
from apps.landing.paper.sheet import WIDTH_MM, Sheet
from apps.landing.receipts import amount, fapiao_words, receipt_lines

_LEFT, _RIGHT = 25, WIDTH_MM - 25
_VALUE = 85


def receipt_pdf(receipt: Receipt) -> bytes:
    """Return the receipt as a PDF in the language in force."""
    sheet = Sheet(f"{_('Receipt')} {receipt.number}")
    sheet.text(_LEFT, 35, _("Receipt"), size_pt=22)
    sheet.text(_RIGHT, 35, f"{amount(receipt)} {_('yuan')}", size_pt=22, to_right=True)
    sheet.text(_LEFT, 42, _("Electricity, prepaid"), size_pt=10, grey=True)
    down = 50
    for line in receipt_lines(receipt):
        sheet.line(_LEFT, down, _RIGHT)
        sheet.text(_LEFT, down + 7, line.name, size_pt=10, grey=True, room_mm=_VALUE - _LEFT - 3)
        sheet.text(_VALUE, down + 7, line.value, size_pt=10, room_mm=_RIGHT - _VALUE)
        down += 10
    sheet.line(_LEFT, down, _RIGHT)
    if said := fapiao_words(receipt):
        asked = receipt.fapiao
        buyer = " · ".join(part for part in (asked.buyer_title, asked.buyer_tax_no) if part) if asked else ""
        sheet.text(_LEFT, down + 10, said, size_pt=10)
        sheet.text(_LEFT, down + 16, buyer, size_pt=10, room_mm=_RIGHT - _LEFT)
        down += 16
    sheet.text(_LEFT, down + 12, _("This is a receipt and no fapiao."), size_pt=9, grey=True)
    return sheet.file()
