"""Letters on a granted session: one question at a time, and what becomes of each."""

import random

import pytest

from meter_gateway.letters import Grant
from meter_gateway.protocol.answers import answer_read, push, refuse
from meter_gateway.protocol.openings import heartbeat_frame, registration_frame
from meter_gateway.protocol.reads import read_request
from meter_gateway.questions import QUEUE_LIMIT
from meter_gateway.tray import Kind

from .bench import OTHER_SERIAL, REMAINING, SERIAL, TOTAL, Bench, MeterEnd, ask, at


def test_an_answered_letter_goes_up_with_the_meters_own_bytes(bench, meter):
    bench.sessions.letter(ask("c7", attempt=2), at(1))
    answer = meter.answer(meter.next_question())
    bench.send(meter, answer, at(2))
    assert bench.went_up(Kind.ANSWER) == [
        {
            "command": "c7",
            "attempt": 2,
            "epoch": 3,
            "serial": SERIAL,
            "outcome": "answered",
            "replies": [answer.lstrip(b"\xfe").hex().upper()],
            "at": "2026-11-23T06:00:02.000000+00:00",
        }
    ]


def test_a_refusal_of_the_meter_is_an_answer_too(bench, meter):
    bench.sessions.letter(ask(dis=("03320201",)), at(1))
    bench.answer_next(meter, at(2))
    assert [outcome for _, outcome, _ in bench.answers()] == ["answered"]


def test_the_second_question_waits_for_the_first_answer(bench, meter):
    bench.sessions.letter(ask("c1", dis=(REMAINING, TOTAL)), at(1))
    bench.sessions.letter(ask("c2", dis=(REMAINING,)), at(1))
    asked = []
    while meter.heard:
        assert len(meter.heard) == 1
        asked.append(bench.answer_next(meter, at(2)).di)
    assert asked == [REMAINING, TOTAL, REMAINING]
    assert [(command, outcome) for command, outcome, _ in bench.answers()] == [
        ("c1", "answered"),
        ("c2", "answered"),
    ]


def test_a_letter_stops_at_the_first_frame_without_an_answer(bench, meter):
    bench.sessions.letter(ask(dis=(REMAINING, TOTAL, "00020000"), timeout_s=5), at(1))
    bench.answer_next(meter, at(2))
    bench.pass_time(at(6.9))
    assert bench.answers() == []
    bench.pass_time(at(7))
    [(_, outcome, replies)] = bench.answers()
    assert outcome == "no_answer"
    assert [reply is not None for reply in replies] == [True, False, False]
    assert [question.di for question in meter.heard] == [TOTAL]


def test_a_late_reply_is_dropped_and_does_not_answer_the_next_question(bench, meter):
    bench.sessions.letter(ask("c1", dis=(REMAINING,), timeout_s=5), at(1))
    bench.sessions.letter(ask("c2", dis=(TOTAL,), timeout_s=5), at(1))
    late = meter.answer(meter.next_question())
    bench.pass_time(at(6))
    bench.send(meter, late, at(6.1))
    assert bench.sessions.counters["late_replies"] == 1
    assert [outcome for _, outcome, _ in bench.answers()] == ["no_answer"]
    bench.answer_next(meter, at(6.2))
    assert [outcome for _, outcome, _ in bench.answers()] == ["no_answer", "answered"]
    assert bench.went_up(Kind.PUSH) == []


def test_after_the_late_reply_the_meter_may_report_the_same_register_by_itself(bench, meter):
    bench.sessions.letter(ask(dis=(TOTAL,), timeout_s=5), at(1))
    late = meter.answer(meter.next_question())
    bench.pass_time(at(6))
    bench.send(meter, late, at(7))
    meter.registers[TOTAL] += 1
    bench.send(meter, push(SERIAL, TOTAL, meter.registers[TOTAL]), at(8))
    assert len(bench.went_up(Kind.PUSH)) == 1


