"""A maker's list is read whole or not at all, and every mistake in it is named by line and field."""

import pytest
from django.utils import translation

from apps.meters.stock_list import LARGEST_BATCH, StockLine, read_list, text_of

KNOWN = ("ddsy-4g", "dtsy-4g-ble")


def mistakes(text: str) -> list[str]:
    with translation.override("en"):
        return [str(mistake) for mistake in read_list(text, known_profiles=KNOWN)[1]]


def test_columns_stand_in_any_order_and_empty_lines_are_passed_over() -> None:
    lines, wrong = read_list("model,serial\r\n\r\ndtsy-4g-ble, 000000219998 \r\n", known_profiles=KNOWN)
    assert (lines, wrong) == ([StockLine(3, "000000219998", "dtsy-4g-ble")], [])


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_marks_between_columns_are_understood(mark: str) -> None:
    lines, wrong = read_list(f"表号{mark}型号\n'000000219998{mark}ddsy-4g\n", known_profiles=KNOWN)
    assert (lines, wrong) == ([StockLine(2, "000000219998", "ddsy-4g")], [])


def test_every_mistake_is_told_by_line_and_field() -> None:
    text = "serial,model\n219998,dtsy-4g-ble\n2.2E+11,dtsy-4g-ble\n000000219998,abc\n000000219998,ddsy-4g\n,ddsy-4g\n"
    assert mistakes(text) == [
        "Line 2, serial: “219998” has 6 digits, not 12. Spreadsheets drop zeros in front: format it as text.",
        "Line 3, serial: “2.2E+11” is a number a spreadsheet has rounded. Format the column as text.",
        "Line 4, model: Nobody knows the model “abc”. These are known: ddsy-4g, dtsy-4g-ble.",
        "Line 5, serial: 000000219998 stands in line 4 already.",
        "Line 6, serial: Missing.",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The list is empty."),
        ("serial,model\n", "The list names no device."),
        ("000000219998,dtsy-4g-ble\n", "Line 1: The first line has to name the two columns: serial,model"),
        ('serial,model\n"0000', "This is not a CSV file: give one device a line, serial and model."),
    ],
)
def test_what_is_no_list_is_told_in_one_sentence(text: str, said: str) -> None:
    assert mistakes(text) == [said]


def test_a_list_too_long_for_one_sheet_of_cards_is_refused() -> None:
    text = "serial,model\n" + "".join(f"{n:012},ddsy-4g\n" for n in range(LARGEST_BATCH + 1))
    assert mistakes(text) == ["501 devices are too many for one list; split it into lists of 500."]


def test_spreadsheets_of_here_and_elsewhere_are_read_and_pictures_are_not() -> None:
    assert text_of("表号".encode("gb18030")) == text_of("表号".encode("utf-8-sig")) == "表号"
    assert text_of(b"\xff\xd8\xff\xe0\x00\x10JFIF") is None
