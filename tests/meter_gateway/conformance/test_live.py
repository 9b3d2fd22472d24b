"""The kit on real sockets, and as a program."""

import asyncio
import io
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from meter_gateway.conformance.__main__ import main
from meter_gateway.conformance.bench import Bench
from meter_gateway.conformance.catalogue import clauses_named
from meter_gateway.conformance.clause import Finding, Mark
from meter_gateway.conformance.live import Dialled, Door, Listening, NoMeter, examine_live
from meter_gateway.conformance.simulated import SERIAL, simulated_meter
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.simulator.app import SHIPPED_LOAD
from meter_gateway.simulator.breaks import BREAKS
from meter_gateway.simulator.flash import FlashDirectory
from meter_gateway.simulator.flaw import FlawedPort
from meter_gateway.simulator.fleet import Fleet
from meter_gateway.simulator.load import SteadyLoad
from meter_gateway.simulator.port import Port
from meter_gateway.simulator.unit import Unit

PROFILE = load_profile("dtsy-4g-ble")
BENCH = partial(Bench, PROFILE, answer_s=10.0, silence_s=0.2)


def now() -> datetime:
    return datetime.now(UTC)


async def examine(door: Door, *names: str) -> dict[str, Finding]:
    found = await examine_live(PROFILE, door, clauses_named(names), BENCH)
    return {finding.clause.name: finding for finding in found}


def test_a_meter_that_dials_in_is_examined_and_its_flaw_found(tmp_path: Path) -> None:
    async def run() -> dict[str, Finding]:
        listening = Listening("127.0.0.1", 0, patience_s=20.0)
        port = await listening.listen()
        end = partial(FlawedPort, flaw=BREAKS["credit.repeated"])
        unit = Unit(
            simulated_meter(PROFILE, now()),
            PROFILE,
            SteadyLoad(Decimal("0.1")),
            FlashDirectory(tmp_path),
            end=end,
        )
        stop = asyncio.Event()
        fleet = Fleet({SERIAL: unit}, ("127.0.0.1", port), clock=now, dice=random.Random(1))
        running = asyncio.create_task(fleet.run(stop))
        try:
            asked = ("link.opening", "frame.glued", "credit.next", "credit.repeated", "relay.report")
            return await examine(listening, *asked)
        finally:
            stop.set()
            await running
            listening.close()

    found = asyncio.run(run())
    assert [name for name, finding in found.items() if finding.mark is Mark.FAILED] == ["credit.repeated"]
    assert found["credit.repeated"].reason == "It accepted the same credit twice."
    assert len(found) == 5


class Converter:
    """A serial converter before a meter: it listens, and may hang up after so many questions."""

    def __init__(self, hangs_up_after: int = 1000) -> None:
        self.links = 0
        self._left = hangs_up_after
        self._port = Port(simulated_meter(PROFILE, now()), PROFILE)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links += 1
        while data := await reader.read(4096):
            self._left -= 1
            if not self._left:
                break
            for answer in self._port.receive(data, now()):
                writer.write(answer.raw)
        writer.close()


def test_a_meter_that_is_dialled_says_who_it_is_and_nothing_unasked() -> None:
    found = asyncio.run(through(Converter(), "link", "read.address", "read.identity"))
    assert {name: finding.mark for name, finding in found.items()} == {
        "link.opening": Mark.NOT_APPLICABLE,
        "link.heartbeat": Mark.NOT_APPLICABLE,
        "read.address": Mark.PASSED,
        "read.identity": Mark.PASSED,
    }


def test_a_meter_that_hangs_up_fails_that_clause_and_is_dialled_again() -> None:
    converter = Converter(hangs_up_after=2)
    found = asyncio.run(through(converter, "read.identity", "read.counters"))
    assert found["read.identity"].mark is Mark.FAILED
    assert found["read.identity"].reason == "The meter closed the link."
    assert found["read.counters"].mark is Mark.PASSED
    assert converter.links == 2


async def through(converter: Converter, *names: str) -> dict[str, Finding]:
    server = await asyncio.start_server(converter.serve, "127.0.0.1", 0)
    async with server:
        return await examine(Dialled(*server.sockets[0].getsockname()), *names)


