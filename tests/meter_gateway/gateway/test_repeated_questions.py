"""The same question again right after a time-out: which answer is whose."""

from decimal import Decimal

from meter_gateway.protocol.answers import refuse
from meter_gateway.protocol.frames import Frame, Function
from meter_gateway.protocol.reads import read_request
from meter_gateway.protocol.replies import ReadReply, parse_reply

from .bench import REMAINING, SERIAL, TOTAL, Bench, ask, at


def _told(bench: Bench, command: str) -> object:
    """The value that went up as this command's answer."""
    [replies] = [
        replies for name, outcome, replies in bench.answers() if (name, outcome) == (command, "answered")
    ]
    reply = parse_reply(Frame.decode(bytes.fromhex(replies[0])))
    assert isinstance(reply, ReadReply)
    return reply.value


def test_a_late_first_answer_is_not_taken_for_the_answer_to_the_same_question_asked_again(bench, meter):
    bench.sessions.letter(ask("c1", timeout_s=5), at(1))
    late = meter.answer(meter.next_question())
    bench.pass_time(at(6))
    meter.registers[REMAINING] = Decimal("99.00")
    bench.sessions.letter(ask("c2", timeout_s=5), at(6))
    fence = meter.next_question()
    assert fence.function == Function.READ_ADDRESS
    bench.send(meter, late, at(6.1))
    assert bench.sessions.counters["late_replies"] == 1
    bench.send(meter, meter.answer(fence), at(6.2))
    bench.answer_next(meter, at(6.3))
    assert _told(bench, "c2") == Decimal("99.00")


def test_once_anything_else_was_answered_the_same_question_is_asked_without_a_detour(bench, meter):
    bench.sessions.letter(ask("c1", timeout_s=5), at(1))
    meter.next_question()
    bench.pass_time(at(6))
    bench.sessions.letter(ask("c2", dis=(TOTAL, REMAINING)), at(6))
    assert bench.answer_next(meter, at(7)).di == TOTAL
    assert bench.answer_next(meter, at(7)).di == REMAINING


def test_a_letter_whose_detour_stays_unanswered_ends_unanswered_and_was_not_written(bench, meter):
    bench.sessions.letter(ask("c1", timeout_s=5), at(1))
    bench.pass_time(at(6))
    bench.sessions.letter(ask("c2", timeout_s=5), at(6))
    bench.pass_time(at(11))
    assert bench.answers() == [("c1", "no_answer", [None]), ("c2", "no_answer", [None])]
    assert [question.function for question in meter.heard] == [Function.READ, Function.READ_ADDRESS]


def test_a_detour_is_not_repeated_while_its_own_answer_may_still_come(bench, meter):
    for number in range(3):
        bench.sessions.letter(ask(f"c{number}", timeout_s=5), at(6 * number))
        bench.pass_time(at(6 * number + 5))
    asked = [(question.function, question.di) for question in meter.heard]
    assert len(set(asked)) == len(asked) == 3


def test_a_meter_that_was_mute_for_a_while_is_heard_again(bench, meter):
    for number in range(4):
        bench.sessions.letter(ask(f"c{number}", timeout_s=5), at(6 * number))
        bench.pass_time(at(6 * number + 5))
    meter.heard.clear()
    meter.registers["00000000"] = Decimal("1520.25")
    bench.sessions.letter(ask("last"), at(40))
    bench.answer_next(meter, at(40))
    bench.answer_next(meter, at(40))
    assert _told(bench, "last") == Decimal("12.40")


def test_after_two_minutes_nothing_late_is_expected_any_more(bench, meter):
    bench.sessions.letter(ask("c1", timeout_s=5), at(1))
    meter.next_question()
    bench.pass_time(at(6))
    bench.send(meter, b"ping", at(100))
    bench.sessions.letter(ask("c2", timeout_s=5), at(127))
    assert meter.next_question().di == REMAINING


def test_a_late_refusal_is_not_taken_for_the_answer_to_another_question(bench, meter):
    bench.sessions.letter(ask("c1", dis=("03320201",), timeout_s=5), at(1))
    late = meter.answer(meter.next_question())
    bench.pass_time(at(6))
    bench.sessions.letter(ask("c2", timeout_s=5), at(6))
    bench.send(meter, late, at(6.1))
    bench.answer_next(meter, at(6.2))
    assert _told(bench, "c2") == Decimal("12.40")


def test_a_refusal_with_nothing_given_up_is_an_answer(bench, meter):
    bench.sessions.letter(ask("c1"), at(1))
    bench.send(meter, refuse(read_request(SERIAL, REMAINING), "other"), at(1))
    assert [outcome for _, outcome, _ in bench.answers()] == ["answered"]


def test_an_expired_letter_is_not_written_after_its_detour(bench, meter):
    bench.sessions.letter(ask("c1", timeout_s=5), at(1))
    meter.next_question()
    bench.pass_time(at(6))
    bench.sessions.letter(ask("c2", timeout_s=5, expires=8), at(6))
    bench.answer_next(meter, at(9))
    assert meter.heard == []
    assert bench.answers()[-1] == ("c2", "expired", [None])
