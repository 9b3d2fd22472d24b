import json
from decimal import Decimal
from pathlib import Path

import pytest

from meter_gateway.simulator.flash import FlashDirectory
from meter_gateway.simulator.snapshot import FlashUnreadable, from_texts, to_texts
from tests.meter_gateway.simulator.bench import HOUR, NOON, SERIAL, credit, meter_on_bench


def texts(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and texts(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(texts(inner) for inner in value)
    return isinstance(value, str)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    meter = meter_on_bench(load_kw="1.7")
    credit(meter, "5.00", 4, now=NOON + 30 * HOUR)
    flash = FlashDirectory(tmp_path / "flash")
    flash.save(SERIAL, meter.flash, durable=True)
    saved = flash.load(SERIAL)
    assert saved == meter.state


def test_flash_holds_texts_only(tmp_path: Path) -> None:
    meter = meter_on_bench(load_kw="1.7")
    credit(meter, "5.00", 4, now=NOON + 30 * HOUR)
    assert texts(json.loads(json.dumps(to_texts(meter.flash))))


def test_an_unknown_meter_has_no_flash(tmp_path: Path) -> None:
    assert FlashDirectory(tmp_path).load(SERIAL) is None


def test_a_save_that_died_half_way_leaves_the_older_state(tmp_path: Path) -> None:
    flash, meter = FlashDirectory(tmp_path), meter_on_bench()
    flash.save(SERIAL, meter.flash, durable=True)
    (tmp_path / f"{SERIAL}.new").write_text('{"serial": "0000')
    saved = flash.load(SERIAL)
    assert saved is not None
    assert saved.total_pulses == Decimal("1520.25") * 400


@pytest.mark.parametrize("text", ["", "{", "[]", "nonsense"])
def test_a_broken_flash_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / f"{SERIAL}.json").write_text(text)
    with pytest.raises(FlashUnreadable, match=SERIAL):
        FlashDirectory(tmp_path).load(SERIAL)


@pytest.mark.parametrize(
    "damage", [{"total_pulses": "many"}, {"relay_closed": "perhaps"}, {"purchases": "none"}]
)
def test_a_snapshot_with_a_damaged_field_is_refused(damage: dict[str, str]) -> None:
    with pytest.raises(FlashUnreadable):
        from_texts({**to_texts(meter_on_bench().flash), **damage})
    with pytest.raises(FlashUnreadable):
        from_texts({})