def test_a_report_right_after_an_answer_of_the_same_register_is_a_push(bench, meter):
    bench.sessions.letter(ask(dis=(TOTAL,)), at(1))
    bench.answer_next(meter, at(1))
    meter.registers[TOTAL] += 1
    bench.send(meter, push(SERIAL, TOTAL, meter.registers[TOTAL]), at(2))
    assert len(bench.went_up(Kind.PUSH)) == 1


def test_a_doubled_reply_is_dropped(bench, meter):
    bench.sessions.letter(ask("c1"), at(1))
    reply = meter.answer(meter.next_question())
    bench.send(meter, reply + reply, at(2))
    assert len(bench.answers()) == 1
    assert bench.sessions.counters["late_replies"] == 1


def test_a_frame_of_another_meter_on_the_line_answers_nothing(bench, meter):
    bench.sessions.letter(ask(), at(1))
    bench.send(meter, answer_read(read_request(OTHER_SERIAL, REMAINING), meter.registers[REMAINING]), at(2))
    assert bench.answers() == []
    assert bench.sessions.counters["frames_of_other_addresses"] == 1


def test_a_damaged_answer_is_no_answer(bench, meter):
    bench.sessions.letter(ask(timeout_s=5), at(1))
    raw = bytearray(meter.answer(meter.next_question()))
    raw[-3] ^= 0x01
    bench.send(meter, bytes(raw), at(2))
    bench.pass_time(at(6))
    assert bench.answers() == [("c1", "no_answer", [None])]


@pytest.mark.parametrize("epoch", [2, 4])
def test_a_letter_of_another_epoch_is_never_written(bench, meter, epoch):
    bench.sessions.letter(ask(epoch=epoch), at(1))
    assert meter.heard == []
    assert bench.answers() == [("c1", "stale_epoch", [None])]


def test_a_letter_whose_epoch_ended_while_it_waited_is_never_written(bench, meter):
    bench.sessions.letter(ask("c1"), at(1))
    bench.sessions.letter(ask("c2"), at(1))
    bench.sessions.letter(Grant(SERIAL, "session-1", 4), at(2))
    bench.answer_next(meter, at(3))
    assert meter.heard == []
    assert [outcome for _, outcome, _ in bench.answers()] == ["answered", "stale_epoch"]


def test_an_older_grant_does_not_take_the_epoch_back(bench, meter):
    bench.sessions.letter(Grant(SERIAL, "session-1", 2), at(1))
    bench.sessions.letter(ask(epoch=3), at(1))
    assert len(meter.heard) == 1


def test_no_frame_is_written_once_its_letter_has_expired(bench, meter):
    bench.sessions.letter(ask("c1", expires=1), at(1))
    assert meter.heard == []
    bench.sessions.letter(ask("c2", dis=(REMAINING, TOTAL), expires=3), at(2))
    bench.answer_next(meter, at(3))
    assert meter.heard == []
    first, second = bench.answers()
    assert first == ("c1", "expired", [None])
    assert second[1] == "expired"
    assert [reply is not None for reply in second[2]] == [True, False]


def test_a_letter_for_a_meter_that_is_not_here_comes_straight_back(bench):
    bench.sessions.letter(ask(dis=(REMAINING, TOTAL)), at(1))
    assert bench.answers() == [("c1", "not_connected", [None, None])]


def test_the_same_attempt_again_never_writes_twice(bench, meter):
    bench.sessions.letter(ask("c1"), at(1))
    bench.sessions.letter(ask("c2"), at(1))
    bench.sessions.letter(ask("c1"), at(1))
    bench.sessions.letter(ask("c2"), at(1))
    bench.answer_next(meter, at(2))
    bench.answer_next(meter, at(2))
    assert meter.heard == []
    before = bench.answers()
    assert [command for command, _, _ in before] == ["c1", "c2"]
    bench.sessions.letter(ask("c1"), at(3))
    assert meter.heard == []
    assert bench.answers() == [*before, before[0]]


