"""A body nobody could need is refused by its announced length: not one byte of it is read."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts import doors
from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount
from apps.income.platforms.base import LARGEST_NOTIFY_BYTES
from tests.people import Street


class Unread:
    """A body that must not be asked for."""

    def read(self, *_: object) -> bytes:
        raise AssertionError("the body was read")

    readline = read


def _announced(path: str, length: int, content_type: str = "application/json") -> Any:
    body: dict[str, Any] = {
        "wsgi.input": Unread(),
        "CONTENT_LENGTH": str(length),
        "CONTENT_TYPE": content_type,
    }
    return Client().generic("POST", path, content_type=content_type, **body)


@pytest.mark.parametrize("channel", ["wechat", "alipay"])
def test_a_huge_notify_is_refused_unread_and_delivered_again(street: Street, channel: str) -> None:
    with landlord_scope(street.li.landlord.pk):
        account = CollectionAccount.objects.create(channel=channel, merchant_id="1", sealed_credentials="9:x")
        doors.hang(doors.Kind.ACCOUNT, str(account.pk), object_id=account.pk)
    for length in (LARGEST_NOTIFY_BYTES + 1, 10**12):
        answer = _announced(f"/pay/notify/{channel}/{account.pk}/", length, "text/plain")
        assert answer.status_code == 413
        assert b"success" not in answer.content.lower()


@pytest.mark.parametrize("path", ["q/{token}/orders", "auth/login"])
def test_a_huge_body_is_refused_unread_over_rest(street: Street, path: str) -> None:
    address = "/api/v1/" + path.format(token=street.li.meter.qr_token)
    answer = _announced(address, settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_huge_form_is_refused_unread_on_the_page(street: Street) -> None:
    form = "application/x-www-form-urlencoded"
    length = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1
    assert _announced(f"/q/{street.li.meter.qr_token}/orders", length, form).status_code in (400, 413)
