import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.reads import read_request
from meter_gateway.simulator.control import ControlPort
from meter_gateway.simulator.faults import COUNTED, TIMED, Faults
from meter_gateway.simulator.flash import FlashDirectory, FlashFailed
from meter_gateway.simulator.http import Late, Page, Refused, Request
from meter_gateway.simulator.load import SteadyLoad
from meter_gateway.simulator.unit import Unit
from tests.meter_gateway.simulator.bench import HOUR, NOON, PROFILE, SERIAL, meter_on_bench, recharge


class Bench:
    """A control port over one meter, and the hands of the clock."""

    def __init__(self, directory: Path) -> None:
        self.now = NOON
        self.directory = directory
        self.flash = FlashDirectory(directory)
        load = SteadyLoad(Decimal(1))
        self.unit = Unit(meter_on_bench(demand=load), PROFILE, load, self.flash)
        self._port = ControlPort({SERIAL: self.unit}, clock=lambda: self.now)

    def ask(self, method: str, path: str, body: object = None, *, raw: bytes | None = None) -> Any:
        payload = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        return json.loads(json.dumps(self._port.answer(Request(method, path, payload))))

    def answer(self, method: str, path: str, body: object = None) -> Any:
        """What the port gives its server, `Late` and `Page` as they are."""
        payload = b"" if body is None else json.dumps(body).encode()
        return self._port.answer(Request(method, path, payload))

    def refused(self, method: str, path: str, body: object = None, *, raw: bytes | None = None) -> Refused:
        with pytest.raises(Refused) as refusal:
            self.ask(method, path, body, raw=raw)
        return refusal.value

    def stored(self) -> Any:
        return self.flash.load(SERIAL)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    return Bench(tmp_path)


ONE = f"/meters/{SERIAL}"


def test_the_registers_are_shown_as_texts(bench: Bench) -> None:
    bench.now += HOUR
    shown = bench.ask("GET", ONE)
    assert (
        shown
        | {
            "total_kwh": "1521.25",
            "remaining_kwh": "11.40",
            "overdraft_kwh": "0.00",
            "purchase_count": 3,
            "purchased_kwh": "160.00",
            "relay": "closed",
            "lamp": "off",
            "link": "up",
            "load_kw": "1.0000",
            "power_kw": "1.0000",
            "clock": "2026-11-23T13:00:00",
            "connected": False,
        }
        == shown
    )
    assert bench.ask("GET", "/meters") == [shown]
    assert bench.ask("GET", "/meters/") == [shown]


def test_a_load_holds_from_the_moment_it_is_set_until_taken_back(bench: Bench) -> None:
    bench.now += HOUR
    assert bench.ask("PATCH", ONE, {"load_kw": "2.5"})["load_kw"] == "2.5000"
    bench.now += HOUR
    assert bench.ask("GET", ONE)["remaining_kwh"] == "8.90"
    assert bench.ask("PATCH", ONE, {"load_kw": None})["load_kw"] == "1.0000"


def test_remaining_energy_set_by_the_bench_runs_out(bench: Bench) -> None:
    shown = bench.ask("PATCH", ONE, {"remaining_kwh": "0.02"})
    assert (shown["remaining_kwh"], shown["lamp"], shown["relay"]) == ("0.02", "on", "closed")
    bench.now += timedelta(minutes=2)
    shown = bench.ask("GET", ONE)
    assert (shown["remaining_kwh"], shown["relay"], shown["power_kw"]) == ("0.00", "open", "0.0000")
    assert bench.stored().relay_closed is False


def test_the_link_is_cut_and_mended(bench: Bench) -> None:
    calls: list[bool] = []
    bench.unit.on_link_change = lambda: calls.append(bench.unit.link_up)
    assert bench.ask("PATCH", ONE, {"link": "down"})["link"] == "down"
    assert bench.ask("PATCH", ONE, {"link": "up"})["link"] == "up"
    assert calls == [False, True]


def test_faults_add_up_and_an_empty_object_heals(bench: Bench) -> None:
    bench.ask("PATCH", ONE, {"faults": {"mute_answers": 2}})
    shown = bench.ask("PATCH", ONE, {"faults": {"delay_answers_s": 0.5, "drop_after_credit": 1}})
    assert {name: amount for name, amount in shown["faults"].items() if amount} == {
        "mute_answers": 2,
        "delay_answers_s": 0.5,
        "drop_after_credit": 1,
    }
    bench.ask("PATCH", ONE, {"faults": {}})
    assert bench.unit.faults == Faults()


def test_a_phone_recharges_while_the_link_is_down(bench: Bench) -> None:
    bench.ask("PATCH", ONE, {"link": "down"})
    answer = bench.ask("POST", f"{ONE}/ble", {"hex": recharge("5.00", 4).encode().hex()})
    assert Frame.decode(bytes.fromhex(answer["hex"])).control == 0x83
    assert bench.ask("GET", ONE)["purchase_count"] == 4
    assert bench.stored().purchase_count == 4


