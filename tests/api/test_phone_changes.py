"""Another phone for a login: codes to both phones, a day's notice, and nobody else can take it over."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts import codes, phones
from apps.accounts.models import AuditLine, PhoneChange, User
from apps.common.errors import Refused
from apps.common.scoping import landlord_scope
from tests.api.caller import Answer, Caller
from tests.api.phones import Outbox
from tests.people import NOON, PASSWORD, Street

OLD, NEW = "13800000001", "13812345678"
DAY = timedelta(hours=24)


def ask(street: Street, outbox: Outbox, **wrong: str) -> Answer:
    caller = Caller(street.li.owner)
    for phone in (OLD, NEW):
        Caller().post("auth/codes", {"phone": phone})
    given = {"phone": NEW, "old_code": outbox.code_for(OLD), "new_code": outbox.code_for(NEW)}
    return caller.post("me/phone", {**given, **wrong})


def test_the_phone_changes_a_day_after_both_were_proved(street: Street, outbox: Outbox) -> None:
    asked = ask(street, outbox)
    assert (asked.status, asked.body["phone"]) == (202, NEW)
    assert Caller(street.li.owner).get("me").body["phone_change"]["phone"] == NEW
    notices = [message["phone"] for message in outbox.sent()][-2:]
    assert notices == [OLD, NEW]
    now = timezone.now()
    assert phones.take_effect(now + DAY - timedelta(minutes=1)) == 0
    assert Caller().post("auth/login", {"phone": OLD, "password": PASSWORD}).status == 200
    assert phones.take_effect(now + DAY) == 1
    assert phones.take_effect(now + DAY) == 0
    assert Caller().post("auth/login", {"phone": OLD, "password": PASSWORD}).status == 401
    assert Caller().post("auth/login", {"phone": NEW, "password": PASSWORD}).status == 200
    assert len(outbox.sent()) == 6
    with landlord_scope(street.li.landlord.pk):
        lines = AuditLine.objects.filter(act__startswith="member.phone").order_by("id")
        assert [(line.act, line.facts["was"]) for line in lines] == [
            ("member.phone_asked", "138****0001"),
            ("member.phone", "138****0001"),
        ]


@pytest.mark.parametrize("field", ["old_code", "new_code"])
def test_one_wrong_code_uses_up_neither(street: Street, outbox: Outbox, field: str) -> None:
    wrong = ask(street, outbox, **{field: "no"})
    assert (wrong.status, wrong.body["code"], list(wrong.body["fields"])) == (400, "code_refused", [field])
    assert not PhoneChange.objects.exists()
    right = {"phone": NEW, "old_code": outbox.code_for(OLD), "new_code": outbox.code_for(NEW)}
    assert Caller(street.li.owner).post("me/phone", right).status == 202


def test_guessing_is_stopped_after_five(street: Street, outbox: Outbox) -> None:
    guess = {"phone": NEW, "old_code": "no", "new_code": "no"}
    statuses = [Caller(street.li.owner).post("me/phone", guess).status for _ in range(6)]
    assert statuses == [400] * 5 + [429]


@pytest.mark.parametrize(
    ("phone", "code"),
    [("13800000002", "phone_taken"), (OLD, "phone_same"), ("12", "phone_invalid")],
)
def test_what_cannot_be_her_new_phone_is_refused(street: Street, phone: str, code: str) -> None:
    given = {"phone": phone, "old_code": "000000", "new_code": "000000"}
    refused = Caller(street.li.owner).post("me/phone", given)
    assert (refused.body["code"], list(refused.body["fields"])) == (code, ["phone"])


def test_it_can_be_called_off_and_a_second_wish_takes_its_place(street: Street, outbox: Outbox) -> None:
    ask(street, outbox)
    assert Caller(street.li.owner).delete("me/phone").status == 204
    assert Caller(street.li.owner).delete("me/phone").status == 204
    assert phones.take_effect(timezone.now() + DAY) == 0
    later, other = NOON + timedelta(days=300), "13812345679"
    for new, at in ((NEW, later), (other, later + timedelta(minutes=6))):
        phones.send_codes(user=street.li.owner, phone=new, now=at)
        given = {"old_code": outbox.code_for(OLD), "new_code": outbox.code_for(new)}
        phones.ask_change(user=street.li.owner, phone=new, **given, now=at)
    assert phones.take_effect(later + 2 * DAY) == 1
    assert User.objects.get(pk=street.li.owner.pk).username == other


def test_a_phone_that_got_a_login_meanwhile_keeps_it(street: Street, outbox: Outbox) -> None:
    ask(street, outbox)
    User.objects.create(username=NEW, name="Sun", created_at=NOON)
    assert phones.take_effect(timezone.now() + DAY) == 0
    assert User.objects.get(pk=street.li.owner.pk).username == OLD
    assert PhoneChange.objects.get().state == PhoneChange.State.CALLED_OFF


def test_an_operator_without_a_phone_is_told_so(street: Street) -> None:
    with pytest.raises(Refused) as refused:
        phones.send_codes(user=street.operator, phone=NEW, now=NOON)
    assert refused.value.code == "phone_missing"
    assert not codes.is_phone("１３８００００００００")


def test_at_the_desk_it_takes_two_steps_and_can_be_called_off(street: Street, outbox: Outbox) -> None:
    client = Client(headers={"accept-language": "en"})
    client.force_login(street.li.owner)
    sent = client.post("/admin/phone/", {"step": "codes", "phone": NEW})
    assert "Two codes are on their way" in sent.content.decode()
    given = {"step": "change", "phone": NEW, "old_code": "no", "new_code": outbox.code_for(NEW)}
    wrong = client.post("/admin/phone/", given)
    assert wrong.context["form"].errors.keys() == {"old_code"}
    client.post("/admin/phone/", {**given, "old_code": outbox.code_for(OLD)})
    assert f"you log in with {NEW}" in client.get("/admin/phone/").content.decode()
    off = client.post("/admin/phone/", {"step": "call_off"}, follow=True).content.decode()
    assert "Called off. Your phone stays as it is." in off
