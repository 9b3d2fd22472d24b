"""The small parts around the sessions: the timer and the rate at which sockets are let in."""

import asyncio

import pytest
import uvloop

from meter_gateway.arrivals import Arrivals
from meter_gateway.timer import Timer

LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])


@LOOPS
def test_a_timer_set_to_a_past_time_fires_at_once_and_can_be_set_again(new_loop):
    fired: list[int] = []

    async def play() -> None:
        loop = asyncio.get_running_loop()
        timer = Timer(loop, lambda: fired.append(1))
        timer.set(loop.time() - 1)
        timer.set(loop.time() + 60)
        timer.set(None)
        await asyncio.sleep(0.01)
        assert len(fired) == 1
        timer.set(loop.time() + 60)
        timer.set(loop.time() + 0.01)
        await asyncio.sleep(0.05)
        assert len(fired) == 2
        timer.set(loop.time() + 0.01)
        timer.cancel()
        await asyncio.sleep(0.03)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(play())
    assert len(fired) == 2


def test_one_source_network_may_open_only_so_many_connections_a_second():
    arrivals = Arrivals(3)
    assert [arrivals.allows(f"192.0.2.{host}", 7.0) for host in range(5)] == [True, True, True, False, False]
    assert arrivals.allows("198.51.100.1", 7.1)
    assert arrivals.allows("192.0.2.1", 7.4)
    assert not arrivals.allows("192.0.2.1", 7.4)
    assert [arrivals.allows(f"2001:db8:1:{host}::1", 7.0) for host in range(4)] == [True, True, True, False]


def test_meters_that_prove_themselves_do_not_use_up_their_addresss_rate():
    arrivals = Arrivals(3)
    for _ in range(10_000):
        assert arrivals.allows("192.0.2.1", 7.0)
        arrivals.proved("192.0.2.1", 7.0)
    assert [arrivals.allows("192.0.2.1", 7.0) for _ in range(4)] == [True, True, True, False]


def test_no_rate_lets_everybody_in():
    assert all(Arrivals(0).allows("192.0.2.1", 1.0) for _ in range(10_000))
