"""The simulated meter of every model keeps every clause, and docs/ says so in the same words."""

from pathlib import Path

import pytest

from meter_gateway.conformance import report
from meter_gateway.conformance.catalogue import CLAUSES, NAMES, UnknownClause, clauses_named
from meter_gateway.conformance.clause import Finding, Mark
from meter_gateway.conformance.crediting import CERTIFICATION
from meter_gateway.conformance.simulated import examine_simulated
from meter_gateway.protocol.frames import Frame, Function
from meter_gateway.protocol.profiles import load_profile, names
from meter_gateway.protocol.stream import FrameSeen, FrameStream

from .document import page

DOCUMENT = Path(__file__).parents[3] / "docs" / "conformance.md"
CANNOT_KNOW = {
    "ddsy-4g": {"credit.customer"},
    "ddsy-4g-order": {"credit.skipped"},
    "ddsy-4g-write": {"credit.repeated", "credit.skipped", "credit.customer"},
}
"""Certification cases whose field is not in the model's credits."""


@pytest.fixture(scope="module")
def findings() -> dict[str, list[Finding]]:
    return {name: examine_simulated(load_profile(name)) for name in names()}


@pytest.mark.parametrize("name", names())
def test_the_simulated_meter_keeps_every_clause_of_its_model(name, findings):
    assert [finding.clause.name for finding in findings[name]] == list(NAMES)
    marks = {finding.clause.name: finding.mark for finding in findings[name]}
    assert {clause for clause, mark in marks.items() if mark in (Mark.FAILED, Mark.UNJUDGED)} == set()
    passed = {clause for clause in CERTIFICATION if marks[clause] is Mark.PASSED}
    assert set(CERTIFICATION) - passed == CANNOT_KNOW.get(name, set())


def test_every_clause_is_kept_by_some_model_and_says_why_by_the_others(findings):
    kept = {
        finding.clause.name for found in findings.values() for finding in found if finding.mark is Mark.PASSED
    }
    assert kept == set(NAMES)
    for found in findings.values():
        assert all(finding.reason for finding in found if finding.mark is not Mark.PASSED)


def test_a_finding_holds_every_byte_that_passed(findings):
    (found,) = (f for f in findings["dtsy-4g-ble"] if f.clause.name == "credit.repeated")
    stream = FrameStream()
    frames = [e.frame for said in found.said for e in stream.receive(said.raw) if isinstance(e, FrameSeen)]
    credits = [frame for frame in frames if frame.function == Function.SECURITY]
    assert [frame.control for frame in credits] == [0x03, 0x83, 0x03, 0xC3]
    assert credits[0] == credits[2]
    assert [said.ours for said in found.said[:2]] == [True, False]


def test_all_clauses_of_a_model_take_milliseconds_and_are_the_same_every_time(findings):
    again = examine_simulated(load_profile("dtsy-4g-ble"))
    assert again == findings["dtsy-4g-ble"]


def test_the_documented_table_is_what_the_kit_finds_now(findings):
    written = DOCUMENT.read_text(encoding="utf-8")
    assert report.as_markdown(findings) in written, "make conformance writes the page anew"


@pytest.mark.thorough
def test_the_whole_page_is_written_again_byte_by_byte():
    assert page() == DOCUMENT.read_text(encoding="utf-8")


def test_clauses_are_chosen_by_name_and_by_chapter():
    chosen = [clause.name for clause in clauses_named(["relay.trip", "account"])]
    assert chosen == ["account.first", "account.again", "relay.trip"]
    with pytest.raises(UnknownClause, match=r"no clause 'relay\.dance'"):
        clauses_named(["relay.dance"])


def test_a_meter_that_may_not_be_changed_is_only_read():
    changing = {clause.name for clause in CLAUSES if clause.destructive}
    found = examine_simulated(load_profile("dtsy-4g-ble"), may_change=False)
    unjudged = {finding.clause.name for finding in found if finding.mark is Mark.UNJUDGED}
    assert unjudged == changing
    controls = {
        Frame.decode(said.raw).control
        for finding in found
        for said in finding.said
        if said.ours and finding.clause.name.split(".")[0] in ("read", "credit", "link")
    }
    assert controls <= {Function.READ, Function.READ_MORE, Function.READ_ADDRESS, Function.SECURITY, 0x80}
