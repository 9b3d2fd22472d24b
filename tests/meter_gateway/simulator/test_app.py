"""The program: refusals at the start, and one run as a process of its own."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from meter_gateway.simulator import main
from meter_gateway.simulator.app import SHIPPED_LOAD
from tests.meter_gateway.simulator.bench import SERIAL, recharge

ROOT = Path(__file__).parents[3]
ROW = {
    "serial": SERIAL,
    "profile": "dtsy-4g-ble",
    "household": "MAC000009",
    "start_total_kwh": "1520.25",
    "start_remaining_kwh": "12.40",
    "start_purchase_count": 3,
    "start_purchased_kwh": "160.00",
}


def options(tmp_path: Path, *rows: object, **changes: str) -> list[str]:
    fleet = tmp_path / "fleet.json"
    fleet.write_text(json.dumps(rows or [ROW]))
    values = {
        "fleet": str(fleet),
        "gateway": "127.0.0.1:9",
        "control": "127.0.0.1:0",
        "flash": str(tmp_path / "flash"),
        **changes,
    }
    return [text for name, value in values.items() for text in (f"--{name}", value)]


def refusal(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(argv) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("\n")
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"fleet": "nowhere.json"}, "nowhere.json"),
        ({"load": "nowhere.csv"}, "nowhere.csv"),
        ({"gateway": "127.0.0.1"}, "HOST:PORT"),
        ({"gateway": "127.0.0.1:99999"}, "HOST:PORT"),
        ({"control": "0.0.0.0:6451"}, "loopback"),
        ({"control": "example.org:6451"}, "loopback"),
        ({"flash": "/proc/flash"}, "/proc/flash"),
        ({"speed": "fast"}, "unrecognized"),
    ],
)
def test_a_bad_option_is_one_sentence_and_status_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, str], complaint: str
) -> None:
    assert complaint in refusal(options(tmp_path, **changes), capsys)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"profile": "none"}, "'none'"),
        ({"household": "none"}, "no household none"),
        ({"serial": "1"}, "serial must have 12 digits"),
        ({"start_remaining_kwh": "a"}, "start_remaining_kwh must be a number"),
    ],
)
def test_a_bad_fleet_is_one_sentence_and_status_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: dict[str, str], complaint: str
) -> None:
    assert complaint in refusal(options(tmp_path, ROW | wrong), capsys)


def test_a_damaged_flash_file_is_one_sentence_and_status_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = options(tmp_path)
    (tmp_path / "flash").mkdir()
    (tmp_path / "flash" / f"{SERIAL}.json").write_text('{"serial": "x"}')
    assert SERIAL in refusal(argv, capsys)


def test_a_taken_control_port_is_one_sentence_and_status_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(options(tmp_path, control=f"127.0.0.1:{port}"), capsys)
    assert str(port) in said


def test_the_shipped_load_carries_its_attribution() -> None:
    source = SHIPPED_LOAD.with_name("SOURCE.md").read_text(encoding="utf-8")
    assert "Low Carbon London" in source
    assert "CC BY 4.0" in source


class Process:
    """The program as the supervisor runs it."""

    def __init__(self, argv: list[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "meter_gateway", "simulator", *argv],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.fullmatch(r"simulator: 1 meters, control port http://127\.0\.0\.1:(\d+)\n", line)
        if found is None:
            self._process.kill()
            raise AssertionError((line, self._process.communicate()))
        self._port = int(found[1])

    def ask(self, method: str, path: str, body: object = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            assert answer.status == 200
            return json.load(answer)

    def end(self, sign: signal.Signals) -> tuple[int, str]:
        self._process.send_signal(sign)
        _, err = self._process.communicate(timeout=10)
        return self._process.returncode, err


def test_sigterm_brings_the_registers_to_flash_and_the_next_run_goes_on(tmp_path: Path) -> None:
    argv = options(tmp_path)
    first = Process(argv)
    try:
        first.ask("POST", f"/meters/{SERIAL}/ble", {"hex": recharge("5.00", 4).encode().hex()})
        first.ask("PATCH", f"/meters/{SERIAL}", {"remaining_kwh": "7.25", "load_kw": "0"})
    finally:
        ended = first.end(signal.SIGTERM)
    assert ended == (0, "")
    second = Process(argv)
    try:
        shown = second.ask("GET", f"/meters/{SERIAL}")
        assert (shown["purchase_count"], shown["purchased_kwh"]) == (4, "165.00")
        assert shown["remaining_kwh"] in ("7.25", "7.24")
    finally:
        second.end(signal.SIGKILL)
    third = Process(argv)
    try:
        assert third.ask("GET", f"/meters/{SERIAL}")["purchase_count"] == 4
    finally:
        assert third.end(signal.SIGINT)[0] == 0