def test_an_unwritten_attempt_may_come_again_and_a_new_attempt_is_asked(bench, meter):
    bench.sessions.letter(ask("c1", epoch=2), at(1))
    bench.sessions.letter(ask("c1", epoch=3), at(2))
    bench.answer_next(meter, at(2))
    bench.sessions.letter(ask("c1", attempt=2), at(3))
    assert len(meter.heard) == 1


def test_a_full_queue_sends_letters_back_unwritten(bench, meter):
    for number in range(QUEUE_LIMIT + 3):
        bench.sessions.letter(ask(f"c{number}"), at(1))
    assert [outcome for _, outcome, _ in bench.answers()] == ["not_connected"] * 2
    assert len(meter.heard) == 1


def test_a_lost_socket_leaves_the_open_question_unanswered_and_the_rest_unsent(bench, meter):
    bench.sessions.letter(ask("c1"), at(1))
    bench.sessions.letter(ask("c2"), at(1))
    bench.sessions.lost(meter, at(2))
    assert bench.answers() == [("c1", "no_answer", [None]), ("c2", "not_connected", [None])]
    assert [(gone["epoch"], gone["reason"]) for gone in bench.went_up(Kind.GONE)] == [(3, "disconnected")]


def test_a_socket_lost_inside_the_write_ends_every_letter_once(bench, meter):
    class FullLine(MeterEnd):
        is_full = False

        def write(self, data: bytes) -> None:
            super().write(data)
            if self.is_full:
                bench.sessions.lost(self, at(1), "does_not_read")

    full = FullLine(OTHER_SERIAL)
    bench.log_in(full, at(0))
    full.is_full = True
    bench.sessions.letter(ask("c1", dis=(REMAINING, TOTAL), serial=OTHER_SERIAL), at(1))
    bench.sessions.letter(ask("c2", serial=OTHER_SERIAL), at(1))
    assert bench.answers() == [("c1", "no_answer", [None, None]), ("c2", "not_connected", [None])]
    assert full.closed
    assert not meter.closed


def test_draining_lets_the_open_question_be_answered_and_starts_nothing(bench, meter):
    bench.sessions.letter(ask("c1", dis=(REMAINING, TOTAL)), at(1))
    bench.sessions.letter(ask("c2"), at(1))
    bench.sessions.drain(at(2))
    bench.sessions.letter(ask("c3"), at(2))
    assert bench.sessions.busy
    bench.answer_next(meter, at(3))
    assert not bench.sessions.busy
    assert meter.heard == []
    assert sorted((command, outcome) for command, outcome, _ in bench.answers()) == [
        ("c1", "not_connected"),
        ("c2", "not_connected"),
        ("c3", "not_connected"),
    ]
    assert [reply is not None for reply in bench.answers()[-1][2]] == [True, False]


def test_a_meter_that_comes_in_while_the_process_stops_is_asked_nothing():
    bench, meter = Bench(), MeterEnd()
    bench.sessions.drain(at(0))
    bench.log_in(meter, at(0))
    bench.sessions.letter(ask("c1"), at(1))
    assert meter.heard == []
    assert [(command, outcome) for command, outcome, _ in bench.answers()] == [("c1", "not_connected")]


def test_a_push_goes_up_raw_and_a_registration_does_not(bench, meter):
    report = push(SERIAL, TOTAL, meter.registers[TOTAL])
    bench.send(meter, report, at(1))
    bench.send(meter, registration_frame(SERIAL), at(1))
    bench.send(meter, heartbeat_frame(SERIAL), at(1))
    assert [(p["serial"], p["epoch"], p["raw"]) for p in bench.went_up(Kind.PUSH)] == [
        (SERIAL, 3, report.encode(preamble=0).hex().upper())
    ]


def test_a_push_before_the_grant_is_not_handed_up(bench):
    early = MeterEnd(OTHER_SERIAL)
    bench.prove(early, at(0))
    bench.send(early, push(OTHER_SERIAL, TOTAL, early.registers[TOTAL]), at(1))
    assert bench.went_up(Kind.PUSH) == []


