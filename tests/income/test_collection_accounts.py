"""Accounts are proved by their platform before they take a payment, and nothing of their keys is seen again."""

import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils.translation import override

from apps.accounts.changes import change_user
from apps.accounts.models import AuditLine
from apps.common.scoping import landlord_scope
from apps.income.models import AccountMessage, CollectionAccount
from apps.income.selectors import WARN_BEFORE, accounts_to_look_at
from apps.income.services import account_checks, account_messages, accounts, channels
from apps.income.services.payments import Applied
from apps.income.states import Channel, CheckState
from apps.income.strategies import Strategy
from apps.income.sweeping import sweep_accounts
from apps.landing.account_words import check_said
from apps.sandbox.certificates import new_key, private_pem, public_pem
from tests.api.caller import Caller
from tests.api.phones import Outbox
from tests.income.scene import Scene
from tests.income.signed import Platforms, is_success, post
from tests.people import PASSWORD

pytestmark = pytest.mark.usefixtures("quiet_doorbells")
BOTH = pytest.mark.parametrize("channel", list(Channel))
CANARY = "Zhang-Canary-San"


def entry(book: dict[str, Any], channel: str, owner: str = "li") -> dict[str, Any]:
    """What a person would paste: what the platform gave her, without what only the sandbox writes down."""
    found = next(one for one in book[channel] if one["owner"] == owner)
    return {name: value for name, value in found.items() if name not in ("owner", "app_secret", "serial_no")}


def propose(scene: Scene, channel: Channel, fields: dict[str, Any], **more: Any) -> CollectionAccount:
    wish = accounts.Wish(
        **{"channel": channel, "strategy": Strategy.S1, "fields": fields, "contact_phone": "13700000001"}
        | more
    )
    with landlord_scope(scene.house.landlord.pk):
        return accounts.propose_account(wish=wish, by_id=scene.house.owner.pk, now=scene.now)


def check(scene: Scene, account: CollectionAccount) -> CollectionAccount:
    account_checks.check_account(landlord_id=account.landlord_id, account_id=account.pk, now=scene.later(1))
    seen: CollectionAccount = scene.seen(account)
    return seen


@BOTH
def test_an_account_is_proved_by_an_order_nobody_made_and_only_then_takes_payments(
    scene: Scene, book: dict[str, Any], channel: Channel
) -> None:
    with landlord_scope(scene.house.landlord.pk):
        before = channels.active_account(channel)
    account = propose(scene, channel, entry(book, channel))
    assert (account.check_state, account.is_active) == (CheckState.PENDING, False)
    with landlord_scope(scene.house.landlord.pk):
        assert channels.active_account(channel).pk == before.pk
    account = check(scene, account)
    assert (account.check_state, account.is_active) == (CheckState.VERIFIED, True)
    assert not scene.seen(before).is_active
    assert scene.paid(channel).account_id == account.pk
    assert scene.books() == []


@BOTH
@pytest.mark.parametrize("wrong", ["ours", "theirs", "number"])
def test_keys_that_do_not_belong_together_are_a_mismatch_and_the_old_account_stays(
    scene: Scene, book: dict[str, Any], channel: Channel, wrong: str
) -> None:
    fields, wangs = entry(book, channel), entry(book, channel, "wang")
    names = {
        ("wechat", "ours"): ("merchant_cert_pem", "private_key_pem"),
        ("wechat", "theirs"): ("platform_public_key_pem",),
        ("wechat", "number"): ("mchid",),
        ("alipay", "ours"): ("app_cert_pem", "app_private_key_pem"),
        ("alipay", "theirs"): ("alipay_cert_pem",),
        ("alipay", "number"): ("app_id",),
    }[channel.value, wrong]
    account = check(scene, propose(scene, channel, fields | {name: wangs[name] for name in names}))
    assert (account.check_state, account.is_active) == (CheckState.MISMATCH, False)
    with landlord_scope(scene.house.landlord.pk):
        assert channels.active_account(channel).pk != account.pk


def test_a_key_of_another_certificate_is_refused_at_its_field_before_anything_is_kept(
    scene: Scene, book: dict[str, Any]
) -> None:
    fields = entry(book, "alipay") | {"app_private_key_pem": private_pem(new_key())}
    with pytest.raises(accounts.CredentialsRefused) as refused:
        propose(scene, Channel.ALIPAY, fields)
    assert set(refused.value.fields) == {"app_private_key_pem"}
    for name in ("apiv3_key", "private_key_pem", "platform_public_key_id", "mchid"):
        with pytest.raises(accounts.CredentialsRefused) as refused:
            propose(scene, Channel.WECHAT, entry(book, "wechat") | {name: ""})
        assert set(refused.value.fields) == {name}
    with landlord_scope(scene.house.landlord.pk):
        assert CollectionAccount.objects.count() == 2


