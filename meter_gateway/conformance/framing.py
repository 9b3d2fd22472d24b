"""The envelope: what a meter must hear through, and what it must not answer."""

from __future__ import annotations

from meter_gateway.conformance.bench import Bench
from meter_gateway.conformance.clause import Chapter
from meter_gateway.conformance.talk import Failed, Talk
from meter_gateway.protocol.frames import ANY_ADDRESS, BROADCAST_ADDRESS, Frame
from meter_gateway.protocol.reads import read_request

FRAMES = Chapter("frame")

_BETWEEN_PORTIONS_S = 0.02
_NOISE = bytes.fromhex("00 68 55 16 68 12 34 16 FF")
_FORMAT = "DL/T 645-2007, frame format"
_ADDRESS = "DL/T 645-2007, address field"


def _question(bench: Bench) -> Frame:
    """Any question will do; this one every meter answers."""
    return read_request(bench.serial, bench.profile.total_di)


def _plain(bench: Bench) -> bytes:
    return _question(bench).encode(preamble=0)


@FRAMES.clause("preamble", "It hears a question after 0, 1, 4 and 16 bytes FEH", _FORMAT)
def preamble(bench: Bench) -> Talk[None]:
    for length in (0, 1, 4, 16):
        yield from bench.ask(_question(bench), _question(bench).encode(preamble=length))


@FRAMES.clause("split", "It hears a question that comes byte by byte", _FORMAT)
def split(bench: Bench) -> Talk[None]:
    raw = _plain(bench)
    for at in range(len(raw) - 1):
        yield from bench.write(raw[at : at + 1])
        yield from bench.wait(_BETWEEN_PORTIONS_S)
    yield from bench.ask(_question(bench), raw[-1:])


@FRAMES.clause("glued", "It answers each of two questions that come in one portion, in order", _FORMAT)
def glued(bench: Bench) -> Talk[None]:
    profile = bench.profile
    questions = [read_request(bench.serial, di) for di in (profile.total_di, profile.remaining_di)]
    yield from bench.write(b"".join(question.encode() for question in questions))
    answers = yield from bench.frames(bench.answer_s, enough=2)
    told = [answer.di for answer in answers]
    if told != [question.di for question in questions]:
        raise Failed(f"It answered {', '.join(map(str, told)) or 'nothing'}.")


@FRAMES.clause(
    "noise", "It hears a question after bytes that are none, stray 68H and 16H among them", _FORMAT
)
def noise(bench: Bench) -> Talk[None]:
    yield from bench.ask(_question(bench), _NOISE + _plain(bench))


@FRAMES.clause("resync", "A damaged question costs the next one nothing", _FORMAT)
def resync(bench: Bench) -> Talk[None]:
    torn = _plain(bench)[:-5]
    yield from bench.ask(_question(bench), torn + _question(bench).encode())


@FRAMES.clause("bad-checksum", "It does not answer a frame whose checksum is wrong", _FORMAT)
def bad_checksum(bench: Bench) -> Talk[None]:
    raw = bytearray(_plain(bench))
    raw[-2] ^= 0x01
    yield from _ignores(bench, bytes(raw), "a wrong checksum")


@FRAMES.clause("bad-end", "It does not answer a frame that does not end with 16H", _FORMAT)
def bad_end(bench: Bench) -> Talk[None]:
    yield from _ignores(bench, _plain(bench)[:-1] + b"\x17", "a wrong end")


@FRAMES.clause(
    "echo", "It does not answer what carries the direction bit of a meter", "DL/T 645-2007, control"
)
def echo(bench: Bench) -> Talk[None]:
    question = _question(bench)
    answer = Frame(question.address, question.control | 0x80, question.data)
    yield from _ignores(bench, answer.encode(preamble=0), "an answer")


@FRAMES.clause("other-address", "It does not answer a question to another meter", _ADDRESS)
def other_address(bench: Bench) -> Talk[None]:
    stranger = "".join(str((int(digit) + 1) % 10) for digit in bench.serial)
    question = read_request(stranger, bench.profile.total_di)
    yield from _ignores(bench, question.encode(preamble=0), "a question to another meter")


@FRAMES.clause("any-address", "It answers a read to AAAAAAAAAAAA under its own address", _ADDRESS)
def any_address(bench: Bench) -> Talk[None]:
    yield from _own_address(bench, ANY_ADDRESS)


@FRAMES.clause("short-address", "It answers a read whose high address bytes are AAH", _ADDRESS)
def short_address(bench: Bench) -> Talk[None]:
    yield from _own_address(bench, "AA" * 4 + bench.serial[8:])


@FRAMES.clause("broadcast", "It does not answer a read to 999999999999", _ADDRESS)
def broadcast(bench: Bench) -> Talk[None]:
    question = read_request(BROADCAST_ADDRESS, bench.profile.total_di)
    yield from _ignores(bench, question.encode(preamble=0), "a broadcast")


def _ignores(bench: Bench, raw: bytes, what: str) -> Talk[None]:
    """Silence to these bytes, and an ear for the next question."""
    yield from bench.stays_silent(raw, what)
    yield from bench.ask(_question(bench))


def _own_address(bench: Bench, wildcard: str) -> Talk[None]:
    question = read_request(wildcard, bench.profile.total_di)
    yield from bench.write(question.encode())
    frames = yield from bench.frames(bench.answer_s)
    if not frames:
        raise Failed(f"No answer to {wildcard}.")
    if frames[0].address != bench.serial:
        raise Failed(f"It answered as {frames[0].address}.")
    if frames[0].di != question.di:
        raise Failed(f"It answered with {frames[0].control:02X}H.")
