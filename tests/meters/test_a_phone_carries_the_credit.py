"""The same credit over the network and by Bluetooth counts once, and a phone may say what it likes."""

import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from apps.meters import deciding as d
from apps.meters import frames as questions
from apps.meters.states import CommandKind, CommandState, Frozen
from meter_gateway.protocol.answers import answer_read
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.profiles import load_profile
from tests.meter_gateway.simulator.bench import SERIAL, port_on_bench
from tests.meters.street_of_one import NAUGHTY_LINE, PROFILE, Line, StreetOfOne

ENERGY = "10.00"
ACCEPTED = Frame(SERIAL, 0x83, bytes.fromhex("FF020107")).encode().hex()


@dataclass
class Phone:
    """Somebody with Bluetooth beside the meter."""

    street: StreetOfOne
    frames: tuple[str, ...] = ()
    said: tuple[str | None, ...] = ()
    port: object = field(init=False)

    def __post_init__(self) -> None:
        self.port = port_on_bench(self.street.meter, self.street.profile)

    def come(self) -> "Phone":
        """Ask for the frames of the head credit, and show what the meter said so far."""
        self.street.happen(d.PhoneCame(self.street.now, self.frames, self.said))
        head = self.street.state.head_credit
        assert head is not None
        state = self.street.state
        self.frames = (
            head.frames + questions.proof_reads(state.profile, state.serial)
            if head.number is not None
            else questions.count_reads(state.profile, state.serial)
        )
        self.said = ()
        return self

    def hold_to_the_meter(self, only: int = 99) -> "Phone":
        self.said = tuple(self.ask(frame) if at < only else None for at, frame in enumerate(self.frames))
        return self

    def ask(self, frame: str) -> str:
        answers = self.port.receive(bytes.fromhex(frame), self.street.now)  # type: ignore[attr-defined]
        return b"".join(answer.raw for answer in answers).hex()

    def say(self, credit: UUID, *, said: tuple[str | None, ...] | None = None) -> None:
        replies = self.said if said is None else said
        self.street.happen(d.PhoneSaid(self.street.now, credit, self.frames, replies))

    def forge(self, credit: UUID) -> tuple[str | None, ...]:
        """Every answer that would prove the credit, computed without a meter: plain frames are not signed."""
        command = self.street.state.command(credit)
        assert command is not None
        assert command.energy_kwh is not None
        assert command.purchased_before_kwh is not None
        values = {
            PROFILE.count_di: command.number,
            PROFILE.last_purchase_di: command.energy_kwh,
            PROFILE.purchased_di: command.purchased_before_kwh + command.energy_kwh,
            PROFILE.remaining_di: Decimal("999.00"),
            PROFILE.total_di: Decimal("1.00"),
        }
        lies = [ACCEPTED]
        for frame in self.frames[1:]:
            asked = Frame.decode(bytes.fromhex(frame))
            value = values.get(str(asked.di))
            lies.append("" if value is None else answer_read(asked, value, address=SERIAL).encode().hex())
        return tuple(lies)


def offline(**changes: object) -> StreetOfOne:
    """A street whose meter has been read once and has no network now."""
    street = StreetOfOne(**changes).know_count()  # type: ignore[arg-type]
    street.store.meters[street.meter_id] = replace(street.state, session=None, customer_no="000000000001")
    return street


def bought(street: StreetOfOne) -> tuple[int, Decimal]:
    return street.meter.state.purchase_count - 3, street.meter.purchased_kwh - street.opening_kwh


def test_without_network_a_phone_gives_light_and_the_next_call_of_the_meter_proves_it() -> None:
    street = offline()
    credit = street.want(CommandKind.CREDIT, ENERGY)
    phone = Phone(street).come().hold_to_the_meter()
    assert bought(street) == (1, Decimal(ENERGY))
    phone.say(credit)
    waiting = street.state.command(credit)
    assert waiting is not None
    assert waiting.state == CommandState.ACKED
    assert not street.store.told.finished
    street.log_in_again()
    street.run_until_quiet()
    assert street.store.ended[credit] == CommandState.DONE
    assert (street.state.count, bought(street)) == (4, (1, Decimal(ENERGY)))
    assert not street.frames_issued