def test_a_platform_that_does_not_answer_leaves_the_check_pending_and_is_asked_again(
    scene: Scene, book: dict[str, Any], settings: Any, sandbox: str
) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    account = check(scene, propose(scene, Channel.WECHAT, entry(book, "wechat")))
    assert (account.check_state, account.check_said) == (CheckState.PENDING, "UNREACHABLE")
    settings.SANDBOX_URL = sandbox
    assert sweep_accounts(scene.later(60)) >= 1
    assert scene.seen(account).check_state == CheckState.VERIFIED


def test_a_change_touches_new_orders_only_and_keeps_what_was_ordered_with_the_old_account(
    scene: Scene, book: dict[str, Any]
) -> None:
    ordered = scene.order()
    account = check(scene, propose(scene, Channel.WECHAT, entry(book, "wechat", "wang")))
    assert account.is_active
    scene.pay(ordered)
    assert scene.poll(ordered) is Applied.PAID
    assert scene.seen(ordered).account_id == ordered.account_id != account.pk
    assert scene.order().account_id == account.pk
    with landlord_scope(scene.house.landlord.pk), pytest.raises(IntegrityError), transaction.atomic():
        CollectionAccount.objects.filter(pk=ordered.account_id).update(merchant_id="1900000001")


def test_a_change_tells_the_old_and_the_new_owner_and_is_audited_without_a_secret(
    scene: Scene, book: dict[str, Any], outbox: Outbox
) -> None:
    first = check(scene, propose(scene, Channel.WECHAT, entry(book, "wechat"), contact_phone="13700000001"))
    second = entry(book, "wechat", "wang")
    change_user(user=scene.house.owner, language="en")
    account = check(scene, propose(scene, Channel.WECHAT, second, contact_phone="13700000002"))
    sweep_accounts(scene.later(1))
    with landlord_scope(scene.house.landlord.pk):
        told = AccountMessage.objects.filter(account=account)
        assert set(told.values_list("phone", "state")) == {
            (phone, "SENT") for phone in (scene.house.owner.username, "13700000001", "13700000002")
        }
        line = AuditLine.objects.get(act="account.change", object_id=account.pk)
    text = "".join(message["text"] for message in outbox.sent())
    assert first.merchant_id[-4:] in text
    assert account.merchant_id[-4:] in text
    for secret in (account.merchant_id, second["apiv3_key"]):
        assert secret not in text + json.dumps(line.facts)
    # Each in the reader's language: the owner has chosen English, the contacts have no login.
    last = {message["phone"]: message["text"] for message in outbox.sent()}
    assert "If this was not you" in last[scene.house.owner.username]
    assert "本人操作" in last["13700000002"]
    sweep_accounts(scene.later(400))
    assert "".join(message["text"] for message in outbox.sent()) == text


def test_a_certificate_is_warned_of_thirty_days_ahead_and_once(
    scene: Scene, book: dict[str, Any], outbox: Outbox
) -> None:
    account = check(scene, propose(scene, Channel.ALIPAY, entry(book, "alipay")))
    sweep_accounts(scene.later(1))
    assert account.certificate_ends_at is not None
    with landlord_scope(scene.house.landlord.pk):
        early = account.certificate_ends_at - WARN_BEFORE - timedelta(minutes=1)
        assert account_messages.warn_of_certificates(now=early) == 0
        due = early + timedelta(minutes=2)
        assert account_messages.warn_of_certificates(now=due) == 1
        assert account_messages.warn_of_certificates(now=due) == 0
        expiring = AccountMessage.objects.filter(kind=AccountMessage.Kind.EXPIRING)
        assert expiring.values_list("phone", flat=True).count() == 2


def test_f05_a_notify_under_the_keys_before_the_newest_is_still_believed(
    scene: Scene, book: dict[str, Any], sandbox_state: Path
) -> None:
    """The platform changes key and seal while an order is open; three sets back, nothing is believed any more."""
    payment = scene.order()
    with landlord_scope(scene.house.landlord.pk):
        old = CollectionAccount.objects.get(pk=payment.account_id)
        CollectionAccount.objects.filter(pk=old.pk).update(check_state=CheckState.VERIFIED)
    notify = Platforms(sandbox_state, book).notify(payment, scene.now)
    for number, is_believed in ((1, True), (2, False)):
        with landlord_scope(scene.house.landlord.pk):
            renewed = CollectionAccount(
                channel="wechat", merchant_id=old.merchant_id, check_state="VERIFIED", is_active=False
            )
            key = public_pem(new_key().public_key())
            renewed.set_credentials(
                old.credentials()
                | {
                    "apiv3_key": str(number) * 32,
                    "platform_public_key_id": f"PUB_KEY_ID_NEW{number}",
                    "platform_public_key_pem": key,
                }
            )
            renewed.save()
        assert is_success(payment, post(payment, notify)) is is_believed


def test_the_apiv3_key_is_proved_by_the_first_payment_and_shown_as_proved(
    scene: Scene, book: dict[str, Any], sandbox_state: Path
) -> None:
    account = check(scene, propose(scene, Channel.WECHAT, entry(book, "wechat")))
    assert (account.check_state, account.check_said) == (CheckState.VERIFIED, "SEAL_LATER")
    with override("en"):
        assert "first payment" in check_said(account)
    payment = scene.order()
    assert is_success(payment, post(payment, Platforms(sandbox_state, book).notify(payment, scene.now)))
    assert scene.seen(account).check_said == "SEAL_PROVED"
    with landlord_scope(scene.house.landlord.pk):
        account_checks.ask_check(account_id=account.pk, by_id=scene.house.owner.pk, now=scene.now)
    assert check(scene, account).check_said == "SEAL_PROVED"


