"""Logging in: a token is shown once, ends when told to, and says who one is."""

from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import AccessToken, User
from tests.api.caller import Caller
from tests.people import PASSWORD, Street


def test_a_login_answers_with_a_token_and_all_one_is(street: Street) -> None:
    answer = Caller().post("auth/login", {"phone": "13800000001", "password": PASSWORD})
    assert answer.status == 200
    assert answer.body["user"]["name"] == "Li"
    assert [(m["landlord_name"], m["role"]) for m in answer.body["memberships"]] == [("Li Rooms", "OWNER")]
    assert answer.body["renter"] is None
    caller = Caller()
    caller._headers["Authorization"] = f"Bearer {answer.body['token']}"
    me = caller.get("me")
    assert me.body == {name: answer.body[name] for name in ("user", "memberships", "renter", "phone_change")}
    assert not AccessToken.objects.filter(token_hash__contains=answer.body["token"]).exists()


@pytest.mark.parametrize(("phone", "password"), [("13800000001", "wrong"), ("13999999999", PASSWORD)])
def test_wrong_phone_and_wrong_password_answer_alike(street: Street, phone: str, password: str) -> None:
    answer = Caller().post("auth/login", {"phone": phone, "password": password})
    assert (answer.status, answer.body["code"]) == (401, "login_refused")
    assert "fields" not in answer.body


def test_a_token_that_was_logged_out_opens_nothing_and_the_others_stay(street: Street) -> None:
    one, other = Caller(street.li.owner), Caller(street.li.owner)
    assert one.post("auth/logout").status == 204
    ended = one.get("me")
    assert (ended.status, ended.body["code"]) == (401, "token_ended")
    assert other.get("me").status == 200


def test_my_sessions_are_my_living_tokens(street: Street) -> None:
    li = Caller(street.li.owner)
    Caller(street.li.owner)
    Caller(street.wang.owner)
    accounts.issue_token(user=street.li.owner, now=timezone.now(), life=timedelta(seconds=-1))
    sessions = li.get("me/sessions").body["results"]
    assert [session["is_current"] for session in sessions] == [False, True]


def test_a_name_is_changed_and_an_empty_one_is_not(street: Street) -> None:
    li = Caller(street.li.owner)
    assert li.patch("me", {"name": "Li Na"}).body["user"]["name"] == "Li Na"
    assert list(li.patch("me", {"name": " "}).body["fields"]) == ["name"]
    assert User.objects.get(pk=street.li.owner.pk).name == "Li Na"


def test_the_language_of_messages_is_chosen_and_one_nobody_speaks_is_not(street: Street) -> None:
    li = Caller(street.li.owner)
    assert li.get("me").body["user"]["language"] == "zh-hans"
    assert li.patch("me", {"language": "en"}).body["user"]["language"] == "en"
    assert list(li.patch("me", {"language": "fr"}).body["fields"]) == ["language"]
    seen = User.objects.get(pk=street.li.owner.pk)
    assert (seen.language, seen.name) == ("en", street.li.owner.name)


def _code(sandbox: str, kind: str, app_id: str) -> str:
    login = {"kind": kind, "app_id": app_id, "payer": "chen"}
    return str(requests.post(f"{sandbox}/logins", json=login, timeout=5).json()["code"])


def test_a_payer_who_logs_in_through_wechat_twice_is_one_person(
    transactional_db: None, sandbox: str, book: dict[str, Any]
) -> None:
    app_id = book["wechat_app"]["appid"]
    answers = [
        Caller().post("auth/wechat", {"code": _code(sandbox, "wechat_mini", app_id), "app": "mini"})
        for _ in range(2)
    ]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body["user"] == answers[1].body["user"]
    assert answers[0].body["token"] != answers[1].body["token"]
    assert answers[0].body["memberships"] == []


def test_a_code_that_was_used_is_refused(transactional_db: None, sandbox: str, book: dict[str, Any]) -> None:
    code = _code(sandbox, "wechat_mini", book["wechat_app"]["appid"])
    Caller().post("auth/wechat", {"code": code, "app": "mini"})
    again = Caller().post("auth/wechat", {"code": code, "app": "mini"})
    assert (again.status, again.body["code"]) == (401, "platform_code_refused")


def test_a_member_who_logs_in_through_wechat_is_asked_outside_her_scope(
    real_street: Street, sandbox: str, book: dict[str, Any]
) -> None:
    """A platform may take seconds; her landlord's transaction must not be open meanwhile."""
    code = _code(sandbox, "wechat_mini", book["wechat_app"]["appid"])
    assert Caller(real_street.li.owner).post("auth/wechat", {"code": code, "app": "mini"}).status == 200


def test_alipay_logs_in_with_the_platforms_own_app(
    transactional_db: None, sandbox: str, book: dict[str, Any], settings: Any
) -> None:
    settings.ALIPAY_APP = book["alipay"][0]
    code = _code(sandbox, "alipay", book["alipay"][0]["app_id"])
    answer = Caller().post("auth/alipay", {"code": code, "app": "h5"})
    assert answer.status == 200
    refused = Caller().post("auth/alipay", {"code": "nonsense", "app": "h5"})
    assert (refused.status, refused.body["code"]) == (401, "platform_code_refused")


def test_a_silent_platform_is_no_fault_of_the_payer(street: Street, settings: Any) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    settings.WECHAT_APP_ID, settings.WECHAT_APP_SECRET = "wx1", "s"
    answer = Caller().post("auth/wechat", {"code": "c", "app": "h5"})
    assert (answer.status, answer.body["code"]) == (503, "platform_busy")