def test_a_push_of_another_register_does_not_answer_the_question(bench, meter):
    bench.sessions.letter(ask(dis=(REMAINING,)), at(1))
    bench.send(meter, push(SERIAL, TOTAL, meter.registers[TOTAL]), at(2))
    assert bench.answers() == []
    assert len(bench.went_up(Kind.PUSH)) == 1


def test_an_error_nobody_asked_for_is_counted_and_dropped(bench, meter):
    bench.send(meter, refuse(read_request(SERIAL, TOTAL), "other"), at(1))
    assert bench.sessions.counters["stray_frames"] == 1


def test_a_flood_of_pushes_is_shed_and_questions_still_get_through(bench, meter):
    report = push(SERIAL, TOTAL, meter.registers[TOTAL]).encode()
    bench.send(meter, report * 500, at(1))
    assert len(bench.went_up(Kind.PUSH)) == 50
    bench.sessions.letter(ask(), at(1))
    bench.answer_next(meter, at(1))
    assert [outcome for _, outcome, _ in bench.answers()] == ["answered"]


def test_a_meter_that_spoke_is_seen_once_within_five_seconds(bench, meter):
    bench.pass_time(at(20))
    bench.up.clear()
    bench.pass_time(at(50))
    assert bench.went_up(Kind.SEEN) == []
    for second in (51, 52, 53):
        bench.send(meter, registration_frame(SERIAL), at(second))
    bench.pass_time(at(56))
    assert bench.went_up(Kind.SEEN) == [
        {
            "serial": SERIAL,
            "session": bench.sessions.id_of(meter),
            "epoch": 3,
            "at": "2026-11-23T06:00:53.000000+00:00",
        }
    ]


@pytest.mark.parametrize("seed", range(200))
def test_every_letter_ends_exactly_once_whatever_happens(seed):
    """Random histories: answers, silence, noise, doubled replies, lost sockets, logins, grants, repeats."""
    chance = random.Random(seed)
    bench, now, epoch = Bench(), 0.0, 3
    meter = MeterEnd()
    bench.log_in(meter, at(now), epoch)
    sent: set[tuple[str, int]] = set()
    for step in range(120):
        now += chance.choice([0.0, 0.05, 0.5, 3.0])
        bench.pass_time(at(now))
        match chance.randrange(9):
            case 0 | 1 | 2:
                dis = tuple(chance.choices([REMAINING, TOTAL], k=chance.randint(1, 3)))
                letter = ask(
                    f"c{chance.randrange(step + 1)}",
                    dis=dis,
                    attempt=chance.randint(1, 2),
                    epoch=epoch - chance.choice([0, 0, 0, 1]),
                    expires=now + chance.choice([-1, 1, 30]),
                    timeout_s=chance.choice([1, 5]),
                )
                sent.add(letter.key)
                bench.sessions.letter(letter, at(now))
            case 3 | 4 if meter.heard and not meter.closed:
                question = meter.next_question()
                bench.send(meter, meter.answer(question) * chance.randint(1, 2), at(now))
            case 5 if not meter.closed:
                bench.send(meter, chance.randbytes(chance.randint(1, 40)), at(now))
            case 6 if meter.heard:
                meter.heard.pop(0)
            case 7 if chance.random() < 0.3:
                bench.sessions.lost(meter, at(now))
                epoch += 1
                meter = MeterEnd()
                bench.log_in(meter, at(now), epoch)
        assert len(bench.sessions.repeats) == 0 or bench.sessions.busy, "letters wait and nothing is asked"
    bench.sessions.drain(at(now))
    bench.pass_time(at(now + 10))
    bench.sessions.end_all("gateway_stopped", at(now + 10))
    ended = bench.went_up(Kind.ANSWER)
    assert {(item["command"], item["attempt"]) for item in ended} == sent
    assert len(bench.sessions.repeats) == 0
    assert len(bench.sessions) == 0
    for item in ended:
        answered = [reply is not None for reply in item["replies"]]
        assert answered == sorted(answered, reverse=True), "a reply after a missing reply"
        assert (item["outcome"] == "answered") == all(answered)
