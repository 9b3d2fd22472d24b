"""The fleet on real sockets, against a listener that only listens and asks."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meter_gateway.protocol.connection import Connection, Role
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.openings import Opening, OpeningSeen
from meter_gateway.protocol.reads import read_request
from meter_gateway.protocol.stream import FrameSeen
from meter_gateway.protocol.supply_report import SUPPLY_REPORT_DI
from meter_gateway.simulator.control import ControlPort
from meter_gateway.simulator.faults import Faults
from meter_gateway.simulator.flash import FlashDirectory
from meter_gateway.simulator.fleet import Fleet, build_units
from meter_gateway.simulator.http import serve
from meter_gateway.simulator.load import LoadFileError, Recording, SteadyLoad
from meter_gateway.simulator.roster import FleetFileError, read_fleet
from meter_gateway.simulator.unit import Unit
from tests.meter_gateway.simulator.bench import PROFILE, SERIAL, meter_on_bench, recharge

PATIENCE_S = 5.0
READ = read_request(SERIAL, "03320201")


class Caller:
    """One accepted connection, seen from the gateway's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._connection = Connection(Role.PLATFORM)
        self._seen: list[Any] = []

    async def next(self, patience_s: float = PATIENCE_S) -> Any:
        """The next opening or frame; None when the meter hung up; raises `TimeoutError` on silence."""
        async with asyncio.timeout(patience_s):
            while not self._seen:
                data = await self._reader.read(1000)
                if not data:
                    return None
                self._seen += self._connection.receive(data)
        return self._seen.pop(0)

    def put(self, frame: Frame) -> None:
        self._writer.write(self._connection.send(frame))

    async def ask(self, frame: Frame, patience_s: float = PATIENCE_S) -> Frame | None:
        self.put(frame)
        seen = await self.next(patience_s)
        if seen is None:
            return None
        assert isinstance(seen, FrameSeen)
        return seen.frame

    def hang_up(self) -> None:
        self._writer.transport.abort()


