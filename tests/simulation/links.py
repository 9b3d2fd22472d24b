"""One TCP connection between a meter and a gateway. It keeps the order of bytes, as TCP does, and nothing else."""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING

from tests.simulation.faults import Fault, Faults
from tests.simulation.virtual_time import VirtualTime

if TYPE_CHECKING:
    from tests.simulation.devices import Device
    from tests.simulation.gateways import GatewayProcess

GLUE_WAITS_S = 0.15


class Way:
    """Bytes under way in one direction: pieces in order, None for the end of the stream."""

    def __init__(self) -> None:
        self.pieces: deque[bytes | None] = deque()
        self.last_at = 0.0
        self.held = b""


class Connection:
    """`write` and `close` are the gateway's end (its `Line`), the other methods are the meter's and the world's."""

    def __init__(
        self, time: VirtualTime, dice: random.Random, faults: Faults, device: Device, gateway: GatewayProcess
    ) -> None:
        self._time = time
        self._dice = dice
        self._faults = faults
        self.device = device
        self.gateway = gateway
        self.meter_open = True
        self.gateway_open = True
        self._down = Way()
        self._up = Way()

    # The gateway's end

    def write(self, data: bytes, /) -> None:
        if self.gateway_open:
            self.gateway.on_written(self, data)
            self._put(self._down, data)

    def close(self) -> None:
        if self.gateway_open:
            self.gateway_open = False
            self._plan(self._down, None)

    # The meter's end

    def meter_writes(self, data: bytes) -> None:
        if self.meter_open and data:
            self._put(self._up, data)

    def meter_hangs_up(self, *, silently: bool) -> None:
        """Close the meter's end; silently means that no packet tells the gateway."""
        if self.meter_open:
            self.meter_open = False
            if not silently:
                self._plan(self._up, None)

    def reset(self) -> None:
        """Both ends learn of it at once; what was under way is gone."""
        self._down.pieces.clear()
        self._up.pieces.clear()
        if self.gateway_open:
            self.gateway_open = False
            self.gateway.lost(self, "reset")
        if self.meter_open:
            self.meter_open = False
            self.device.connection_ended(self)

    # The way between

    def _put(self, way: Way, data: bytes) -> None:
        faults, down = self._faults, way is self._down
        if faults.hits(Fault.RESET):
            self._time.after(self._dice.uniform(0, 0.2), self.reset)
        if faults.hits(Fault.NOISE):
            place = self._dice.randrange(len(data))
            changed = data[place] ^ (1 << self._dice.randrange(8))
            data = data[:place] + bytes([changed]) + data[place + 1 :]
        if way.held:
            data, way.held = way.held + data, b""
            faults.count(Fault.GLUE)
        elif faults.strikes(Fault.GLUE):
            way.held = data
            self._time.after(GLUE_WAITS_S, self._let_go, way)
            return
        copies = 2 if faults.hits(Fault.DOUBLE_DOWN if down else Fault.DOUBLE_UP) else 1
        stall = Fault.STALL_DOWN if down else Fault.STALL_UP
        for _ in range(copies):
            delay_s = self._dice.uniform(0.02, 0.2)
            if faults.hits(stall):
                delay_s += self._dice.choice((2, 6, 12, 25))
            if len(data) > 1 and faults.hits(Fault.SPLIT):
                cut = self._dice.randrange(1, len(data))
                self._plan(way, data[:cut], delay_s)
                self._plan(way, data[cut:], delay_s + self._dice.choice((0.01, 0.3, 1.5)))
            else:
                self._plan(way, data, delay_s)

    def _let_go(self, way: Way) -> None:
        if way.held:
            data, way.held = way.held, b""
            self._plan(way, data, 0.01)

    def _plan(self, way: Way, piece: bytes | None, delay_s: float = 0.05) -> None:
        way.pieces.append(piece)
        way.last_at = max(way.last_at, self._time.now + delay_s)
        self._time.at(way.last_at, self._arrive, way)

    def _arrive(self, way: Way) -> None:
        if not way.pieces:
            return
        if self._time.now < self.device.blocked_until:
            way.last_at = max(way.last_at, self.device.blocked_until)
            self._time.at(self.device.blocked_until, self._arrive, way)
            return
        piece = way.pieces.popleft()
        if way is self._down:
            self._at_meter(piece)
        else:
            self._at_gateway(piece)

    def _at_meter(self, piece: bytes | None) -> None:
        if not self.meter_open:
            return
        if piece is None:
            self.meter_open = False
            self.device.connection_ended(self)
        else:
            self.device.heard(self, piece)

    def _at_gateway(self, piece: bytes | None) -> None:
        if not self.gateway_open:
            # A host answers bytes for a socket it does not have with a reset.
            if self.meter_open:
                self.meter_open = False
                self._time.after(0.05, self.device.connection_ended, self)
        elif piece is None:
            self.gateway_open = False
            self.gateway.lost(self, "disconnected")
        else:
            self.gateway.received(self, piece)
