"""The gateway's figures for Prometheus, on a port of this machine alone."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
REQUEST_LIMIT = 4096
REQUEST_SECONDS = 5.0
REFUSALS = frozenset(
    (
        "accept_rate",
        "address_mismatch",
        "flood",
        "foreign_376.1",
        "foreign_698.45",
        "login_timeout",
        "no_descriptors",
        "noise",
        "refused",
        "superseded",
        "takeover_storm",
        "unknown_serial",
        "unproven_limit",
    )
)
_PLAIN = {
    "frames_in": "Sound frames and openings received.",
    "frames_out": "Frames written to meters.",
    "bad_checksums": "Frames thrown away for their checksum.",
    "bad_frames": "Damaged frames of every kind.",
    "late_replies": "Answers that came after their question was closed.",
    "proofs": "Sockets that proved their meter number.",
    "logins": "Logins told to the cloud, repeats included.",
    "pushes": "Reports handed up that nobody had asked for.",
    "unasked_frames_shed": "Frames dropped because a meter said too much by itself.",
    "repeated_letters": "Letters that came again and wrote nothing.",
    "clocks_drifted": "Meters found with a clock more than a minute off.",
    "clocks_called": "Meters told the time (08H) because their clock was a few minutes off.",
    "clocks_not_told": "Meters that did not tell their clock when asked.",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted at one moment; ``counters`` are those of ``Sessions``."""

    counters: Mapping[str, int]
    states: Mapping[str, int]
    backlog: int
    dropped: Mapping[str, int]


class _Collector:
    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Any]:
        now = self._figures()
        for name, text in _PLAIN.items():
            yield CounterMetricFamily(f"rentmeter_gateway_{name}", text, value=now.counters.get(name, 0))
        connections = GaugeMetricFamily(
            "rentmeter_gateway_connections", "Open sockets by state.", labels=["state"]
        )
        for state, count in now.states.items():
            connections.add_metric([state], count)
        yield connections
        letters = CounterMetricFamily(
            "rentmeter_gateway_letters", "Letters ended, by outcome.", labels=["outcome"]
        )
        refusals = CounterMetricFamily(
            "rentmeter_gateway_refusals", "Sockets sent away, by reason.", labels=["reason"]
        )
        ended = CounterMetricFamily(
            "rentmeter_gateway_sessions_ended", "Sessions ended, by reason.", labels=["reason"]
        )
        for name, count in sorted(now.counters.items()):
            kind, _, rest = name.partition("_")
            if kind == "letters":
                letters.add_metric([rest], count)
            elif kind == "ended":
                (refusals if rest in REFUSALS else ended).add_metric([rest], count)
        yield from (letters, refusals, ended)
        yield GaugeMetricFamily(
            "rentmeter_gateway_publish_backlog", "Items waiting for the broker.", value=now.backlog
        )
        dropped = CounterMetricFamily(
            "rentmeter_gateway_publish_dropped", "Items a full tray has lost, by kind.", labels=["kind"]
        )
        for kind, count in now.dropped.items():
            dropped.add_metric([kind], count)
        yield dropped


def render(figures: Callable[[], Figures]) -> bytes:
    """The text of one scrape."""
    registry = CollectorRegistry()
    registry.register(cast(Any, _Collector(figures)))
    return generate_latest(registry)


async def serve_metrics(port: int, figures: Callable[[], Figures]) -> asyncio.Server:
    """Answer ``GET /metrics`` on the loopback; raises OSError when the port is taken."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                found = head.startswith((b"GET /metrics ", b"GET /metrics?"))
                body = render(figures) if found else b"Only /metrics is here.\n"
                kind = CONTENT_TYPE_LATEST if found else "text/plain; charset=utf-8"
                status = "200 OK" if found else "404 Not Found"
                lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}")
                writer.write("\r\n".join((*lines, "Connection: close", "", "")).encode() + body)
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            log.debug("a scrape failed: %s", type(error).__name__)
        finally:
            writer.close()

    return await asyncio.start_server(answer, LOOPBACK, port, limit=REQUEST_LIMIT)
