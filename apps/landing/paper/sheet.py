"""A sheet of A4 and text on it, in a font that is carried along: no machine has to have one installed."""

import io
from functools import cache
from pathlib import Path
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from segno import QRCode

FONT = "RentMeterSansSC"
WIDTH_MM, HEIGHT_MM = 210, 297
# The printer's own sign for a character its cases lack.
_MISSING = "〓"
_SMALLEST_PT = 6


@cache
def _characters() -> frozenset[int]:
    """Take the font into use, once a process; returns what it can draw."""
    font = TTFont(FONT, str(Path(__file__).parent / "fonts" / "RentMeterSansSC.ttf"))
    pdfmetrics.registerFont(font)
    return frozenset(font.face.charToGlyph)


def drawable(text: str) -> str:
    """Return the text with every character the font lacks replaced by 〓, so that none vanishes."""
    known = _characters()
    return "".join(sign if ord(sign) in known else _MISSING for sign in text)


class Sheet:
    """Pages of A4. Lengths are millimetres from the top left corner, type sizes are points."""

    def __init__(self, title: str) -> None:
        _characters()
        self._out = io.BytesIO()
        # Invariant: the same facts make the same bytes.
        self._canvas: Any = Canvas(self._out, pagesize=A4, invariant=True, initialFontName=FONT)
        self._canvas.setTitle(title)

    def text(
        self,
        x_mm: float,
        y_mm: float,
        text: str,
        *,
        size_pt: float,
        room_mm: float | None = None,
        to_right: bool = False,
        grey: bool = False,
    ) -> None:
        """Write one line with its baseline at `y_mm`; smaller, then cut with an ellipsis, to fit into `room_mm`.

        `to_right` makes `x_mm` its right end.
        """
        text = drawable(text)
        if room_mm is not None:
            size_pt, text = _fitted(text, size_pt, room_mm * mm)
        self._canvas.setFont(FONT, size_pt)
        self._canvas.setFillGray(0.35 if grey else 0)
        draw = self._canvas.drawRightString if to_right else self._canvas.drawString
        draw(x_mm * mm, (HEIGHT_MM - y_mm) * mm, text)

    def line(self, x_mm: float, y_mm: float, to_x_mm: float) -> None:
        self._canvas.setStrokeGray(0.75)
        self._canvas.setLineWidth(0.3)
        at = (HEIGHT_MM - y_mm) * mm
        self._canvas.line(x_mm * mm, at, to_x_mm * mm, at)

    def box(self, x_mm: float, y_mm: float, width_mm: float, height_mm: float) -> None:
        """A thin dashed frame, to cut along."""
        self._canvas.setStrokeGray(0.75)
        self._canvas.setLineWidth(0.2)
        self._canvas.setDash(1, 2)
        self._canvas.rect(x_mm * mm, (HEIGHT_MM - y_mm - height_mm) * mm, width_mm * mm, height_mm * mm)
        self._canvas.setDash()

    def code(self, x_mm: float, y_mm: float, side_mm: float, code: QRCode, *, border: int) -> None:
        """Draw a QR code as black squares; `side_mm` is the whole of it, its white border included."""
        rows = [bytes(row) for row in code.matrix]
        module_mm = side_mm / (len(rows) + 2 * border)
        self._canvas.setFillGray(0)
        path = self._canvas.beginPath()
        for down, row in enumerate(rows):
            for start, length in _runs(row):
                left, top = x_mm + (start + border) * module_mm, y_mm + (down + border) * module_mm
                bottom = (HEIGHT_MM - top - module_mm) * mm
                path.rect(left * mm, bottom, length * module_mm * mm, module_mm * mm)
        self._canvas.drawPath(path, stroke=0, fill=1)

    def next_page(self) -> None:
        self._canvas.showPage()

    def file(self) -> bytes:
        """Return the PDF; the sheet is finished with it."""
        self._canvas.save()
        return self._out.getvalue()


def _fitted(text: str, size_pt: float, room_pt: float) -> tuple[float, str]:
    while size_pt > _SMALLEST_PT and pdfmetrics.stringWidth(text, FONT, size_pt) > room_pt:
        size_pt -= 0.5
    if pdfmetrics.stringWidth(text, FONT, size_pt) > room_pt:
        while text and pdfmetrics.stringWidth(f"{text}…", FONT, size_pt) > room_pt:
            text = text[:-1]
        text = f"{text}…"
    return size_pt, text


def _runs(row: bytes) -> list[tuple[int, int]]:
    """Return start and length of each dark run, so that no hairline parts two squares of one."""
    runs: list[tuple[int, int]] = []
    for place, is_dark in enumerate(row):
        if is_dark and runs and sum(runs[-1]) == place:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        elif is_dark:
            runs.append((place, 1))
    return runs