class Gateway:
    """Accepts meters and hands them out in the order they called."""

    def __init__(self) -> None:
        self._callers: asyncio.Queue[Caller] = asyncio.Queue()
        self._all: list[Caller] = []

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caller = Caller(reader, writer)
        self._all.append(caller)
        self._callers.put_nowait(caller)

    async def caller(self) -> Caller:
        """The next connection, its opening still unread."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._callers.get()

    async def logged_in(self) -> Caller:
        """The next connection, after its opening."""
        caller = await self.caller()
        assert isinstance(await caller.next(), OpeningSeen)
        return caller

    def hang_up(self) -> None:
        for caller in self._all:
            caller.hang_up()


def now() -> datetime:
    return datetime.now(UTC)


def unit_on_bench(directory: Path, **changes: Any) -> Unit:
    load = SteadyLoad(Decimal(0))
    heartbeat_s = changes.pop("heartbeat_s", 60)
    bearer = changes.pop("bearer", "4G")
    meter = meter_on_bench(demand=load, now=now(), **changes)
    return Unit(
        meter, replace(PROFILE, heartbeat_s=heartbeat_s, bearer=bearer), load, FlashDirectory(directory)
    )


@asynccontextmanager
async def running(unit: Unit) -> AsyncIterator[Gateway]:
    gateway, stop = Gateway(), asyncio.Event()
    server = await asyncio.start_server(gateway.accept, "127.0.0.1", 0)
    fleet = Fleet({SERIAL: unit}, server.sockets[0].getsockname(), clock=now, dice=random.Random(1))
    task = asyncio.create_task(fleet.run(stop))
    try:
        yield gateway
    finally:
        stop.set()
        await task
        gateway.hang_up()
        server.close()
        await server.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


def play(unit: Unit, story: Callable[[Gateway], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running(unit) as gateway:
            await story(gateway)

    asyncio.run(run())


def test_a_meter_dials_announces_itself_and_answers(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.caller()
        opening = await caller.next()
        assert isinstance(opening, OpeningSeen)
        assert (opening.shape, opening.serial) == (Opening.HEARTBEAT, SERIAL)
        assert unit.connected
        answer = await caller.ask(READ)
        assert answer is not None
        assert answer.data[4:] == b"\x03\x00"

    play(unit, story)


def test_a_meter_keeps_its_link_alive(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        assert isinstance(await caller.next(), OpeningSeen)

    play(unit_on_bench(tmp_path, heartbeat_s=0.05), story)


def test_a_gateway_that_never_answers_heartbeats_is_dialled_anew(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        await gateway.logged_in()
        await gateway.logged_in()

    play(unit_on_bench(tmp_path, heartbeat_s=0.02), story)


def test_a_meter_comes_back_after_the_gateway_hung_up(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        for _ in range(3):
            (await gateway.logged_in()).hang_up()

    play(unit_on_bench(tmp_path), story)


def test_a_cut_link_stays_down_until_mended(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        unit.set_link(False)
        assert await caller.next() is None
        await until(lambda: not unit.connected)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await gateway.caller()
        unit.set_link(True)
        assert await (await gateway.logged_in()).ask(READ)

    play(unit, story)


def test_a_power_cut_drops_the_link_and_the_meter_dials_again(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        unit.power_cut(now())
        assert await caller.next() is None
        await gateway.logged_in()

    play(unit, story)


def test_a_muted_meter_works_and_says_nothing(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(mute_answers=1)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        caller.put(recharge("5.00", 4))
        await until(lambda: unit.meter.state.purchase_count == 4)
        answer = await caller.ask(READ)
        assert answer is not None
        assert answer.data[4:] == b"\x04\x00"
        assert unit.faults.mute_answers == 0

    play(unit, story)


def test_a_delayed_answer_comes_late(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(delay_answers_s=0.15)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        with pytest.raises(TimeoutError):
            await caller.ask(READ, patience_s=0.05)
        assert isinstance(await caller.next(), FrameSeen)

    play(unit, story)


def test_a_repeated_answer_comes_twice(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(repeat_answers=1)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        first = await caller.ask(READ)
        again = await caller.next()
        assert again.frame == first

    play(unit, story)


def test_an_answer_may_come_in_pieces(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(split_bytes=7)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        answer = await caller.ask(READ)
        assert answer is not None
        assert answer.data[4:] == b"\x03\x00"
        assert unit.faults_met["split_bytes"] == 1

    play(unit, story)


def test_a_lost_segment_stalls_what_follows_and_keeps_the_order(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(stall_s=0.15)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        caller.put(READ)
        with pytest.raises(TimeoutError):
            await caller.ask(read_request(SERIAL, "00900100"), patience_s=0.05)
        seen = [(await caller.next()).frame.di for _ in range(2)]
        assert seen == ["03320201", "00900100"]
        assert (unit.faults.stall_s, unit.faults_met["stall_s"]) == (0, 1)

    play(unit, story)


def test_a_late_answer_comes_with_the_next_one(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(late_answers=1)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        with pytest.raises(TimeoutError):
            await caller.ask(READ, patience_s=0.05)
        caller.put(read_request(SERIAL, "00900100"))
        assert [(await caller.next()).frame.di for _ in range(2)] == ["03320201", "00900100"]

    play(unit, story)


def test_a_connection_is_reset_instead_of_an_answer(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(reset_answers=1)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        with pytest.raises(ConnectionResetError):
            await caller.ask(READ)
        again = await gateway.logged_in()
        assert await again.ask(READ) is not None

    play(unit, story)


def test_a_half_open_connection_stays_silent_while_the_meter_calls_again(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(half_open=1)

    async def story(gateway: Gateway) -> None:
        old = await gateway.logged_in()
        old.put(READ)
        new = await gateway.logged_in()
        assert await new.ask(READ) is not None
        with pytest.raises(TimeoutError):
            await old.ask(READ, patience_s=0.05)
        assert unit.faults_met["half_open"] == 1

    play(unit, story)


def test_a_sleeping_module_hears_a_question_only_after_its_next_heartbeat(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path, heartbeat_s=0.2, bearer="NB-IoT")
    unit.awake_s = 0.05

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        await until(lambda: unit.asleep)
        caller.put(READ)
        assert isinstance(await caller.next(), OpeningSeen)
        assert isinstance(await caller.next(), FrameSeen)

    play(unit, story)


def test_power_lost_in_a_credit_takes_the_link_with_it(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.meter.cut_at_byte = 0

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        assert await caller.ask(recharge("5.00", 4)) is None
        again = await gateway.logged_in()
        answer = await again.ask(recharge("5.00", 4))
        assert answer is not None
        assert answer.control == 0x83

    play(unit, story)


def test_a_credit_is_applied_once_when_the_socket_drops_before_the_answer(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(drop_after_credit=1)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        assert await caller.ask(recharge("5.00", 4)) is None
        again = await gateway.logged_in()
        answer = await again.ask(recharge("5.00", 4))
        assert answer is not None
        assert (answer.control, answer.data) == (0xC3, b"\x02\x00")
        assert unit.meter.remaining_kwh == Decimal("17.40")
        assert unit.faults.drop_after_credit == 0

    play(unit, story)


def test_a_held_meter_answers_the_credit_and_stalls_the_read_back(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(hold_after_credit_s=0.2)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        answer = await caller.ask(recharge("5.00", 4), patience_s=0.15)
        assert answer is not None
        assert answer.control == 0x83
        with pytest.raises(TimeoutError):
            await caller.ask(READ, patience_s=0.05)
        assert isinstance(await caller.next(), FrameSeen)

    play(unit, story)


def test_a_held_meter_still_notices_that_the_gateway_hung_up(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(hold_after_credit_s=60.0)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        await caller.ask(recharge("5.00", 4))
        caller.put(READ)
        caller.hang_up()
        await gateway.logged_in()

    play(unit, story)


def test_a_meter_that_trips_at_zero_reports_it_unasked(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        unit.set_load(Decimal(3600), now())
        unit.set_remaining(Decimal("0.02"), now())
        report = await caller.next()
        assert report.frame.di == SUPPLY_REPORT_DI
        assert not unit.meter.state.relay_closed

    play(unit, story)


def test_a_meter_trips_at_zero_with_the_link_down(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.set_link(False)
    unit.set_load(Decimal(3600), now())
    unit.set_remaining(Decimal("0.02"), now())

    async def story(gateway: Gateway) -> None:
        await until(lambda: not unit.meter.state.relay_closed)
        saved = FlashDirectory(tmp_path).load(SERIAL)
        assert saved is not None
        assert saved.relay_closed is False

    play(unit, story)


def test_a_stopped_fleet_has_every_register_on_flash(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        await caller.ask(recharge("5.00", 4))
        unit.set_load(Decimal(100), now())

    play(unit, story)
    assert FlashDirectory(tmp_path).load(SERIAL) == unit.meter.state


def test_a_fleet_is_built_from_its_file_and_then_from_its_flash(tmp_path: Path) -> None:
    file = tmp_path / "fleet.json"
    row = {
        "serial": SERIAL,
        "profile": "ddsy-4g",
        "household": "A",
        "start_remaining_kwh": "5.00",
        "start_purchase_count": 1,
    }
    file.write_text(json.dumps([row]))
    households = {"A": Recording([100] * 48, first_day=date(2013, 7, 15))}
    flash = FlashDirectory(tmp_path / "flash")
    first = build_units(read_fleet(file), households, flash, now=now())[SERIAL]
    assert first.asked(recharge("1.00", 2, profile=first.profile).encode(), now())[0].credited
    first.commit(now())
    again = build_units(read_fleet(file), households, flash, now=now())[SERIAL]
    assert again.meter.state.purchase_count == 2
    assert again.meter.purchased_kwh == 1
    for wrong in ({"profile": "none"}, {"household": "B"}):
        file.write_text(json.dumps([row | wrong]))
        with pytest.raises(FleetFileError, match=SERIAL):
            build_units(read_fleet(file), households, flash, now=now())


def test_a_curve_of_broken_days_is_refused() -> None:
    with pytest.raises(LoadFileError):
        Recording([1] * 47, first_day=date(2013, 7, 15))


async def http(port: int, request: bytes) -> tuple[int, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(PATIENCE_S):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), json.loads(body)


def message(method: str, path: str, body: bytes = b"") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_the_control_port_speaks_http(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)

    async def story() -> None:
        port = ControlPort({SERIAL: unit}, clock=now)
        server = await asyncio.start_server(serve(port.answer), "127.0.0.1", 0)
        number = server.sockets[0].getsockname()[1]
        async with server:
            status, shown = await http(number, message("GET", f"/meters/{SERIAL}?x=1"))
            assert (status, shown["remaining_kwh"]) == (200, "12.40")
            status, shown = await http(number, message("PATCH", f"/meters/{SERIAL}", b'{"load_kw": 0.5}'))
            assert (status, shown["load_kw"]) == (200, "0.5000")
            status, error = await http(number, message("PATCH", f"/meters/{SERIAL}", b'{"link": 1}'))
            assert (status, list(error["fields"])) == (422, ["link"])
            assert (await http(number, message("GET", "/meters/1")))[0] == 404
            assert (await http(number, b"nonsense\r\n\r\n"))[0] == 400
            too_long = b"POST /meters HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"
            assert (await http(number, too_long))[0] == 413

    asyncio.run(story())
