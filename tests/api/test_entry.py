"""Codes, registration, passwords: wrong tries are counted where every process sees them."""

from datetime import timedelta

import pytest
from django.test import Client

from apps.accounts import tries
from apps.accounts.models import AccessToken, PhoneCode, Tries, User
from tests.api.at_once import at_once
from tests.api.caller import Caller
from tests.api.phones import Outbox
from tests.people import NOON, PASSWORD, Street

PHONE = "13812345678"
NEW = "another-long-password"


@pytest.mark.parametrize("phone", [PHONE, "13800000001"])
def test_a_code_is_sent_to_known_and_unknown_phones_alike(street: Street, outbox: Outbox, phone: str) -> None:
    answer = Caller().post("auth/codes", {"phone": phone})
    assert (answer.status, answer.body) == (204, b"")
    assert [message["phone"] for message in outbox.sent()] == [phone]


def test_above_the_limit_the_answer_says_when_to_ask_again(street: Street, outbox: Outbox) -> None:
    Caller().post("auth/codes", {"phone": PHONE})
    again = Caller().post("auth/codes", {"phone": PHONE})
    assert (again.status, again.body["code"]) == (429, "too_many_codes")
    assert 50 <= int(again.headers["Retry-After"]) <= 61
    assert len(outbox.sent()) == 1


def test_ten_requests_at_once_send_one_code(real_street: Street, outbox: Outbox) -> None:
    callers = [Caller() for _ in range(10)]
    asked = at_once([lambda caller=caller: caller.post("auth/codes", {"phone": PHONE}) for caller in callers])
    assert sorted(answer.status for answer in asked) == [204] + [429] * 9
    assert len(outbox.sent()) == PhoneCode.objects.count() == 1


def test_one_address_cannot_call_up_a_city(street: Street, outbox: Outbox) -> None:
    statuses = [Caller().post("auth/codes", {"phone": f"138{number:08}"}).status for number in range(61)]
    assert statuses == [204] * 60 + [429]


def test_what_is_no_phone_gets_no_code(street: Street, outbox: Outbox) -> None:
    answer = Caller().post("auth/codes", {"phone": "12"})
    assert (answer.status, answer.body["code"], list(answer.body["fields"])) == (
        400,
        "phone_invalid",
        ["phone"],
    )


def test_a_landlord_registers_and_is_logged_in(street: Street, outbox: Outbox) -> None:
    Caller().post("auth/codes", {"phone": PHONE})
    given = {"phone": PHONE, "code": outbox.code_for(PHONE), "password": PASSWORD, "name": "Sun Court"}
    made = Caller().post("auth/register", given)
    assert made.status == 201
    assert [(m["landlord_name"], m["role"]) for m in made.body["memberships"]] == [("Sun Court", "OWNER")]
    again = Caller().post("auth/register", given)
    assert (again.status, again.body["code"]) == (400, "code_refused")
    caller = Caller()
    caller._headers["Authorization"] = f"Bearer {made.body['token']}"
    assert caller.get("meters").body["results"] == []


def test_a_member_who_tries_a_wrong_code_uses_up_a_try_all_the_same(
    real_street: Street, outbox: Outbox
) -> None:
    """Her own landlord's transaction would take the count back."""
    Caller().post("auth/codes", {"phone": PHONE})
    li, right = Caller(real_street.li.owner), outbox.code_for(PHONE)
    wrong = "000000" if right != "000000" else "111111"
    given = {"phone": PHONE, "password": PASSWORD, "name": "Sun Court"}
    assert [li.post("auth/register", {**given, "code": wrong}).status for _ in range(5)] == [400] * 5
    assert li.post("auth/register", {**given, "code": right}).status == 400


def test_a_phone_logs_in_by_code_and_an_unknown_one_becomes_a_login(street: Street, outbox: Outbox) -> None:
    for phone, name in ((street.zhou.username, "Zhou"), (PHONE, "")):
        Caller().post("auth/codes", {"phone": phone})
        answer = Caller().post("auth/login", {"phone": phone, "code": outbox.code_for(phone)})
        assert (answer.status, answer.body["user"]["name"]) == (200, name)
    assert not User.objects.get(username=PHONE).has_usable_password()


def test_who_came_in_by_code_can_register_with_a_password_later(street: Street, outbox: Outbox) -> None:
    Caller().post("auth/codes", {"phone": PHONE})
    Caller().post("auth/login", {"phone": PHONE, "code": outbox.code_for(PHONE)})
    Tries.objects.all().delete()
    PhoneCode.objects.all().delete()
    Caller().post("auth/codes", {"phone": PHONE})
    given = {"phone": PHONE, "code": outbox.code_for(PHONE), "password": PASSWORD, "name": "Sun Court"}
    assert Caller().post("auth/register", given).status == 201
    assert Caller().post("auth/login", {"phone": PHONE, "password": PASSWORD}).status == 200


