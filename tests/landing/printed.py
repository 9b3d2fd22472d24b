"""Read what was printed, as a scanner and a reader would: not with the library that made it."""

import ctypes
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw
import zxingcpp
from PIL import Image


def texts(file: bytes) -> list[str]:
    """The text of each page, as a reader copies it out."""
    with pdfium.PdfDocument(file) as document:
        return [page.get_textpage().get_text_range() for page in document]


def codes(file: bytes) -> list[str]:
    """What the QR codes of the first page say, at 200 dots an inch, top left first."""
    with pdfium.PdfDocument(file) as document:
        return decoded(document[0].render(scale=200 / 72).to_pil())


def decoded(picture: Image.Image) -> list[str]:
    found = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    placed = sorted(found, key=lambda code: (code.position.top_left.y // 50, code.position.top_left.x))
    return [code.text for code in placed]


def fonts(file: bytes) -> dict[str, bool]:
    """The fonts of the first page, and whether each is in the file."""
    seen: dict[str, bool] = {}
    with pdfium.PdfDocument(file) as document:
        for thing in document[0].get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT]):
            font: Any = raw.FPDFTextObj_GetFont(thing)
            name = ctypes.create_string_buffer(100)
            raw.FPDFFont_GetBaseFontName(font, name, 100)
            seen[name.value.decode()] = bool(raw.FPDFFont_GetIsEmbedded(font))
    return seen
