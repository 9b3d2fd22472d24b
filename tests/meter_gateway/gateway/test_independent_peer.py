"""A meter nobody here wrote logs in to the gateway and is read by the ordinary path."""

import asyncio
import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest

from meter_gateway.conformance.clause import Mark
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.openings import registration_frame, registration_text
from meter_gateway.protocol.relay import StatusWord3
from meter_gateway.protocol.replies import ReadReply, Refused, parse_reply
from tests.meter_gateway.conformance.document import GAPS, examine_peer
from tests.meter_gateway.conformance.peer import REMAINING_KWH, SERIAL, TOTAL_KWH, dial_in, peer

from .bench import REMAINING, TOTAL

IMEI = registration_text("860000000000001")
STATUS, VOLTAGE, UNKNOWN = "04000503", "02010100", "0E0E0E0E"


@pytest.fixture(scope="module")
def peer_port() -> Iterator[int]:
    with peer() as port:
        yield port


@pytest.mark.parametrize(
    ("first_words", "heartbeat"),
    [(IMEI, b"ping"), (registration_frame(SERIAL).encode(), registration_frame(SERIAL).encode())],
    ids=["a text and pings", "a registration frame"],
)
def test_it_logs_in_and_is_read(valkey, gateway, peer_port, first_words, heartbeat):
    valkey.publish_map({SERIAL: "ddsy-4g"})
    shim = dial_in(gateway.port, peer_port, first_words, heartbeat=heartbeat)
    module = threading.Thread(target=asyncio.run, args=(shim,))
    module.start()
    [login] = valkey.wait_for_task("meters.meters_logged_in")["logins"]
    assert login["serial"] == SERIAL
    grant = {"kind": "grant", "serial": SERIAL, "session": login["session"], "epoch": 4}
    valkey.send_letter(gateway.stream, grant)
    gateway.ask("c1", TOTAL, REMAINING, STATUS, VOLTAGE, UNKNOWN, epoch=4, serial=SERIAL)
    [answer] = valkey.wait_for_task("meters.letters_answered")["answers"]
    assert (answer["serial"], answer["outcome"]) == (SERIAL, "answered")
    *told, refused = [parse_reply(Frame.decode(bytes.fromhex(reply))) for reply in answer["replies"]]
    values = [reply.value for reply in told if isinstance(reply, ReadReply)]
    assert values == [Decimal(TOTAL_KWH), Decimal(REMAINING_KWH), StatusWord3(0x0010), Decimal("220.1")]
    assert isinstance(refused, Refused)
    valkey.send_letter(
        gateway.stream, {"kind": "refuse", "serial": SERIAL, "session": login["session"], "reason": "retired"}
    )
    module.join(20)
    assert not module.is_alive()


def test_it_runs_through_the_read_clauses_and_lacks_what_is_known(peer_port):
    found = examine_peer(peer_port)
    failed = {finding.clause.name for finding in found if finding.mark is Mark.FAILED}
    assert failed == set(GAPS)
    passed = {finding.clause.name for finding in found if finding.mark is Mark.PASSED}
    assert passed >= {"frame.preamble", "frame.split", "frame.glued", "frame.noise", "frame.bad-checksum"}
    assert passed >= {"read.address", "read.supply"}
