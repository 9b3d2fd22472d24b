"""The guided set-up at both desks: papers, password, masked figures, and what stays out of the page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount, Settlement
from apps.income.services import accounts
from apps.income.states import Channel, CheckState
from apps.income.strategies import Strategy
from tests.people import PASSWORD, Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")
WAYS = "/admin/income/collectionaccount/set-up/"


def pasted(book: dict[str, Any], channel: str) -> dict[str, Any]:
    return {**book[channel][0], "key": "k1", "contact_phone": "", "password": PASSWORD}


def only(street: Street) -> CollectionAccount:
    with landlord_scope(street.li.landlord.pk):
        return CollectionAccount.objects.get()


@pytest.mark.parametrize("channel", list(Channel))
def test_an_owner_sets_an_account_up_and_sees_how_far_its_check_has_come(
    real_street: Street, at_desk: Callable[[Any], Client], book: dict[str, Any], channel: str
) -> None:
    browser = at_desk(real_street.li.owner)
    ways = browser.get(WAYS).content.decode()
    assert "Business licence" in ways
    assert "cash only until one of these is set up" in ways
    fields = pasted(book, channel)
    wrong = browser.post(f"{WAYS}S1/{channel}/", fields | {"password": "wrong"})
    assert "This is not your present password." in wrong.content.decode()
    assert fields["private_key_pem" if channel == "wechat" else "app_private_key_pem"][60:99] not in (
        wrong.content.decode()
    )
    saved = browser.post(f"{WAYS}S1/{channel}/", fields, follow=True)
    page = saved.content.decode()
    account = only(real_street)
    assert account.check_state == CheckState.PENDING
    assert "being checked" in page
    assert 'http-equiv="refresh"' in page
    assert account.masked_merchant in page
    assert account.merchant_id not in page
    with landlord_scope(real_street.li.landlord.pk):
        CollectionAccount.objects.update(
            check_state=CheckState.MISMATCH, check_said="SIGN_ERROR", check_at=None
        )
    page = browser.get(f"/admin/income/collectionaccount/{account.pk}/change/").content.decode()
    assert "does not match" in page
    assert "number, certificate and private key do not match" in page
    assert f'href="{WAYS}S1/{channel}/">Enter it again' in page
    assert 'http-equiv="refresh"' not in page


def test_what_a_living_notice_proved_wrong_is_said_on_every_page_of_the_account(
    real_street: Street, at_desk: Callable[[Any], Client], book: dict[str, Any]
) -> None:
    browser = at_desk(real_street.li.owner)
    browser.post(f"{WAYS}S1/wechat/", pasted(book, "wechat"))
    with landlord_scope(real_street.li.landlord.pk):
        CollectionAccount.objects.update(
            check_state=CheckState.VERIFIED, check_said="SEAL_WRONG", check_at=None, is_active=True
        )
    own = f"/admin/income/collectionaccount/{only(real_street).pk}/change/"
    for page in ("/admin/", own, WAYS, f"{WAYS}S1/wechat/"):
        assert "does not open with this APIv3 key" in browser.get(page).content.decode(), page
    assert f'href="{WAYS}S1/wechat/">Enter it again' in browser.get(own).content.decode()
    assert "does not open" not in browser.get(f"{WAYS}S1/alipay/").content.decode()


def test_a_manager_and_another_landlord_come_to_no_account(
    real_street: Street, at_desk: Callable[[Any], Client], book: dict[str, Any]
) -> None:
    at_desk(real_street.li.owner).post(f"{WAYS}S1/alipay/", pasted(book, "alipay"))
    address = f"/admin/income/collectionaccount/{only(real_street).pk}/"
    assert at_desk(real_street.zhou).get(WAYS).status_code == 403
    for page in ("change/", "name/", "close/"):
        assert at_desk(real_street.wang.owner).get(address + page).status_code == 302


def test_an_operator_finishes_a_set_up_for_a_landlord_and_switches_s3_on(
    real_street: Street, at_desk: Callable[[Any], Client], book: dict[str, Any], settings: Any
) -> None:
    settings.PROVIDER_ACCOUNTS = book["provider"]
    browser, landlord = at_desk(real_street.operator), real_street.li.landlord
    ways = f"/ops/income/collectionaccount/for/{landlord.pk}/set-up/"
    assert ways in browser.get(f"/ops/accounts/landlord/{landlord.pk}/change/").content.decode()
    address = f"{ways}S3/alipay/"
    assert address in browser.get(ways).content.decode()
    fields = {"payee_id": "li@example.com", "payee_name": "Li Si", "key": "k", "password": PASSWORD}
    made = browser.post(address, fields, follow=True).content.decode()
    account = only(real_street)
    assert (account.strategy, account.is_active) == (Strategy.S3, False)
    assert "Transferred, not direct" in made
    assert "Li Si" not in made
    assert "L****" in made
    with landlord_scope(landlord.pk):
        CollectionAccount.objects.update(
            check_state=CheckState.UNVERIFIED, checked_at=account.opened_at, check_at=None
        )
    note = f"/ops/income/collectionaccount/{account.pk}/acknowledge/"
    assert "Ask a lawyer first" in browser.get(note).content.decode()
    browser.post(note, {"key": "k", "password": "wrong"})
    assert not only(real_street).is_active
    browser.post(note, {"key": "k", "password": PASSWORD})
    assert only(real_street).is_active
    assert only(real_street).acknowledged_by_id == real_street.operator.pk
    assert at_desk(real_street.li.owner).get(note.replace("/ops/", "/admin/")).status_code in (302, 404)


def test_the_ways_offered_are_the_ways_there_are(
    real_street: Street, at_desk: Callable[[Any], Client], settings: Any
) -> None:
    settings.PROVIDER_ACCOUNTS = {}
    page = at_desk(real_street.li.owner).get(WAYS).content.decode()
    assert "set-up/S1/wechat/" in page
    assert "set-up/S2/" not in page
    assert "The operator does not offer this yet" in page
    with pytest.raises(accounts.StrategyMissing), landlord_scope(real_street.li.landlord.pk):
        wish = accounts.Wish(channel=Channel.WECHAT, strategy=Strategy.S2, fields={"sub_mchid": "1"})
        accounts.propose_account(wish=wish, by_id=real_street.li.owner.pk, now=real_street.li.lease.starts_at)


def test_a_transfer_is_listed_with_its_payee_masked(
    real_street: Street, at_desk: Callable[[Any], Client], settings: Any, book: dict[str, Any]
) -> None:
    settings.PROVIDER_ACCOUNTS = book["provider"]
    li = real_street.li
    with landlord_scope(li.landlord.pk):
        account = CollectionAccount(channel=Channel.ALIPAY, strategy=Strategy.S3, is_active=False)
        account.set_payee(payee_id="li@example.com", name="Li Si")
        account.set_credentials({"payee_id": "li@example.com"})
        account.save()
        began = li.lease.starts_at
        Settlement.objects.create(account=account, number="S1", amount_yuan="49.70", created_at=began)
    page = at_desk(li.owner).get("/admin/income/settlement/").content.decode()
    assert "Alipay L****" in page
    assert "49.70" in page
    assert "Li Si" not in page
    assert "49.70" not in at_desk(real_street.wang.owner).get("/admin/income/settlement/").content.decode()