def test_a_phone_sends_pieces_and_gets_the_answer_with_the_last(bench: Bench) -> None:
    raw = read_request(SERIAL, "00900100").encode()
    answers = [bench.ask("POST", f"{ONE}/ble", {"hex": piece.hex()})["hex"] for piece in (raw[:10], raw[10:])]
    assert answers[0] == ""
    assert Frame.decode(bytes.fromhex(answers[1])).di == "00900100"


def test_a_phone_out_of_range_gets_no_answer(bench: Bench) -> None:
    bench.ask("PATCH", ONE, {"ble": "down"})
    refusal = bench.refused("POST", f"{ONE}/ble", {"hex": "00"})
    assert (refusal.status, refusal.body["code"]) == (HTTPStatus.CONFLICT, "out_of_range")


def test_a_power_cut_brings_the_meter_back_from_flash(bench: Bench) -> None:
    bench.unit.commit(bench.now)
    bench.now += HOUR
    assert bench.ask("GET", ONE)["remaining_kwh"] == "11.40"
    assert bench.ask("POST", f"{ONE}/power-cut")["remaining_kwh"] == "12.40"


def test_a_phone_hears_notifications_of_the_models_chunk(bench: Bench) -> None:
    answer = bench.ask("POST", f"{ONE}/ble", {"hex": recharge("5.00", 4).encode().hex()})
    assert {len(piece) for piece in answer["notifications"][:-1]} <= {2 * bench.unit.ble_chunk}
    assert "".join(answer["notifications"]) == answer["hex"]
    block = bench.ask("POST", f"{ONE}/ble", {"hex": read_request(SERIAL, "0001FF00").encode().hex()})
    assert [len(piece) // 2 for piece in block["notifications"]] == [20, 20]


def test_one_write_holds_no_more_than_the_chunk(bench: Bench) -> None:
    raw = read_request(SERIAL, "00900100").encode()
    assert bench.ask("POST", f"{ONE}/ble", {"write": raw[:20].hex()})["hex"]
    refusal = bench.refused("POST", f"{ONE}/ble", {"write": "00" * 21})
    assert list(refusal.body["fields"]) == ["write"]


def test_a_bluetooth_end_can_be_slowed_doubled_muted_and_late(bench: Bench) -> None:
    ble, question = f"{ONE}/ble", {"hex": read_request(SERIAL, "00900100").encode().hex()}
    whole = bench.ask("POST", ble, question)["hex"]
    bench.ask("PATCH", ONE, {"ble_faults": {"mute_answers": 1, "late_answers": 1, "repeat_answers": 1}})
    assert [bench.ask("POST", ble, question)["hex"] for _ in range(3)] == ["", "", whole * 3]
    bench.ask("PATCH", ONE, {"ble_faults": {"delay_answers_s": 0.25}})
    late = bench.answer("POST", ble, question)
    assert isinstance(late, Late)
    assert (late.wait_s, late.body["hex"]) == (0.25, whole)
    assert bench.ask("GET", ONE)["faults_met"] == {
        "ble.mute_answers": 1,
        "ble.late_answers": 1,
        "ble.repeat_answers": 1,
        "ble.delay_answers_s": 1,
    }


def test_power_goes_in_the_middle_of_a_credit_on_cheap_flash(bench: Bench) -> None:
    assert bench.ask("PATCH", ONE, {"flash": "count_first"})["flash"] == "count_first"
    assert bench.ask("POST", f"{ONE}/power-cut", {"at_byte": 2})["cut_at_byte"] == 2
    frame = {"hex": recharge("5.00", 4).encode().hex()}
    assert bench.ask("POST", f"{ONE}/ble", frame)["hex"] == ""
    shown = bench.ask("GET", ONE)
    assert (shown["purchase_count"], shown["remaining_kwh"], shown["power_cuts"]) == (4, "12.40", 1)
    assert bench.stored() == bench.unit.meter.state
    for body, field in (({"at_byte": 41}, "at_byte"), ({"at": 1}, "at")):
        assert list(bench.refused("POST", f"{ONE}/power-cut", body).body["fields"]) == [field]


def test_the_clock_the_grid_and_the_contact_are_the_benchs(bench: Bench) -> None:
    shown = bench.ask("PATCH", ONE, {"clock_ahead_s": -90, "clock_drift_s_a_day": "2.5", "grid_v": "197"})
    assert (shown["clock"], shown["clock_drift_s_a_day"], shown["grid_v"]) == (
        "2026-11-23T11:58:30",
        "2.5",
        "197",
    )
    bench.now += 24 * HOUR
    assert bench.ask("GET", ONE)["clock_ahead_s"] == -87.5
    assert bench.ask("PATCH", ONE, {"relay_operations": 100_000})["relay_worn"] is True
    assert bench.ask("PATCH", ONE, {"grid_v": None})["grid_v"] == "220"


def test_the_page_names_every_request_field_and_fault(bench: Bench) -> None:
    page = bench.answer("GET", "/")
    assert isinstance(page, Page)
    whole = (Path(__file__).parents[3] / "docs/simulator.md").read_text(encoding="utf-8")
    patched = ("link", "ble", "load_kw", "grid_v", "remaining_kwh", "flash", "clock_ahead_s")
    for word in (*patched, "clock_drift_s_a_day", "relay_operations", "at_byte", *COUNTED, *TIMED):
        assert word in page.text
        assert f"`{word}`" in whole
    for word in bench.ask("GET", ONE):
        assert f"`{word}`" in whole


def test_an_unknown_serial_is_not_found(bench: Bench) -> None:
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/ble"), ("POST", "/power-cut")):
        refusal = bench.refused(method, f"/meters/000000000000{path}", {})
        assert (refusal.status, refusal.body["code"]) == (HTTPStatus.NOT_FOUND, "unknown_serial")


@pytest.mark.parametrize("path", ["/meter", f"{ONE}/fly", f"{ONE}/ble/more"])
def test_other_paths_are_not_found(bench: Bench, path: str) -> None:
    assert bench.refused("GET", path).status == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/meters"), ("DELETE", ONE), ("GET", f"{ONE}/ble"), ("GET", f"{ONE}/power-cut")],
)
def test_other_methods_are_not_allowed(bench: Bench, method: str, path: str) -> None:
    assert bench.refused(method, path).status == HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"link": "sideways"}, "link"),
        ({"ble": True}, "ble"),
        ({"load_kw": "-1"}, "load_kw"),
        ({"load_kw": "many"}, "load_kw"),
        ({"load_kw": True}, "load_kw"),
        ({"load_kw": "1.23456"}, "load_kw"),
        ({"load_kw": "NaN"}, "load_kw"),
        ({"remaining_kwh": "0.005"}, "remaining_kwh"),
        ({"remaining_kwh": None}, "remaining_kwh"),
        ({"total_kwh": "1"}, "total_kwh"),
        ({"faults": []}, "faults"),
        ({"faults": {"explode": 1}}, "faults.explode"),
        ({"ble_faults": {"reset_answers": 1}}, "ble_faults.reset_answers"),
        ({"flash": "paper"}, "flash"),
        ({"grid_v": "9000"}, "grid_v"),
        ({"clock_ahead_s": "soon"}, "clock_ahead_s"),
        ({"clock_drift_s_a_day": "-3600.1"}, "clock_drift_s_a_day"),
        ({"relay_operations": 100001}, "relay_operations"),
        ({"faults": {"mute_answers": -1}}, "faults.mute_answers"),
        ({"faults": {"mute_answers": 1.5}}, "faults.mute_answers"),
        ({"faults": {"delay_answers_s": "long"}}, "faults.delay_answers_s"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_changed(bench: Bench, body: dict[str, Any], field: str) -> None:
    before = bench.ask("GET", ONE)
    refusal = bench.refused("PATCH", ONE, {"load_kw": "9", **body})
    assert refusal.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert list(refusal.body["fields"]) == [field]
    assert field in refusal.body["detail"]
    assert bench.ask("GET", ONE) == before


@pytest.mark.parametrize("body", [{}, {"hex": 7}, {"hex": "xy"}, {"hex": ""}, {"hex": "00" * 513}])
def test_bluetooth_wants_hexadecimal_bytes(bench: Bench, body: dict[str, Any]) -> None:
    refusal = bench.refused("POST", f"{ONE}/ble", body)
    assert (refusal.status, list(refusal.body["fields"])) == (HTTPStatus.UNPROCESSABLE_ENTITY, ["hex"])


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"text"', b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(bench: Bench, raw: bytes) -> None:
    assert bench.refused("PATCH", ONE, raw=raw).status == HTTPStatus.BAD_REQUEST


def test_time_passing_tells_each_movement_of_the_relay_once(bench: Bench) -> None:
    bench.ask("PATCH", ONE, {"remaining_kwh": "0.50"})
    bench.now += HOUR
    bench.ask("GET", ONE)
    moves = bench.unit.pass_time(bench.now)
    assert [(move.closed, move.by_itself) for move in moves] == [(False, True)]
    assert bench.unit.pass_time(bench.now) == []


def test_a_credit_that_cannot_be_saved_is_not_answered(bench: Bench) -> None:
    broken = bench.directory / f"{SERIAL}.new"
    broken.mkdir()
    with pytest.raises(FlashFailed, match=SERIAL):
        bench.unit.carried(recharge("5.00", 4).encode(), bench.now)


def test_the_clock_of_the_bench_is_the_one_given(bench: Bench) -> None:
    assert datetime.fromisoformat(bench.ask("GET", ONE)["clock"]).hour == 12