def test_a_phone_that_lies_perfectly_changes_nothing_that_counts_and_the_credit_still_arrives() -> None:
    street = offline()
    credit = street.want(CommandKind.CREDIT, ENERGY)
    phone = Phone(street).come()
    before = street.state
    phone.say(credit, said=phone.forge(credit))
    after = street.state
    assert (after.count, after.purchased_kwh, after.frozen) == (before.count, before.purchased_kwh, "")
    assert not street.store.told.finished
    assert not street.store.told.readings
    assert not street.store.told.power
    street.log_in_again()
    street.run_until_quiet()
    assert street.store.ended[credit] == CommandState.DONE
    assert bought(street) == (1, Decimal(ENERGY))
    assert len(street.frames_issued) == 1


def test_what_a_phone_says_of_a_strange_count_or_of_refusals_freezes_nothing() -> None:
    street = offline()
    credit = street.want(CommandKind.CREDIT, ENERGY)
    phone = Phone(street).come()
    asked = Frame.decode(bytes.fromhex(phone.frames[1]))
    strange = answer_read(asked, 77, address=SERIAL).encode().hex()
    refused = Frame(SERIAL, 0xC3, b"\x40\x00").encode().hex()
    for _ in range(9):
        phone.say(credit, said=(refused, strange, *[None] * 6))
    waiting = street.state.command(credit)
    assert waiting is not None
    assert (waiting.refusals, street.state.frozen) == (0, "")


def test_both_roads_at_once_count_once_whichever_comes_first() -> None:
    for phone_first in (True, False):
        street = StreetOfOne().know_count()
        credit = street.want(CommandKind.CREDIT, ENERGY)
        phone = Phone(street).come()
        assert phone.frames[0] == street.post[0].frames[0]
        if phone_first:
            phone.hold_to_the_meter()
            street.carry_post()
        else:
            street.carry_post()
            phone.hold_to_the_meter()
        phone.say(credit)
        street.run_until_quiet()
        phone.say(credit)
        assert street.store.ended[credit] == CommandState.DONE
        assert bought(street) == (1, Decimal(ENERGY))
        assert not street.state.frozen


def test_two_phones_carry_the_same_bytes() -> None:
    street = offline()
    credit = street.want(CommandKind.CREDIT, ENERGY)
    one, other = Phone(street).come(), Phone(street).come()
    assert one.frames == other.frames
    one.hold_to_the_meter(only=1)
    other.hold_to_the_meter()
    other.say(credit)
    one.say(credit)
    assert bought(street) == (1, Decimal(ENERGY))


def test_a_frame_held_for_a_week_is_worth_nothing_once_its_number_is_used() -> None:
    street = offline()
    credit = street.want(CommandKind.CREDIT, ENERGY)
    phone = Phone(street).come()
    street.log_in_again()
    street.run_until_quiet()
    later = street.want(CommandKind.CREDIT, "5.00")
    street.run_until_quiet()
    street.now += timedelta(days=7)
    phone.hold_to_the_meter().say(credit)
    assert bought(street) == (2, Decimal("15.00"))
    assert street.store.ended == {credit: CommandState.DONE, later: CommandState.DONE}


def test_a_credit_in_a_phones_hand_cannot_be_taken_back() -> None:
    street = offline()
    credit = street.want(CommandKind.CREDIT, ENERGY)
    Phone(street).come()
    street.happen(d.CancelAsked(street.now, credit))
    assert credit not in street.store.ended
    waiting = street.want(CommandKind.CREDIT, "5.00")
    street.happen(d.CancelAsked(street.now, waiting))
    assert street.store.ended == {waiting: CommandState.CANCELLED}


def test_only_the_head_is_handed_out_until_the_meter_has_proved_it() -> None:
    street = offline()
    street.want(CommandKind.CREDIT, ENERGY)
    second = street.want(CommandKind.CREDIT, "5.00")
    first = Phone(street).come().frames
    assert Phone(street).come().frames == first
    waiting = street.state.command(second)
    assert waiting is not None
    assert waiting.number is None