def test_a_wrong_apiv3_key_is_told_by_the_first_payments_notice_which_the_poll_credits_all_the_same(
    scene: Scene, book: dict[str, Any], sandbox_state: Path
) -> None:
    wrong = check(scene, propose(scene, Channel.WECHAT, entry(book, "wechat") | {"apiv3_key": "x" * 32}))
    assert (wrong.check_state, wrong.check_said) == (CheckState.VERIFIED, "SEAL_LATER")
    payment = scene.order()
    forged = Platforms(sandbox_state, book).notify(payment, scene.now, owner="wang")
    assert not is_success(payment, post(payment, forged))
    assert scene.seen(wrong).check_said == "SEAL_LATER"
    assert not is_success(payment, post(payment, Platforms(sandbox_state, book).notify(payment, scene.now)))
    assert scene.seen(wrong).check_said == "SEAL_WRONG"
    with landlord_scope(scene.house.landlord.pk):
        assert [one.pk for one in accounts_to_look_at(scene.now)] == [wrong.pk]
    scene.pay(payment)
    assert scene.poll(payment) is Applied.PAID


@pytest.mark.parametrize("right", [True, False])
def test_a_platform_that_still_gives_certificates_proves_the_apiv3_key_at_once(
    scene: Scene, book: dict[str, Any], right: bool
) -> None:
    requests.post(f"{scene.sandbox}/faults", json={"kind": "serve_certificates"}, timeout=5)
    fields = entry(book, "wechat") | ({} if right else {"apiv3_key": "x" * 32})
    account = check(scene, propose(scene, Channel.WECHAT, fields))
    said = (CheckState.VERIFIED, "SEAL_PROVED") if right else (CheckState.MISMATCH, "APIV3_KEY")
    assert (account.check_state, account.check_said) == said


def test_every_field_is_sealed_by_itself_and_opens_in_its_own_place_only(
    scene: Scene, book: dict[str, Any]
) -> None:
    account = propose(scene, Channel.WECHAT, entry(book, "wechat"), payee_name=CANARY)
    sealed = json.loads(account.sealed_credentials)
    assert set(sealed) >= set(entry(book, "wechat"))
    sealed["apiv3_key"] = sealed["private_key_pem"]
    account.sealed_credentials = json.dumps(sealed)
    with pytest.raises(ValueError, match="does not belong"):
        account.credentials()
    assert account.payee_name() == CANARY
    assert account.masked_payee_name == f"Z{'*' * (len(CANARY) - 1)}"


def test_f55_no_key_no_name_and_no_number_leaves_by_log_url_answer_or_page(
    scene: Scene, book: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fields = entry(book, "wechat")
    owner = Caller(scene.house.owner)
    body = {"channel": "wechat", "credentials": fields, "payee_name": CANARY, "password": PASSWORD}
    made = owner.post("collection-accounts", body)
    assert made.status == 202, made.body
    account = CollectionAccount(pk=made.body["id"], landlord_id=scene.house.landlord.pk)
    check(scene, account)
    seen = [made.body, owner.get("collection-accounts").body]
    seen += [owner.get(f"collection-accounts/{account.pk}").body]
    broken = fields | {"private_key_pem": fields["private_key_pem"][:200]}
    refused = owner.post("collection-accounts", body | {"credentials": broken})
    assert (refused.status, refused.body["code"]) == (400, "credentials_invalid")
    seen += [refused.body]
    browser = Client()
    browser.force_login(scene.house.owner)
    pages = [browser.get(path).content.decode() for path in ("/admin/", "/admin/accounts/auditline/")]
    with connection.cursor() as cursor, landlord_scope(scene.house.landlord.pk):
        cursor.execute("SELECT row_to_json(a)::text FROM income_collectionaccount a")
        rows = [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT row_to_json(a)::text FROM accounts_auditline a")
        rows += [row[0] for row in cursor.fetchall()]
    secrets = [CANARY, fields["apiv3_key"], fields["private_key_pem"][100:140], PASSWORD]
    for text in [caplog.text, *pages, *map(json.dumps, seen), *rows]:
        assert [secret for secret in secrets if secret in text] == []
    assert fields["mchid"] not in caplog.text + json.dumps(seen)


def test_a_wrong_password_changes_nothing_and_is_counted(scene: Scene, book: dict[str, Any]) -> None:
    owner = Caller(scene.house.owner)
    body = {"channel": "alipay", "credentials": entry(book, "alipay"), "password": "wrong"}
    answers = [owner.post("collection-accounts", body) for _ in range(6)]
    assert [answer.status for answer in answers] == [400] * 5 + [429]
    with landlord_scope(scene.house.landlord.pk):
        assert CollectionAccount.objects.count() == 2
