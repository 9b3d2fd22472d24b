"""Which answer belongs to which question, and what a meter answers."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given

from meter_gateway.protocol import answers, reads
from meter_gateway.protocol.frames import BROADCAST_ADDRESS, Frame, FrameError
from meter_gateway.protocol.parameters import write_raw_request
from meter_gateway.protocol.prepaid import CreditReport, SecurityError, recharge_request
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.protocol.relay import Auth, RelayAction, StatusWord3, relay_request
from meter_gateway.protocol.replies import (
    Accepted,
    AddressReply,
    ReadReply,
    Refused,
    Unclassified,
    matches,
    parse_reply,
)

from .strategies import frames, quick

METER, NEIGHBOUR = "000000219998", "000000219999"
READ = reads.read_request(METER, "00900100")
READ_COUNT = reads.read_request(METER, "03320201")
RELAY = relay_request(
    METER,
    RelayAction.TRIP,
    Auth(2, "000000", "00000000"),
    datetime(2026, 11, 23, 12),  # noqa: DTZ001
)
RECHARGE = recharge_request(
    METER,
    load_profile("dtsy-4g-ble"),
    energy_kwh=Decimal("10.00"),
    purchase_count=4,
    customer_no="000000000001",
)


@pytest.mark.parametrize("number", [0, 256])
def test_follow_ups_are_numbered_from_1_to_255(number: int) -> None:
    with pytest.raises(FrameError):
        reads.read_more_request(METER, "0001FF00", number)


class TestWhatAMeterAnswers:
    def test_a_value_comes_back_with_its_register(self) -> None:
        reply = parse_reply(answers.answer_read(READ, Decimal("12.50")))
        assert reply == ReadReply(METER, "00900100", Decimal("12.50"), bytes.fromhex("50120000"))

    def test_a_push_reads_like_an_answer(self) -> None:
        pushed = answers.push(METER, "04000503", StatusWord3(0x0050))
        assert pushed.control == 0x91
        assert parse_reply(pushed) == ReadReply(METER, "04000503", StatusWord3(0x0050), b"\x50\x00")

    def test_the_address_comes_back_from_a_wildcard(self) -> None:
        question = reads.read_address_request()
        answer = answers.answer_address(question, METER)
        assert parse_reply(answer) == AddressReply(METER)
        assert matches(question, answer)

    def test_an_address_answer_without_data_still_names_its_sender(self) -> None:
        assert parse_reply(Frame(METER, 0x93)) == AddressReply(METER)

    def test_an_accepted_relay_command_carries_nothing(self) -> None:
        answer = answers.accept(RELAY)
        assert (answer.control, answer.data) == (0x9C, b"")
        assert parse_reply(answer) == Accepted(METER, 0x1C)

    def test_an_accepted_recharge_names_its_identifier_and_may_report(self) -> None:
        assert parse_reply(answers.accept(RECHARGE)) == Accepted(METER, 0x03, "070102FF")
        report = CreditReport(Decimal("22.40"), 4, "000000000001")
        answer = answers.accept(RECHARGE, report)
        assert len(answer.data) == 0x12
        assert parse_reply(answer) == Accepted(METER, 0x03, "070102FF", report)

    def test_refusals_carry_their_control_and_their_reasons(self) -> None:
        no_data = answers.refuse(READ, "no_such_data")
        no_relay = answers.refuse(RELAY, "unauthorised", "other")
        repeated = answers.refuse_security(RECHARGE, SecurityError.of("repeated_recharge"))
        assert (no_data.control, no_relay.control, repeated.control) == (0xD1, 0xDC, 0xC3)
        assert parse_reply(no_data) == Refused(METER, 0x11, frozenset({"no_such_data"}), b"\x02")
        assert parse_reply(no_relay) == Refused(METER, 0x1C, frozenset({"unauthorised", "other"}), b"\x05")
        assert parse_reply(repeated) == Refused(METER, 0x03, frozenset({"repeated_recharge"}), b"\x02\x00")

    def test_a_long_value_comes_in_parts_that_are_joined_raw(self) -> None:
        first_question = reads.read_request(METER, "0001FF00")
        next_question = reads.read_more_request(METER, "0001FF00", 1)
        first = parse_reply(answers.answer_read_raw(first_question, bytes(8), more=True))
        rest = parse_reply(answers.answer_read_raw(next_question, bytes(12)))
        assert isinstance(first, ReadReply)
        assert isinstance(rest, ReadReply)
        assert (first.more, rest.more, rest.sequence) == (True, False, 1)
        assert first.raw + rest.raw == bytes(20)

    def test_a_question_without_identifier_cannot_be_answered_with_a_value(self) -> None:
        with pytest.raises(FrameError):
            answers.answer_read(Frame(METER, 0x11), Decimal(0))

    @quick
    @given(frames)
    def test_any_frame_at_all_is_understood_or_kept_raw(self, frame: Frame) -> None:
        reply = parse_reply(frame)
        assert isinstance(reply, AddressReply) or reply.address == frame.address
        if not frame.is_from_meter:
            assert isinstance(reply, Unclassified)


class TestWhichAnswerBelongs:
    @pytest.mark.parametrize(
        "answer",
        [
            answers.answer_read(READ, Decimal("12.50")),
            answers.answer_read_raw(READ, b"\x00", more=True),
            answers.refuse(READ, "no_such_data"),
        ],
    )
    def test_the_meters_own_answer_belongs(self, answer: Frame) -> None:
        assert matches(READ, answer)

    @pytest.mark.parametrize(
        "answer",
        [
            answers.answer_read(READ_COUNT, 7),
            answers.answer_read(READ, Decimal("12.50"), address=NEIGHBOUR),
            answers.refuse(READ, "other", address=NEIGHBOUR),
            answers.refuse(RELAY, "other"),
            answers.accept(RELAY),
            reads.registration_frame(METER),
            READ,
        ],
    )
    def test_a_late_or_foreign_answer_does_not(self, answer: Frame) -> None:
        assert not matches(READ, answer)

    def test_a_recharge_may_be_accepted_without_identifier_but_not_with_another(self) -> None:
        assert matches(RECHARGE, Frame(METER, 0x83))
        assert matches(RECHARGE, answers.accept(RECHARGE))
        assert not matches(RECHARGE, Frame(METER, 0x83, bytes.fromhex("FF010107")))

    def test_an_accepted_write_carries_no_identifier(self) -> None:
        question = write_raw_request(METER, "04000F01", Auth(2, "000000", "00000000"), bytes(4))
        assert matches(question, answers.accept(question))
        assert not matches(question, Frame(METER, 0x94, bytes.fromhex("020F0004")))

    def test_a_follow_up_must_have_the_number_that_was_asked(self) -> None:
        second = reads.read_more_request(METER, "0001FF00", 2)
        assert matches(second, answers.answer_read_raw(second, bytes(4)))
        first = reads.read_more_request(METER, "0001FF00", 1)
        assert not matches(second, answers.answer_read_raw(first, bytes(4)))

    def test_nobody_answers_a_broadcast(self) -> None:
        assert not matches(Frame(BROADCAST_ADDRESS, 0x08, bytes(6)), Frame(METER, 0x88))
