"""The demo's TCP ports on 127.0.0.1: fixed by default, so that links on paper keep working."""

import contextlib
import socket
from collections.abc import Collection
from dataclasses import dataclass

from config.demo.processes import CannotStart
from config.env import EnvError, env_int

_DEFAULTS = {
    "web": ("DEMO_WEB_PORT", 8000),
    "gateway": ("DEMO_GATEWAY_PORT", 6450),
    "simulator": ("DEMO_SIMULATOR_PORT", 6451),
    "sandbox": ("DEMO_SANDBOX_PORT", 6452),
    "postgres": ("DEMO_POSTGRES_PORT", 6453),
    "valkey": ("DEMO_VALKEY_PORT", 6454),
}


@dataclass(frozen=True, kw_only=True)
class Ports:
    web: int
    gateway: int
    simulator: int
    sandbox: int
    postgres: int
    valkey: int


def choose_ports(needed: Collection[str]) -> Ports:
    """Read the ports from the environment (0 = choose a free one) and check that `needed` are free.

    :raises CannotStart: if one is taken; the sentence names port, variable and process.
    :raises EnvError: if a variable is no port.
    """
    chosen: dict[str, int] = {}
    with contextlib.ExitStack() as probes:
        for role, (variable, default) in _DEFAULTS.items():
            wanted = env_int(variable, default)
            if not 0 <= wanted <= 65535:
                raise EnvError(f"{variable} must be a port between 0 and 65535, not {wanted}.")
            if role not in needed:
                chosen[role] = wanted
                continue
            probe = probes.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
                probe.listen(1)
            except OSError as error:
                raise CannotStart(
                    f"Port {wanted}, which the process {role!r} needs, cannot be used ({error.strerror}):"
                    f" stop what listens there, or set {variable} to another port (0 for any free one)."
                ) from None
            chosen[role] = int(probe.getsockname()[1])
    return Ports(**chosen)
