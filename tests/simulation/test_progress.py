"""A long run that is ended goes on where it was, and only with the same code."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.__main__ import main, rare_faults
from tests.simulation.faults import Fault
from tests.simulation.progress import Portion, Progress


def test_a_run_goes_on_where_it_was_ended_and_a_torn_line_is_lived_again(tmp_path: Path) -> None:
    first = Progress("0-200", tmp_path)
    first.add(Portion(0, 100, 9.5, [(7, "I6: twice")], Counter(NOISE=3), Counter(I6=2), [15], 700))
    first.path.write_text(first.path.read_text() + '{"first": 100, "cou')
    again = Progress("0-200", tmp_path)
    assert again.done == first.done
    assert again.done[(0, 100)].violations == [(7, "I6: twice")]


def test_a_finished_run_begins_anew(tmp_path: Path) -> None:
    progress = Progress("0-100", tmp_path)
    progress.add(Portion(0, 100, 9.5))
    progress.finish()
    assert not Progress("0-100", tmp_path).done


def test_a_kind_of_fault_that_fired_too_rarely_for_so_many_seeds_is_named() -> None:
    fired = Counter({fault.name: 100 for fault in Fault})
    fired["MOVE"], fired["PAID_TWICE"] = 99, 9
    assert rare_faults(fired, 20_000, "both") == ["MOVE", "PAID_TWICE"]
    assert rare_faults(fired, 1_999, "both") == []
    assert rare_faults(fired, 2_000, "memory") == []
    assert rare_faults(fired, 2_000, "both") == ["PAID_TWICE"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--seeds", "0"], "--seeds: 0 is less than 1"),
        (["--seeds", "all"], "--seeds: invalid whole number value: 'all'"),
        (["--from", "-1"], "--from: -1 is less than 0"),
        (["--seed", "-5"], "--seed: -5 is less than 0"),
        (["--store", "disk"], "--store: invalid choice: 'disk'"),
        (["--trace"], "--trace: needs the --seed"),
    ],
)
def test_a_command_line_that_means_nothing_is_refused_by_the_name_of_its_argument(
    given: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tests.simulation", *given])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert f"argument {said}" in capsys.readouterr().err