def test_nobody_there_is_told_in_a_sentence() -> None:
    async def run() -> None:
        listening = Listening("127.0.0.1", 0, patience_s=0.05)
        await listening.listen()
        try:
            with pytest.raises(NoMeter, match=r"No meter dialled within 0\.05 s"):
                await examine(listening, "read")
        finally:
            listening.close()

    asyncio.run(run())


def kit(words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return main(words.split(), out, err), out.getvalue(), err.getvalue()


def test_the_program_prints_each_clause_with_its_bytes_and_says_by_its_status_whether_all_hold() -> None:
    status, out, err = kit("--simulated --profile dtsy-4g-ble --only credit.repeated,credit.skipped")
    assert (status, err) == (0, "")
    assert "pass     credit.repeated" in out
    assert "         > FE FE FE FE 68 98 99 21 00 00 00 68 03 1E" in out
    assert out.endswith("dtsy-4g-ble: 2 pass\n")
    status, out, _ = kit("--simulated --profile dtsy-4g-ble --only credit --break credit.skipped")
    assert status == 1
    assert "It accepted a count that skips one." in out
    assert out.endswith(": credit.skipped\n")


def test_a_report_is_kept_as_json_and_as_markdown(tmp_path: Path) -> None:
    kept = tmp_path / "found.json"
    assert kit(f"--simulated --only relay.trip --report {kept}")[0] == 0
    (finding,) = json.loads(kept.read_text(encoding="utf-8"))["ddsy-4g"]
    assert (finding["clause"], finding["result"]) == ("relay.trip", "pass")
    assert finding["bytes"][0]["to"] == "meter"
    kept = tmp_path / "found.md"
    assert kit(f"--simulated --only relay.trip --report {kept}")[0] == 0
    assert "| `relay.trip` |" in kept.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--simulated --profile dtsy", "no meter profile 'dtsy'"),
        ("--simulated --only relay.dance", "no clause 'relay.dance'"),
        ("--listen 0", "A meter on a link needs --profile."),
        ("--connect nowhere --profile ddsy-4g", "is not HOST:PORT"),
        ("--simulated --break relay.dance", "invalid choice: 'relay.dance'"),
        ("--connect 127.0.0.1:1 --profile ddsy-4g", "127.0.0.1:1 cannot be reached"),
    ],
)
def test_what_cannot_be_examined_is_one_sentence_and_status_2(words: str, sentence: str) -> None:
    status, out, err = kit(words)
    assert (status, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


def test_the_clauses_are_listed_with_their_sources() -> None:
    status, out, _ = kit("--list --only credit.next")
    assert status == 0
    demand = "Count +1 is accepted and moves every counter once"
    assert out == f"{'credit.next':22} {demand} (certification of prepaid meters, remote recharge)\n"


@contextmanager
def simulator(tmp_path: Path, port: int, clause: str) -> Iterator[None]:
    fleet = [
        {"serial": SERIAL, "profile": PROFILE.name, "household": "MAC000009", "start_remaining_kwh": "20.00"}
    ]
    (tmp_path / "fleet.json").write_text(json.dumps(fleet), encoding="utf-8")
    words = f"simulator --fleet {tmp_path / 'fleet.json'} --gateway 127.0.0.1:{port} --control 127.0.0.1:0"
    options = f"--flash {tmp_path / 'flash'} --load {SHIPPED_LOAD} --break {clause}"
    process = subprocess.Popen(
        [sys.executable, "-m", "meter_gateway", *words.split(), *options.split()], stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.thorough
def test_the_simulator_as_a_program_has_the_flaw_it_is_told_to_have(tmp_path: Path) -> None:
    async def run() -> dict[str, Finding]:
        listening = Listening("127.0.0.1", 0, patience_s=60.0)
        port = await listening.listen()
        with simulator(tmp_path, port, "relay.expired"):
            found = await examine(listening, "frame.glued", "credit.next", "relay.expired")
            listening.close()
            return found

    found = asyncio.run(run())
    assert [name for name, finding in found.items() if finding.mark is Mark.FAILED] == ["relay.expired"]
