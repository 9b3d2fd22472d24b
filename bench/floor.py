"""The floor: a bare server that does nothing but take the same bytes apart with the same protocol core."""

import asyncio
import sys

import uvloop

from meter_gateway.protocol.connection import Connection, Role


class BareSocket(asyncio.Protocol):
    """Parses, and forgets."""

    __slots__ = ("_connection",)

    def __init__(self) -> None:
        self._connection = Connection(Role.PLATFORM)

    def data_received(self, data: bytes) -> None:
        self._connection.receive(data)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(BareSocket, "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())
