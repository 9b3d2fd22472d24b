"""A code proves a phone: five minutes, five tries, one use, and never more than a few a day."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.accounts import codes
from apps.accounts.models import Landlord, PhoneCode, User
from apps.accounts.services import register_landlord
from apps.common.errors import Refused
from tests.people import NOON, PASSWORD, Street

PHONE = "13812345678"


@pytest.fixture
def outbox(settings: Any, tmp_path: Path) -> Path:
    settings.SMS_BACKEND = "apps.accounts.messaging.FileBackend"
    settings.SMS_OUTBOX = str(tmp_path / "sms.jsonl")
    return tmp_path / "sms.jsonl"


def _code(outbox: Path) -> str:
    found = re.findall(r"\b(\d{6})\b", outbox.read_text())
    return str(found[-1])


def test_the_code_that_was_sent_is_good_once(db: None, outbox: Path) -> None:
    codes.send_code(phone=PHONE, now=NOON)
    code = _code(outbox)
    codes.use_code(phone=PHONE, code=code, now=NOON + timedelta(minutes=4))
    with pytest.raises(codes.CodeRefused):
        codes.use_code(phone=PHONE, code=code, now=NOON + timedelta(minutes=4))


def test_a_code_dies_after_five_minutes_or_five_wrong_tries(db: None, outbox: Path) -> None:
    codes.send_code(phone=PHONE, now=NOON)
    with pytest.raises(codes.CodeRefused):
        codes.use_code(phone=PHONE, code=_code(outbox), now=NOON + timedelta(minutes=5))
    later = NOON + timedelta(minutes=10)
    codes.send_code(phone=PHONE, now=later)
    right = _code(outbox)
    wrong = "000000" if right != "000000" else "111111"
    for _guess in range(5):
        with pytest.raises(codes.CodeRefused):
            codes.use_code(phone=PHONE, code=wrong, now=later)
    with pytest.raises(codes.CodeRefused):
        codes.use_code(phone=PHONE, code=right, now=later)


def test_codes_are_not_kept_in_clear_and_not_good_for_another_phone(db: None, outbox: Path) -> None:
    codes.send_code(phone=PHONE, now=NOON)
    code = _code(outbox)
    assert code not in PhoneCode.objects.get().code_hash
    with pytest.raises(codes.CodeRefused):
        codes.use_code(phone="13812345679", code=code, now=NOON)


def test_one_a_minute_five_an_hour_ten_a_day(db: None, outbox: Path) -> None:
    sent = 0
    moment = NOON
    for minute in range(0, 24 * 60, 10):
        moment = NOON + timedelta(minutes=minute, seconds=1)
        try:
            codes.send_code(phone=PHONE, now=moment)
            sent += 1
        except codes.TooManyCodes:
            continue
        assert sent <= 5 or moment > NOON + timedelta(hours=1)
    assert sent == 10
    with pytest.raises(codes.TooManyCodes):
        codes.send_code(phone=PHONE, now=moment)


@pytest.mark.parametrize(
    "phone", ["", "1381234567", "23812345678", "138123456789", "1381234567x", "١٣٨١٢٣٤٥٦٧٨"]
)
def test_what_is_no_phone_is_refused_naming_the_field(db: None, phone: str) -> None:
    with pytest.raises(codes.PhoneInvalid) as refused:
        codes.send_code(phone=phone, now=NOON)
    assert "phone" in refused.value.fields


def test_a_landlord_registers_with_the_code_of_her_phone(db: None, outbox: Path) -> None:
    codes.send_code(phone=PHONE, now=NOON)
    user, landlord = register_landlord(
        phone=PHONE, code=_code(outbox), password=PASSWORD, name=" Sun Court ", now=NOON
    )
    assert (user.username, landlord.name) == (PHONE, "Sun Court")
    assert user.memberships.get().role == "OWNER"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"password": "12345"}, "password"),
        ({"name": " "}, "name"),
        ({"code": "12"}, "code"),
        ({"phone": "1"}, "phone"),
    ],
)
def test_a_registration_that_is_refused_names_the_field_and_leaves_nothing(
    db: None, outbox: Path, changes: dict[str, str], field: str
) -> None:
    codes.send_code(phone=PHONE, now=NOON)
    given = {"phone": PHONE, "code": _code(outbox), "password": PASSWORD, "name": "Sun Court", **changes}
    with pytest.raises(Refused) as refused:
        register_landlord(**given, now=NOON)
    assert field in refused.value.fields
    assert not User.objects.exists()
    assert not Landlord.objects.exists()


def test_a_taken_phone_needs_its_own_password(street: Street, outbox: Path) -> None:
    phone = street.zhou.username
    codes.send_code(phone=phone, now=NOON)
    with pytest.raises(Refused) as refused:
        register_landlord(phone=phone, code=_code(outbox), password="another-long-one", name="Zhou", now=NOON)
    assert refused.value.code == "phone_taken"
