"""Carried by phone over REST: frames ahead, answers whenever they come, and no word of a phone believed."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.common.scoping import landlord_scope
from apps.income.models import Payment
from apps.income.services.refund_asking import ask_refund
from apps.income.states import RechargeState, RefundState
from apps.income.sweeping import sweep
from apps.landing.api import phone
from apps.meters.deciding import LoggedIn
from apps.meters.models import Command, CommandEvent, Gateway, Letter, Meter, PhoneSession, Presence
from apps.meters.services import delivery
from apps.meters.services.delivery import take_turn
from apps.meters.states import CommandState, Outcome
from apps.meters.store import PostgresStore
from apps.readings.models import Reading
from meter_gateway.protocol.answers import answer_read
from meter_gateway.protocol.frames import Frame
from tests.api.caller import Caller
from tests.api.carrying import Stairwell
from tests.income.scene import NobodysPost, in_threads
from tests.people import Street

ENERGY = Decimal("76.92")


@pytest.fixture
def stairwell(street: Street) -> Stairwell:
    return Stairwell(street.li, Caller()).know_count()


def _network_proves(stairwell: Stairwell) -> None:
    """The meter dials in, and its own session is asked."""
    meter = stairwell.house.meter
    gateway = Gateway.objects.create(name="gw", node="gw", stream="s", hello_at=stairwell.now)
    Presence.objects.create(serial=meter.serial, gateway=gateway, epoch=1, is_online=True)
    with landlord_scope(stairwell.house.landlord.pk):
        event: Any = LoggedIn(timezone.now())
        for _round in range(3):
            take_turn(store=PostgresStore(), post=NobodysPost(), meter_id=meter.pk, event=event)
            letter = Letter.objects.filter(meter=meter, state="OUT").first()
            if letter is None:
                return
            delivery.take_answer(
                post=NobodysPost(),
                meter_id=meter.pk,
                command_id=letter.command_id,
                attempt=letter.attempt,
                epoch=1,
                outcome=Outcome.ANSWERED,
                replies=[stairwell.ask({"hex": frame}) for frame in letter.frames],
                now=timezone.now(),
            )


def test_a_paid_order_is_carried_in_pieces_and_confirmed_by_the_meters_own_session(
    stairwell: Stairwell,
) -> None:
    no = stairwell.paid_order()
    opened = stairwell.open()
    assert opened.status == 201, opened.body
    session = opened.body
    assert [service["service"] for service in session["services"]][:2] == ["FFF0", "FFE0"]
    assert {service["chunk"] for service in session["services"]} == {20}
    frames = session["frames"]
    assert frames[0]["hex"] == stairwell.command().frames[0]
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))

    before = stairwell.caller.get(f"orders/{no}").body["detail"]
    first, *rest = stairwell.answers(frames)
    assert stairwell.bought() == (1, ENERGY)
    one = stairwell.caller.post(f"phone-sessions/{session['id']}/frames", first)
    assert (one.status, one.body["outcome"], len(one.body["frames"])) == (200, None, len(rest))
    done = stairwell.say(session, *reversed(rest))
    assert (done.body["outcome"], done.body["reason"]) == ("pending", "awaiting_meter")
    assert done.body["frames"] == []
    assert done.body["reading"]["remaining_kwh"] == "89.32"
    order = stairwell.caller.get(f"orders/{no}").body
    assert order["state"] == "delivering"
    assert order["detail"] != before

    _network_proves(stairwell)
    assert stairwell.command().state == CommandState.DONE
    assert stairwell.say(session, first).body["outcome"] == "confirmed"
    assert stairwell.bought() == (1, ENERGY)


def test_a_forged_proof_confirms_nothing_and_books_nothing(stairwell: Stairwell) -> None:
    stairwell.paid_order()
    session = stairwell.open().body
    credit, *reads = session["frames"]
    values = {"03320201": 4, "03320301": ENERGY, "00900102": Decimal("236.92")}
    forged = [{"seq": credit["seq"], "hex": Frame(stairwell.house.meter.serial, 0x83, b"").encode().hex()}]
    for frame in reads:
        asked = Frame.decode(bytes.fromhex(frame["hex"]))
        if asked.di in values:
            forged.append({"seq": frame["seq"], "hex": answer_read(asked, values[asked.di]).encode().hex()})
    said = stairwell.say(session, *forged, *({"seq": f["seq"], "error": "gone"} for f in reads[4:]))
    assert said.body["outcome"] == "pending"
    meter, command = stairwell.meter(), stairwell.command()
    assert (meter.purchase_count, meter.frozen, meter.power_on) == (3, "", None)
    assert (command.state, command.number) == (CommandState.ACKED, 4)
    with landlord_scope(stairwell.house.landlord.pk):
        assert command.recharge.state == RechargeState.OPEN
        assert not Reading.objects.exists()
    _network_proves(stairwell)
    assert stairwell.command().state == CommandState.DONE
    assert stairwell.bought() == (1, ENERGY)


def test_garbage_torn_foreign_and_replayed_answers_are_as_none(stairwell: Stairwell) -> None:
    stairwell.paid_order()
    session = stairwell.open().body
    credit, count = session["frames"][:2]
    of_another = answer_read(Frame.decode(bytes.fromhex(count["hex"])), 4, address="000000000999")
    good = stairwell.ask(count)
    for heard in ("00" * 40, good[:-6], of_another.encode().hex(), "ff"):
        assert stairwell.say(session, {"seq": count["seq"], "hex": heard}).status == 200
    # The answer to one question says nothing about another.
    assert stairwell.say(session, {"seq": credit["seq"], "hex": good}).body["outcome"] is None
    with landlord_scope(stairwell.house.landlord.pk):
        assert set(PhoneSession.objects.get(pk=session["id"]).replies) == {"", None}
    assert stairwell.command().state == CommandState.SENT
    assert stairwell.say(session, {"seq": count["seq"], "hex": f"fefe{good}16ff"}).status == 200
    with landlord_scope(stairwell.house.landlord.pk):
        kept = PhoneSession.objects.get(pk=session["id"]).replies[count["seq"] - 1]
    assert good.endswith(kept.lower())


def test_saying_it_again_changes_nothing(stairwell: Stairwell) -> None:
    stairwell.paid_order()
    session = stairwell.open().body
    answers = stairwell.answers(session["frames"])
    first = stairwell.say(session, *answers)
    with landlord_scope(stairwell.house.landlord.pk):
        events = CommandEvent.objects.count()
    again = stairwell.say(session, *answers)
    assert again.body == first.body
    with landlord_scope(stairwell.house.landlord.pk):
        assert CommandEvent.objects.count() == events


@pytest.mark.parametrize("body", [{}, {"seq": 0}, {"seq": 1, "hex": "xyz"}, {"seq": 99, "hex": "68"},
                                  {"seq": 1, "hex": "68" * 700}, {"answers": [{"hex": "68"}]},
                                  {"answers": [{"seq": 1}] * 65}])  # fmt: skip
def test_an_answer_nobody_could_have_is_refused_by_field(stairwell: Stairwell, body: dict[str, Any]) -> None:
    session = stairwell.open("read").body
    refused = stairwell.caller.post(f"phone-sessions/{session['id']}/frames", body)
    assert (refused.status, refused.body["code"]) == (400, "invalid")
    assert refused.body["fields"]


def test_a_body_nobody_could_need_is_not_read(stairwell: Stairwell) -> None:
    session = stairwell.open("read").body
    refused = stairwell.caller.post(
        f"phone-sessions/{session['id']}/frames", {"seq": 1, "error": "x" * 70_000}
    )
    assert (refused.status, refused.body["code"]) == (413, "too_large")


def test_a_refund_waits_while_the_frame_is_in_a_phones_hand(stairwell: Stairwell) -> None:
    stairwell.paid_order()
    session = stairwell.open().body
    with landlord_scope(stairwell.house.landlord.pk):
        payment = Payment.objects.get()
        refund = ask_refund(
            post=NobodysPost(), payment_id=payment.pk, reason="wrong meter", by_id=None, now=stairwell.now
        )
        assert refund.state == RefundState.WAITING
    refused = [{"seq": frame["seq"], "error": "refused"} for frame in session["frames"]]
    assert stairwell.say(session, *refused).body["reason"] == "no_answer"
    sweep(stairwell.now)
    with landlord_scope(stairwell.house.landlord.pk):
        refund.refresh_from_db()
        assert refund.state == RefundState.WAITING


def test_after_a_day_no_more_frames_are_handed_out_but_the_answers_are_taken(street: Street) -> None:
    stairwell = Stairwell(street.li, Caller())
    stairwell.paid_order()
    session = stairwell.open().body
    assert stairwell.command().number is None
    with landlord_scope(street.li.landlord.pk):
        PhoneSession.objects.update(expires_at=timezone.now() - timedelta(days=6))
    late = stairwell.say(session, *stairwell.answers(session["frames"]))
    assert (late.body["outcome"], late.body["frames"]) == ("failed", [])
    assert stairwell.command().number is None

    stairwell.know_count()
    session = stairwell.open().body
    with landlord_scope(street.li.landlord.pk):
        PhoneSession.objects.update(expires_at=timezone.now() - timedelta(days=6))
    late = stairwell.say(session, *stairwell.answers(session["frames"]))
    assert (late.body["outcome"], late.body["reason"]) == ("pending", "awaiting_meter")
    assert stairwell.command().state == CommandState.ACKED


def test_a_meter_never_heard_is_read_first_and_then_given_its_energy(street: Street) -> None:
    stairwell = Stairwell(street.li, Caller())
    stairwell.paid_order()
    session = stairwell.open().body
    asked = [Frame.decode(bytes.fromhex(frame["hex"])).di for frame in session["frames"]]
    assert asked == ["03320201", "00900102", "0400040E"]
    next_up = stairwell.say(session, *stairwell.answers(session["frames"])).body
    assert next_up["outcome"] is None
    assert next_up["frames"][0]["seq"] == 4
    said = stairwell.say(session, *stairwell.answers(next_up["frames"])).body
    assert (said["outcome"], stairwell.bought()) == ("pending", (1, ENERGY))
    assert stairwell.meter().purchase_count is None
    _network_proves(stairwell)
    assert stairwell.command().state == CommandState.DONE
    assert stairwell.meter().purchase_count == 4


def test_two_phones_at_once_hold_the_same_bytes_and_the_meter_takes_them_once(stairwell: Stairwell) -> None:
    stairwell.paid_order()
    one, other = stairwell.open().body, stairwell.open().body
    assert one["id"] != other["id"]
    assert one["frames"] == other["frames"]
    mine, theirs = stairwell.answers(one["frames"]), stairwell.answers(other["frames"])
    assert stairwell.say(other, *theirs).body["outcome"] == "pending"
    assert stairwell.say(one, *mine).body["outcome"] == "pending"
    assert stairwell.bought() == (1, ENERGY)


def test_only_a_paid_order_of_this_meter_opens_a_recharge(stairwell: Stairwell, street: Street) -> None:
    assert stairwell.open(order="R404").status == 404
    theirs = Stairwell(street.wang, Caller())
    theirs.paid_order("R2")
    assert stairwell.open(order="R2").status == 404
    stairwell.paid_order()
    assert stairwell.open(order="").status == 400
    with landlord_scope(street.li.landlord.pk):
        Command.objects.update(state=CommandState.DONE)
    done = stairwell.open()
    assert (done.status, done.body["code"]) == (409, "nothing_to_carry")


def test_a_model_without_bluetooth_and_a_frozen_meter_say_so(stairwell: Stairwell, street: Street) -> None:
    stairwell.paid_order()
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.update(frozen="CONTRADICTION")
    frozen = stairwell.open()
    assert (frozen.status, frozen.body["code"]) == (409, "credits_frozen")
    assert stairwell.command().number is None
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.update(frozen="", profile="ddsy-4g")
    without = stairwell.open()
    assert (without.status, without.body["code"]) == (409, "no_bluetooth")
    assert stairwell.open("read").body["code"] == "no_bluetooth"


def test_a_reading_is_kept_for_the_house_alone_and_only_where_the_meter_could_be(
    stairwell: Stairwell, street: Street
) -> None:
    def read(caller: Caller) -> Any:
        session = stairwell.open("read", caller=caller).body
        stairwell.caller = caller
        return stairwell.say(session, *stairwell.answers(session["frames"])).body

    def kept() -> list[tuple[str, Decimal]]:
        with landlord_scope(street.li.landlord.pk):
            return list(Reading.objects.values_list("source", "total_kwh"))

    stranger = read(Caller())
    assert (stranger["outcome"], stranger["reading"]["total_kwh"]) == ("confirmed", "1520.25")
    assert kept() == []
    assert street.li.renter.user is not None
    assert read(Caller(street.li.renter.user))["outcome"] == "confirmed"
    assert kept() == [("PHONE", Decimal("1520.25"))]
    with landlord_scope(street.li.landlord.pk):
        Reading.objects.update(total_kwh=Decimal("1600.00"))
    read(Caller(street.li.renter.user))
    assert kept() == [("PHONE", Decimal("1600.00"))]


def test_a_member_carries_what_waits_without_an_order_and_others_do_not_know_her_session(
    stairwell: Stairwell, street: Street
) -> None:
    stairwell.paid_order()
    zhou, address = Caller(street.zhou), f"meters/{street.li.meter.pk}/phone-sessions"
    session = zhou.post(address, {"purpose": "recharge"}, key="1")
    assert session.status == 201
    assert zhou.post(address, {"purpose": "recharge"}, key="1").body == session.body
    answers = stairwell.answers(session.body["frames"])
    for somebody in (Caller(), Caller(street.li.owner), Caller(street.wang.owner)):
        stairwell.caller = somebody
        assert stairwell.say(session.body, *answers).status == 404
    stairwell.caller = zhou
    assert stairwell.say(session.body, *answers).body["outcome"] == "pending"
    with landlord_scope(street.li.landlord.pk):
        assert Reading.objects.get().source == "PHONE"


def test_a_session_is_opened_once_for_one_key_and_not_without_end(
    stairwell: Stairwell, monkeypatch: pytest.MonkeyPatch
) -> None:
    stairwell.paid_order()
    address = f"q/{stairwell.house.meter.qr_token}/phone-sessions"
    body = {"purpose": "recharge", "order": "R1"}
    first = stairwell.caller.post(address, body, key="a")
    assert stairwell.caller.post(address, body, key="a").body == first.body
    assert stairwell.caller.post(address, {"purpose": "read"}, key="a").status == 422
    monkeypatch.setattr(phone, "SESSIONS_AN_HOUR", 5)
    assert [stairwell.caller.post(address, body).status for _ in range(4)] == [201, 201, 429, 429]


def test_a_swapped_body_of_the_meter_ends_the_session(stairwell: Stairwell, street: Street) -> None:
    stairwell.paid_order()
    session = stairwell.open().body
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.filter(pk=street.li.meter.pk).update(device_epoch=2)
    said = stairwell.say(session, *stairwell.answers(session["frames"]))
    assert (said.body["outcome"], said.body["reason"]) == ("failed", "meter_replaced")
    assert stairwell.command().state == CommandState.SENT


def test_a_removed_meter_hands_out_nothing(stairwell: Stairwell, street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.filter(pk=street.li.meter.pk).update(archived_at=timezone.now())
    assert stairwell.open("read").status == 410


def test_phones_and_the_network_racing_for_a_number_get_one(real_street: Street) -> None:
    stairwell = Stairwell(real_street.li, Caller()).know_count()
    stairwell.paid_order()
    Presence.objects.create(
        serial=real_street.li.meter.serial,
        gateway=Gateway.objects.create(name="gw", node="gw", stream="s", hello_at=stairwell.now),
        epoch=1,
        is_online=True,
    )

    def come(which: int) -> str:
        if which % 2:
            return str(stairwell.open(caller=Caller()).body["frames"][0]["hex"])
        with landlord_scope(real_street.li.landlord.pk):
            take_turn(
                store=PostgresStore(),
                post=NobodysPost(),
                meter_id=real_street.li.meter.pk,
                event=LoggedIn(timezone.now()),
            )
        return ""

    handed = set(in_threads(6, come)) - {""}
    command = stairwell.command()
    assert handed == {command.frames[0]}
    assert command.number == 4
    with landlord_scope(real_street.li.landlord.pk):
        assert Letter.objects.filter(state="OUT").count() == 1
