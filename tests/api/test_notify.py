"""The platforms' door: no session, no token, and no success before the money is in the books."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts import doors
from apps.common.ids import uuid7
from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount, Payment
from tests.api.caller import Caller
from tests.people import Street


def _account_of(street: Street, channel: str) -> CollectionAccount:
    with landlord_scope(street.li.landlord.pk):
        return CollectionAccount.objects.get(channel=channel)


@pytest.mark.parametrize("channel", ["wechat", "alipay"])
def test_an_unsigned_notify_changes_nothing_and_is_no_success(paying_street: Street, channel: str) -> None:
    body = {"amount_yuan": "50.00", "channel": channel}
    Caller().post(f"q/{paying_street.li.meter.qr_token}/orders", body)
    account = _account_of(paying_street, channel)
    answer = Client().post(f"/pay/notify/{channel}/{account.pk}/", b"{}", content_type="application/json")
    assert answer.status_code >= 400
    assert answer.content != b"success"
    with landlord_scope(paying_street.li.landlord.pk):
        assert set(Payment.objects.values_list("state", flat=True)) == {"PENDING"}


def test_a_notify_for_nobody_or_for_the_other_channel_is_missing(paying_street: Street) -> None:
    wechat = _account_of(paying_street, "wechat")
    for path in (f"wechat/{uuid7()}", f"alipay/{wechat.pk}"):
        assert Client().post(f"/pay/notify/{path}/", b"{}", content_type="text/plain").status_code == 404


@pytest.mark.parametrize("channel", ["wechat", "alipay"])
def test_whatever_goes_wrong_inside_makes_the_platform_repeat(street: Street, channel: str) -> None:
    """The stored keys cannot be opened: no reason to tell a platform that its money has arrived."""
    with landlord_scope(street.li.landlord.pk):
        account = CollectionAccount.objects.create(channel=channel, merchant_id="1", sealed_credentials="9:x")
        doors.hang(doors.Kind.ACCOUNT, str(account.pk), object_id=account.pk)
    answer = Client().post(f"/pay/notify/{channel}/{account.pk}/", b"{}", content_type="text/plain")
    assert answer.status_code == 500
    assert b"success" not in answer.content.lower()


def test_only_posting_is_understood_and_no_csrf_token_is_wanted(street: Street) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.get(f"/pay/notify/wechat/{uuid7()}/").status_code == 405
    assert client.post(f"/pay/notify/wechat/{uuid7()}/").status_code == 404


def test_neither_session_nor_login_is_looked_at(street: Street, django_assert_num_queries: Any) -> None:
    client = Client()
    client.force_login(street.li.owner, backend="apps.accounts.backends.LoginBackend")
    with django_assert_num_queries(1):
        answer = client.post(f"/pay/notify/wechat/{uuid7()}/", b"{}", content_type="text/plain")
    assert answer.status_code == 404
    assert "Set-Cookie" not in answer.headers
