"""Virtual time ends where its events do, and says so where they do not."""

from functools import partial

import pytest

from tests.simulation.virtual_time import VirtualTime


def test_events_that_bring_about_more_events_without_end_are_a_finding() -> None:
    time = VirtualTime(most_steps=1_000)

    def doubled() -> None:
        for _ in range(2):
            time.after(0.02, doubled)

    time.after(0, doubled)
    with pytest.raises(AssertionError, match=r"after 1,000 events it is still second 0\.180"):
        time.run_until(90)


def test_events_of_one_second_happen_in_the_order_they_were_planned() -> None:
    time, order = VirtualTime(), []
    for place in range(3):
        time.at(5, partial(order.append, place))
    time.at(4, partial(order.append, "before"))
    time.run_until(10)
    assert (order, time.now) == (["before", 0, 1, 2], 10)
