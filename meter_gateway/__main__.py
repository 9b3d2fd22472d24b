"""``python -m meter_gateway serve | simulator … | decode … | encode …``."""

import asyncio
import os
import sys
from collections.abc import Callable

from meter_gateway.log import configure_logging
from meter_gateway.settings import GatewaySettings, SettingsError

USAGE = "usage: python -m meter_gateway serve | simulator [options] | decode [HEX ...] | encode KIND ..."


def main(argv: list[str]) -> int:
    """Run one of the programs and return its exit status."""
    match argv:
        case ["serve"]:
            return _serve()
        case ["simulator", *options]:
            from meter_gateway.simulator import main as simulate

            return int(simulate(options) or 0)
        case ["decode", *options]:
            from meter_gateway.wire_tool import decode

            return decode(options, sys.stdin, sys.stdout, sys.stderr)
        case ["encode", *options]:
            from meter_gateway.wire_tool import encode

            return encode(options, sys.stdout, sys.stderr)
        case ["-h" | "--help"]:
            print(USAGE)
            return 0
    print(USAGE, file=sys.stderr)
    return 2


def _serve() -> int:
    try:
        settings = GatewaySettings.from_environment(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    # Imported here, so that the simulator starts without Celery and a wrong setting is told at once.
    from meter_gateway.server import StartupError, serve

    configure_logging(settings.log_level)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(settings))
    except StartupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