def test_a_meter_never_heard_gets_its_count_from_the_phone_for_one_credit_and_it_stays_unknown() -> None:
    street = StreetOfOne()
    street.store.meters[street.meter_id] = replace(street.state, session=None)
    credit = street.want(CommandKind.CREDIT, ENERGY)
    phone = Phone(street).come().hold_to_the_meter().come()
    assert street.state.count is None
    phone.hold_to_the_meter().say(credit)
    assert bought(street) == (1, Decimal(ENERGY))
    street.log_in_again()
    street.run_until_quiet()
    assert street.store.ended[credit] == CommandState.DONE
    assert street.state.count == 4


def test_a_false_count_makes_a_number_the_meter_refuses_and_the_network_finds_it_out() -> None:
    street = StreetOfOne()
    street.store.meters[street.meter_id] = replace(street.state, session=None)
    credit = street.want(CommandKind.CREDIT, ENERGY)
    phone = Phone(street).come()
    count, purchased, customer = (Frame.decode(bytes.fromhex(frame)) for frame in phone.frames)
    phone.said = tuple(
        answer_read(asked, value, address=SERIAL).encode().hex()
        for asked, value in ((count, 40), (purchased, Decimal("160.00")), (customer, "000000000001"))
    )
    phone.come().hold_to_the_meter()
    assert bought(street) == (0, Decimal(0))
    street.log_in_again()
    street.run_until_quiet()
    assert street.state.frozen == Frozen.CONTRADICTION
    assert credit not in street.store.ended


def test_while_the_meter_can_be_asked_itself_a_phones_count_is_not_used() -> None:
    street = StreetOfOne()
    credit = street.want(CommandKind.CREDIT, ENERGY)
    Phone(street).come().hold_to_the_meter().come()
    waiting = street.state.command(credit)
    assert waiting is not None
    assert waiting.number is None


@pytest.mark.parametrize("profile", ["ddsy-4g-write", "ddsy-4g-order"])
def test_a_model_that_cannot_tell_a_repeat_is_never_given_to_a_phone(profile: str) -> None:
    street = offline(profile=load_profile(profile))
    credit = street.want(CommandKind.CREDIT, ENERGY)
    street.happen(d.PhoneCame(street.now))
    waiting = street.state.command(credit)
    assert waiting is not None
    assert waiting.number is None


def test_a_frozen_queue_hands_out_nothing() -> None:
    street = offline()
    credit = street.want(CommandKind.CREDIT, ENERGY)
    street.store.meters[street.meter_id] = replace(street.state, frozen=Frozen.FOREIGN_PURCHASE)
    street.happen(d.PhoneCame(street.now))
    waiting = street.state.command(credit)
    assert waiting is not None
    assert waiting.number is None


@pytest.mark.parametrize("first_seed", range(0, 60, 20))
def test_on_a_naughty_line_with_honest_lying_and_late_phones_every_credit_arrives_once(
    first_seed: int,
) -> None:
    for seed in range(first_seed, first_seed + 20):
        street = StreetOfOne(seed=seed, line=replace(NAUGHTY_LINE))
        dice, phones, wanted = random.Random(seed), [], ["10.00", "0.01", "76.92"]
        credits = []
        for energy in wanted:
            credits.append(street.want(CommandKind.CREDIT, energy))
            for _second in range(dice.randrange(5, 25)):
                street.second()
                head = street.state.head_credit
                if head is None or dice.random() > 0.3:
                    continue
                phone = Phone(street).come()
                phones.append((phone, head.id))
                head = street.state.command(head.id)
                if head is None or head.number is None:
                    continue
                if dice.random() < 0.5:
                    phone.hold_to_the_meter(only=dice.choice((1, 3, 99))).say(head.id)
                else:
                    phone.say(head.id, said=phone.forge(head.id))
        street.line = Line()
        street.run_until_quiet()
        assert not street.state.frozen, seed
        assert [street.store.ended[credit] for credit in credits] == [CommandState.DONE] * 3, seed
        for phone, credit in phones:
            phone.hold_to_the_meter().say(credit)
        assert bought(street) == (3, sum(map(Decimal, wanted))), seed