@pytest.mark.parametrize("body", [{}, {"password": PASSWORD, "code": "123456"}])
def test_a_login_takes_either_a_password_or_a_code(street: Street, body: dict[str, str]) -> None:
    answer = Caller().post("auth/login", {"phone": "13800000001", **body})
    assert (answer.status, list(answer.body["fields"])) == (400, ["password"])


def test_five_wrong_passwords_stop_the_right_one_too_but_not_another_phones(street: Street) -> None:
    def log_in(phone: str, password: str) -> int:
        return Caller().post("auth/login", {"phone": phone, "password": password}).status

    assert [log_in("13800000001", "wrong") for _ in range(5)] == [401] * 5
    stopped = Caller().post("auth/login", {"phone": "13800000001", "password": PASSWORD})
    assert (stopped.status, stopped.body["code"]) == (429, "too_many_tries")
    assert 800 < int(stopped.headers["Retry-After"]) <= 901
    assert log_in("13800000002", PASSWORD) == 200


def test_a_right_password_forgives_the_wrong_ones_before_it(street: Street) -> None:
    given = {"phone": "13800000001", "password": "wrong"}
    for _ in range(3):
        assert [Caller().post("auth/login", given).status for _ in range(4)] == [401] * 4
        assert Caller().post("auth/login", {**given, "password": PASSWORD}).status == 200


def test_guessing_in_parallel_gains_nothing(real_street: Street) -> None:
    given = {"phone": "13800000001", "password": "wrong"}
    callers = [Caller(real_street.li.owner) for _ in range(12)]
    asked = at_once([lambda caller=caller: caller.post("auth/login", given) for caller in callers])
    assert sorted(answer.status for answer in asked) == [401] * 5 + [429] * 7


def test_tries_are_counted_again_once_their_time_is_over(db: None) -> None:
    span = timedelta(minutes=15)

    def take(minutes: int) -> int | None:
        return tries.take("login", "li", most=2, within=span, now=NOON + timedelta(minutes=minutes))

    assert [take(0), take(1), take(10), take(15), take(16), take(17)] == [None, None, 301, None, None, 781]
    tries.forgive("login", "li")
    assert take(18) is None


def test_a_new_password_ends_every_other_token_and_session(street: Street) -> None:
    one, other, li = Caller(street.li.owner), Caller(street.li.owner), street.li.owner
    page = Client()
    page.force_login(li)
    assert page.get("/admin/").status_code == 200
    answer = one.post("me/password", {"old_password": PASSWORD, "new_password": NEW})
    assert (answer.status, one.get("me").status, other.get("me").status) == (204, 200, 401)
    assert page.get("/admin/").status_code == 302
    assert Caller().post("auth/login", {"phone": li.username, "password": PASSWORD}).status == 401
    assert Caller().post("auth/login", {"phone": li.username, "password": NEW}).status == 200
    assert AccessToken.objects.filter(user=street.wang.owner, revoked_at__isnull=False).count() == 0


def test_the_page_that_changed_the_password_stays_logged_in(street: Street) -> None:
    page = Client()
    page.force_login(street.li.owner)
    body = {"old_password": PASSWORD, "new_password": NEW}
    assert page.post("/api/v1/me/password", body, content_type="application/json").status_code == 204
    assert page.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    ("old", "new", "status", "code"),
    [
        ("wrong", NEW, 400, "password_wrong"),
        (PASSWORD, PASSWORD, 422, "password_reused"),
        (PASSWORD, "12345", 422, "password_weak"),
        (PASSWORD, "password1", 422, "password_weak"),
    ],
)
def test_a_wrong_weak_or_reused_password_changes_nothing(
    street: Street, old: str, new: str, status: int, code: str
) -> None:
    one, other = Caller(street.li.owner), Caller(street.li.owner)
    answer = one.post("me/password", {"old_password": old, "new_password": new})
    assert (answer.status, answer.body["code"]) == (status, code)
    assert other.get("me").status == 200
    assert Caller().post("auth/login", {"phone": "13800000001", "password": PASSWORD}).status == 200


def test_a_stolen_token_does_not_guess_the_password_for_long(street: Street) -> None:
    thief = Caller(street.li.owner)
    given = {"old_password": "wrong", "new_password": NEW}
    assert [thief.post("me/password", given).status for _ in range(6)] == [400] * 5 + [429]


def test_who_has_no_password_sets_one_with_a_code(street: Street, outbox: Outbox) -> None:
    Caller().post("auth/codes", {"phone": PHONE})
    entered = Caller().post("auth/login", {"phone": PHONE, "code": outbox.code_for(PHONE)})
    caller = Caller()
    caller._headers["Authorization"] = f"Bearer {entered.body['token']}"
    assert caller.post("me/password", {"new_password": NEW}).body["code"] == "code_refused"
    Tries.objects.all().delete()
    PhoneCode.objects.all().delete()
    Caller().post("auth/codes", {"phone": PHONE})
    code = outbox.code_for(PHONE)
    assert caller.post("me/password", {"code": code, "new_password": NEW}).status == 204
    assert Caller().post("auth/login", {"phone": PHONE, "password": NEW}).status == 200
