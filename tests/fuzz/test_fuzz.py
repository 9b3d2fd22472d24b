"""A handful of what ``make fuzz`` does at length."""

from __future__ import annotations

import random

from meter_gateway.protocol.stream import FrameSeen, FrameStream
from tests.fuzz.inputs import LONGEST, inputs, portions
from tests.fuzz.trial import both_roles, parse, trial, waiting

COUNT = 1000


def test_nothing_a_link_sends_breaks_the_parser() -> None:
    dice, source = random.Random(1), inputs(2)
    seen = 0
    for _ in range(COUNT):
        raw = next(source)
        assert len(raw) <= LONGEST
        cut = portions(raw, dice)
        assert b"".join(cut) == raw
        seen += sum(isinstance(event, FrameSeen) for event in trial(raw, cut))
    assert seen > COUNT / 10


def test_both_ends_of_a_link_take_whatever_comes() -> None:
    dice, source = random.Random(3), inputs(4)
    for _ in range(COUNT // 5):
        raw = next(source)
        cut = portions(raw, dice)
        both_roles(raw, cut)
        waiting(cut)


def test_the_same_seed_makes_the_same_inputs() -> None:
    first, second = inputs(5), inputs(5)
    assert [next(first) for _ in range(20)] == [next(second) for _ in range(20)]


def test_a_block_of_starts_costs_no_more_than_it_has_bytes() -> None:
    """The count of rejections, not a clock, so that a busy machine does not decide."""
    events = parse(FrameStream(), [b"\x68" * LONGEST])
    assert len(events) <= LONGEST // 12
