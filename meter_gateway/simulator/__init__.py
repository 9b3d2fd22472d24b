"""Simulated prepaid meters: the wire of `meter_gateway.protocol` turned round.

`load`, `state`, `meter`, `values`, `port` and `roster` are pure (time is an argument); `flash`, `link`,
`fleet`, `control` and `app` are the edges that own files, sockets and the clock.
"""

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run the simulator program; see `app.main`."""
    from meter_gateway.simulator.app import main as run

    return run(argv)
