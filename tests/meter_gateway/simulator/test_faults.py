from dataclasses import fields

import pytest

from meter_gateway.simulator.faults import COUNTED, HEALTHY, TIMED, Fate, Faults, Way, fate, pieces


def test_a_healthy_link_sends_once_at_once_and_whole() -> None:
    assert fate(HEALTHY, credited=True) == (Fate(), HEALTHY)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("mute_answers", Way.LOST),
        ("late_answers", Way.KEPT_BACK),
        ("reset_answers", Way.RESET),
        ("half_open", Way.FORGOTTEN),
        ("drop_after_credit", Way.CUT),
    ],
)
def test_a_counted_fault_is_met_so_often_and_no_more(name: str, way: Way) -> None:
    faults = Faults(**{name: 2})  # type: ignore[arg-type]
    ways = []
    for _ in range(3):
        met, faults = fate(faults, credited=True)
        ways.append((met.way, met.met))
    assert ways == [(way, (name,)), (way, (name,)), (Way.SENT, ())]
    assert faults == HEALTHY


def test_only_a_credit_is_dropped_after_a_credit_and_held_after() -> None:
    faults = Faults(drop_after_credit=1)
    assert fate(faults, credited=False) == (Fate(), faults)
    held = Faults(hold_after_credit_s=5)
    assert fate(held, credited=False)[0].hold_s == 0
    assert fate(held, credited=True) == (Fate(hold_s=5, met=("hold_after_credit_s",)), held)


def test_a_stall_is_met_once_and_a_delay_each_time() -> None:
    first, faults = fate(Faults(stall_s=2, delay_answers_s=1, split_bytes=3), credited=False)
    second, _ = fate(faults, credited=False)
    assert (first.wait_s, second.wait_s, first.piece, second.piece) == (3, 1, 3, 3)
    assert first.met == ("delay_answers_s", "stall_s", "split_bytes")


def test_every_fault_is_counted_or_timed() -> None:
    assert {*COUNTED, *TIMED} == {field.name for field in fields(Faults)}


def test_pieces_make_the_whole() -> None:
    raw = bytes(range(50))
    assert pieces(raw, 0) == [raw]
    assert [len(piece) for piece in pieces(raw, 20)] == [20, 20, 10]
    assert b"".join(pieces(raw, 7)) == raw
