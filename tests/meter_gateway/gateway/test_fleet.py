"""A running fleet of simulated meters while Valkey loses everything it held, and while strangers storm the port."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .bench import PROFILE, REMAINING, SERIAL
from .processes import Gateway, Valkey, free_port, wait_until

FLEET = 60
STRANGERS = 10_000
ROUND_OF_STRANGERS = """
import socket, struct, sys, time
port, strangers, begun = int(sys.argv[1]), int(sys.argv[2]), time.monotonic()
for number in range(strangers):
    stranger = socket.create_connection(("127.0.0.1", port), 60)
    stranger.send(b"\\x68")
    stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stranger.close()
    time.sleep(max(0, begun + number / 1000 - time.monotonic()))
"""
"""So many sockets opened and reset, a thousand a second where the machine can."""
SERIALS = [f"{220_000 + number:012d}" for number in range(FLEET)]


@contextmanager
def _simulator(gateway: Gateway, directory: Path, serials: list[str]) -> Iterator[None]:
    fleet = directory / "fleet.json"
    meter = {
        "profile": PROFILE,
        "household": _a_household(),
        "customer_no": "000000000001",
        "relay": "closed",
    }
    meter |= {"start_total_kwh": "1520.25", "start_remaining_kwh": "12.40"}
    meter |= {"start_purchase_count": 3, "start_purchased_kwh": "160.00"}
    fleet.write_text(json.dumps([{"serial": serial, **meter} for serial in serials]))
    options = ["--gateway", f"127.0.0.1:{gateway.port}", "--control", f"127.0.0.1:{free_port()}"]
    options += ["--fleet", str(fleet), "--flash", str(directory / "flash")]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "meter_gateway", "simulator", *options],
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            yield
        finally:
            process.terminate()
            status = process.wait(15)
            errors.seek(0)
            assert status == 0, errors.read()


def _a_household() -> str:
    from meter_gateway.simulator.app import SHIPPED_LOAD

    return re.findall(r"MAC\d+", SHIPPED_LOAD.read_text())[0]


def _grant_all(valkey: Valkey, gateway: Gateway, serials: set[str]) -> None:
    waiting = set(serials)
    while waiting:
        for login in valkey.wait_for_task("meters.meters_logged_in")["logins"]:
            grant = {"kind": "grant", "serial": login["serial"], "session": login["session"], "epoch": 1}
            valkey.send_letter(gateway.stream, grant)
            waiting.discard(login["serial"])


def _answered(valkey: Valkey, gateway: Gateway, serials: list[str]) -> int:
    for serial in serials:
        gateway.ask("reading", REMAINING, epoch=1, serial=serial, timeout_s=30)
    outcomes: list[str] = []
    while len(outcomes) < len(serials):
        outcomes += [
            answer["outcome"] for answer in valkey.wait_for_task("meters.letters_answered")["answers"]
        ]
    return outcomes.count("answered")


def test_a_fleet_keeps_its_sockets_when_valkey_is_emptied(valkey, gateway, tmp_path):
    newcomer = SERIAL
    valkey.publish_map(dict.fromkeys(SERIALS, PROFILE))
    with _simulator(gateway, tmp_path, SERIALS):
        _grant_all(valkey, gateway, set(SERIALS))
        granted = 'connections{state="granted"}'
        wait_until("the fleet is in", lambda: gateway.figures()[granted] == FLEET)
        assert _answered(valkey, gateway, SERIALS) == FLEET
        proofs = gateway.figures()["proofs_total"]
        valkey.forget_tasks()

        valkey.client.flushall()

        gateway.wait_for_hello(within_s=5)
        assert _answered(valkey, gateway, SERIALS) == FLEET
        (tmp_path / "one").mkdir()
        with _simulator(gateway, tmp_path / "one", [newcomer]):
            wait_until(
                "the newcomer waits for the map",
                lambda: gateway.figures()['connections{state="proven"}'] == 1,
            )
            valkey.publish_map({newcomer: PROFILE})
            _grant_all(valkey, gateway, {newcomer})
            assert _answered(valkey, gateway, [newcomer]) == 1
        figures = gateway.figures()
        assert (figures[granted], figures["proofs_total"]) == (FLEET, proofs + 1)


@pytest.mark.thorough
def test_a_thousand_connections_a_second_for_ten_seconds_drop_no_session(valkey, gateway, tmp_path):
    valkey.publish_map(dict.fromkeys(SERIALS, PROFILE))
    with _simulator(gateway, tmp_path, SERIALS):
        _grant_all(valkey, gateway, set(SERIALS))
        wait_until("the fleet is in", lambda: gateway.figures()['connections{state="granted"}'] == FLEET)
        before = gateway.figures()
        command = [sys.executable, "-c", ROUND_OF_STRANGERS, str(gateway.port), str(STRANGERS)]
        with subprocess.Popen(command) as strangers:
            while strangers.poll() is None:
                assert _answered(valkey, gateway, SERIALS) == FLEET
        assert strangers.returncode == 0
        ended = 'sessions_ended_total{reason="disconnected"}'
        wait_until(
            "every stranger came and went",
            lambda: gateway.figures().get(ended, 0) >= before.get(ended, 0) + STRANGERS,
        )
        after = gateway.figures()
        granted = 'connections{state="granted"}'
        assert (after[granted], after["proofs_total"]) == (FLEET, before["proofs_total"])
