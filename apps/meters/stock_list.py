"""A batch of devices as the maker's list gives it: CSV of serials and models; pure."""

import csv
import io
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import override

LARGEST_BATCH = 500
_SHOWN = 30


@dataclass(frozen=True)
class StockLine:
    """One device of a list; `line` is where it stands in the file, the first line being 1."""

    line: int
    serial: str
    profile: str


@dataclass(frozen=True)
class Wrong:
    """What is wrong, and where: `field` is serial, profile or empty for the whole line or file (`line` 0)."""

    line: int
    field: str
    said: str

    def __str__(self) -> str:
        if not self.line:
            return self.said
        where = _("Line %(line)d, %(field)s") if self.field else _("Line %(line)d")
        named = {"serial": _("serial"), "profile": _("model")}.get(self.field, "")
        return f"{where % {'line': self.line, 'field': named}}: {self.said}"


def text_of(content: bytes) -> str | None:
    """Return a file's text, as UTF-8 or as the GB18030 in which spreadsheets save here; None if it is neither."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def read_list(text: str, *, known_profiles: Collection[str]) -> tuple[list[StockLine], list[Wrong]]:
    """Return the devices of a list and everything that is wrong with it; a list with one mistake is no list.

    The first line names the columns, in any order: serial and model. Empty lines are passed over.
    """
    try:
        rows = [(number, row) for number, row in _rows(text) if any(cell.strip() for cell in row)]
    except csv.Error:
        return [], [Wrong(0, "", _("This is not a CSV file: give one device a line, serial and model."))]
    if not rows:
        return [], [Wrong(0, "", _("The list is empty."))]
    (first, header), rows = rows[0], rows[1:]
    columns = _columns(header)
    if columns is None:
        return [], [Wrong(first, "", _("The first line has to name the two columns: serial,model"))]
    if not rows:
        return [], [Wrong(0, "", _("The list names no device."))]
    if len(rows) > LARGEST_BATCH:
        said = _("%(n)d devices are too many for one list; split it into lists of %(most)d.")
        return [], [Wrong(0, "", said % {"n": len(rows), "most": LARGEST_BATCH})]
    lines = [_line(number, row, columns) for number, row in rows]
    wrong = [mistake for line in lines for mistake in _mistakes(line, known_profiles)]
    return lines, sorted([*wrong, *_doubled(lines)], key=lambda mistake: mistake.line)[:_SHOWN]


def serial_mistake(serial: str) -> str:
    """Return what is wrong with a printed number, or an empty text."""
    if not serial:
        return _("Missing.")
    if "E+" in serial.upper() or "." in serial:
        return _("“%(serial)s” is a number a spreadsheet has rounded. Format the column as text.") % {
            "serial": serial
        }
    if serial.isascii() and serial.isdigit() and len(serial) < 12:
        said = _(
            "“%(serial)s” has %(n)d digits, not 12. Spreadsheets drop zeros in front: format it as text."
        )
        return said % {"serial": serial, "n": len(serial)}
    if len(serial) != 12 or not serial.isascii() or not serial.isdigit():
        return _("“%(serial)s” is not 12 digits.") % {"serial": serial[:40]}
    return ""


def _rows(text: str) -> Iterable[tuple[int, list[str]]]:
    first = text.lstrip().partition("\n")[0]
    # Spreadsheets save with semicolons or tabs where the comma is the decimal sign.
    delimiter = next((mark for mark in ("\t", ";", "，") if mark in first and "," not in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    for row in reader:
        yield reader.line_num, row


def _columns(header: list[str]) -> tuple[int, int] | None:
    named = [cell.strip().casefold() for cell in header]
    with override("zh-hans"):
        known = ({"serial", "serial number", _("serial")}, {"profile", "model", _("model")})
    places = [next((place for place, name in enumerate(named) if name in names), None) for names in known]
    return None if places[0] is None or places[1] is None else (places[0], places[1])


def _line(number: int, row: list[str], columns: tuple[int, int]) -> StockLine:
    serial, profile = (row[place].strip() if place < len(row) else "" for place in columns)
    return StockLine(number, serial.removeprefix("'"), profile)


def _mistakes(line: StockLine, known_profiles: Collection[str]) -> Iterable[Wrong]:
    if said := serial_mistake(line.serial):
        yield Wrong(line.line, "serial", said)
    if line.profile not in known_profiles:
        known = ", ".join(sorted(known_profiles))
        said = _("Nobody knows the model “%(model)s”. These are known: %(known)s.")
        yield Wrong(line.line, "profile", said % {"model": line.profile[:40], "known": known})


def _doubled(lines: list[StockLine]) -> Iterable[Wrong]:
    first: dict[str, int] = {}
    for line in lines:
        if line.serial in first:
            said = _("%(serial)s stands in line %(line)d already.")
            yield Wrong(line.line, "serial", said % {"serial": line.serial, "line": first[line.serial]})
        elif line.serial:
            first[line.serial] = line.line
