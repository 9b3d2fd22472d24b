"""The fault proxy does to a link what it says it does, and stops when the network is healed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.chaos import proxy as chaos
from tests.chaos.proxy import FaultProxy

FRAME = bytes.fromhex("68 11 11 11 11 11 11 68 11 04 33 33 34 33 ae 16")


def _answer_like_a_gateway(listening: socket.socket) -> None:
    while True:
        try:
            connection, _peer = listening.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection, closing(connection):
        try:
            while received := connection.recv(4096):
                connection.sendall(received)
        except OSError:
            return


@pytest.fixture
def gateway_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_answer_like_a_gateway, args=(listening,), daemon=True).start()
        yield int(listening.getsockname()[1])


@pytest.fixture
def proxy(gateway_port: int) -> Iterator[FaultProxy]:
    running = FaultProxy(gateway_port=gateway_port, seed=1)
    yield running
    running.stop()


def _always(monkeypatch: pytest.MonkeyPatch, fate: str) -> None:
    monkeypatch.setattr(chaos, "FATES", {fate: 1})


def _received(proxy: FaultProxy, expected: int) -> bytes:
    with socket.create_connection(("127.0.0.1", proxy.start()), timeout=5) as meter:
        meter.sendall(FRAME)
        received = b""
        while len(received) < expected and (piece := meter.recv(4096)):
            received += piece
        return received


@pytest.mark.parametrize("fate", ["", "split", "trickle"])
def test_what_is_split_or_trickles_arrives_whole(
    proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, fate: str
) -> None:
    _always(monkeypatch, fate)
    assert _received(proxy, len(FRAME)) == FRAME
    assert proxy.fired.total() >= 2 if fate else not proxy.fired


def test_a_doubled_frame_arrives_twice_each_way(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    _always(monkeypatch, "double")
    assert _received(proxy, 4 * len(FRAME)) == 4 * FRAME


def test_a_reset_ends_the_link_at_once(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    _always(monkeypatch, "reset")
    with pytest.raises(ConnectionResetError):
        _received(proxy, 1)


def test_a_half_open_link_is_silent_until_the_network_is_healed(
    proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    _always(monkeypatch, "half_open")
    with socket.create_connection(("127.0.0.1", proxy.start()), timeout=5) as meter:
        meter.sendall(FRAME)
        meter.settimeout(0.1)
        with pytest.raises(TimeoutError):
            meter.recv(1)
        proxy.heal()
        meter.settimeout(5)
        with pytest.raises(ConnectionResetError):
            meter.recv(1)


def test_a_healed_network_carries_everything_unhurt(
    proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    _always(monkeypatch, "reset")
    proxy.is_healed = True
    assert _received(proxy, len(FRAME)) == FRAME
    assert not proxy.fired
