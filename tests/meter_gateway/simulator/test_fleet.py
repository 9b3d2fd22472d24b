"""The fleet on real sockets, against a listener that only listens and asks."""

import asyncio
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meter_gateway.protocol.openings import Opening, OpeningSeen
from meter_gateway.protocol.supply_report import SUPPLY_REPORT_DI
from meter_gateway.simulator.control import ControlPort
from meter_gateway.simulator.flash import FlashDirectory
from meter_gateway.simulator.fleet import build_units
from meter_gateway.simulator.http import serve
from meter_gateway.simulator.load import LoadFileError, Recording
from meter_gateway.simulator.roster import FleetFileError, read_fleet
from tests.meter_gateway.simulator.bench import SERIAL, recharge
from tests.meter_gateway.simulator.listener import PATIENCE_S, READ, Gateway, now, play, unit_on_bench, until


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
