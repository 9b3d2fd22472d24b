"""``python -m tests.meter_gateway.conformance.document FILE``: write the page that docs/ shows.

It plays every clause against the simulated meter of every model and against the independent peer; the same
meters give the same page, byte by byte.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from string import Template

from meter_gateway.conformance import report
from meter_gateway.conformance.bench import Bench
from meter_gateway.conformance.catalogue import CLAUSES, clauses_named
from meter_gateway.conformance.clause import Finding, Mark
from meter_gateway.conformance.live import Dialled, examine_live
from meter_gateway.conformance.simulated import examine_simulated
from meter_gateway.conformance.talk import Said
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.prepaid import recharge_request
from meter_gateway.protocol.profiles import load_profile, names
from meter_gateway.protocol.relay import RelayAction, relay_request
from meter_gateway.simulator.breaks import BREAKS

from .peer import SERIAL, peer

PEER_PROFILE = load_profile("ddsy-4g")
PEER_CHAPTERS = ("frame", "read")

GAPS: Mapping[str, str] = {
    "frame.echo": "takes an answer for a question",
    "frame.other-address": "refuses questions to other meters, where silence is due",
    "frame.any-address": "answers as AAAAAAAAAAAA, not as itself",
    "frame.short-address": "answers short addresses as they were asked, not as itself",
    "frame.broadcast": "answers a read that is for everybody",
    "read.identity": "keeps its address apart from register 04000401",
    "read.counters": "has no registers 0090xxxx but the one that was put in by hand",
    "read.purchases": "has no purchase records (0332xxxx)",
    "read.limits": "has no energy alarms and limits (04000F0x)",
    "read.blocks": "has no FF blocks",
    "read.status": "is no prepaid meter",
    "read.clock": "has no running clock",
    "read.freezes": "has no daily freezes (05H)",
    "read.events": "has no counters of its relay",
    "read.unknown": "calls an unknown identifier error 01 (other), not 02 (no such data)",
}
"""What the peer lacks; none of it is a gap of ours, and a clause that fails without standing here is news."""


def page() -> str:
    """The whole page."""
    simulated = {name: examine_simulated(load_profile(name)) for name in names()}
    with peer() as port:
        found = examine_peer(port)
        refusals = [_asked(port, name, question) for name, question in _questions().items()]
    template = Template(Path(__file__).with_name("page.md").read_text(encoding="utf-8"))
    return template.substitute(
        clauses=len(CLAUSES),
        breaks=len(BREAKS),
        simulated=report.as_markdown(simulated),
        summary=report.summed(found).split(":")[0],
        gaps=_gaps(found),
        refusals="\n\n".join(refusals),
    )


def examine_peer(port: int) -> list[Finding]:
    """What the kit finds about a running peer."""
    clauses = clauses_named(PEER_CHAPTERS)
    return asyncio.run(examine_live(PEER_PROFILE, Dialled("127.0.0.1", port), clauses, _bench, serial=SERIAL))


def _bench(serial: str, now: datetime) -> Bench:
    return Bench(PEER_PROFILE, serial, now, may_change=False, answer_s=10.0, silence_s=0.5)


def _gaps(found: Sequence[Finding]) -> str:
    failed = [finding for finding in found if finding.mark is Mark.FAILED]
    lines = []
    for finding in failed:
        gap = GAPS.get(finding.clause.name, "not known yet")
        last = "\n".join(f"  {said}" for said in finding.said[-2:])
        lines.append(f"* `{finding.clause.name}`: {gap}.\n\n  ```\n{last}\n  ```")
    return "\n".join(lines) + "\n"


def _questions() -> dict[str, Frame]:
    """What the peer does not know, always in the same bytes."""
    far = datetime(2099, 12, 31, 23, 59, 59)  # noqa: DTZ001 - the meter's own time
    return {
        "1CH, trip": relay_request(SERIAL, RelayAction.TRIP, PEER_PROFILE.auth, far),
        "03H, recharge": recharge_request(
            SERIAL, PEER_PROFILE, energy_kwh=Decimal("5.00"), purchase_count=1, customer_no=None
        ),
        "12H, follow-up": Frame(SERIAL, 0x12, bytes.fromhex("00FF010001")),
        "11H, daily freeze": Frame(SERIAL, 0x11, bytes.fromhex("01010605")),
    }


def _asked(port: int, name: str, question: Frame) -> str:
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        link.settimeout(10)
        raw = question.encode()
        link.sendall(raw)
        return f"{name}\n{Said(True, raw)}\n{Said(False, link.recv(4096))}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
