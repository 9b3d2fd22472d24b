"""What the gateway is told by its environment, checked once at the start."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

UNPROVEN_LIMIT = 16_384


class SettingsError(ValueError):
    """The environment cannot be used; the text is one sentence for the person who started the process."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Addresses and limits of one gateway process.

    ``port`` 0 takes any free port (the log names it). ``accepts_per_second`` is per source network (/24 for
    IPv4, /48 for IPv6), counts only connections that prove nothing, and 0 turns it off.
    ``unproven_limit`` is how many sockets may wait for their login at once; beyond it the oldest one goes.
    ``metrics_port`` is on the loopback, 0 for none. ``capture_dir`` takes real frames, masked, as test cases;
    None for none. ``asks_clocks``: meters are asked for their clock once a day.
    """

    broker_url: str
    host: str = "127.0.0.1"
    port: int = 6450
    node: str = "gw1"
    accepts_per_second: int = 0
    unproven_limit: int = UNPROVEN_LIMIT
    log_level: str = "INFO"
    metrics_port: int = 0
    capture_dir: str | None = None
    asks_clocks: bool = True

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "GatewaySettings":
        """Read BROKER_URL and GATEWAY_*; raises SettingsError with a sentence that names the variable."""
        node = environ.get("GATEWAY_NODE", "gw1")
        if not node or not all(char.isascii() and (char.isalnum() or char in "._") for char in node):
            raise SettingsError("GATEWAY_NODE must consist of ASCII letters, digits, '.' and '_'.")
        level = environ.get("GATEWAY_LOG_LEVEL", "INFO").upper()
        if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise SettingsError("GATEWAY_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR.")
        return cls(
            broker_url=_broker_url(environ.get("BROKER_URL", "")),
            host=environ.get("GATEWAY_HOST") or "127.0.0.1",
            port=_whole_number(environ, "GATEWAY_PORT", 6450, 65535),
            node=node,
            accepts_per_second=_whole_number(environ, "GATEWAY_ACCEPTS_PER_SECOND", 0, 1_000_000),
            unproven_limit=max(
                1, _whole_number(environ, "GATEWAY_UNPROVEN_LIMIT", UNPROVEN_LIMIT, 1_000_000)
            ),
            log_level=level,
            metrics_port=_whole_number(environ, "GATEWAY_METRICS_PORT", 0, 65535),
            capture_dir=environ.get("GATEWAY_CAPTURE_DIR") or None,
            asks_clocks=bool(_whole_number(environ, "GATEWAY_CLOCK_CHECKS", 1, 1)),
        )


def _broker_url(text: str) -> str:
    wanted = "BROKER_URL must look like redis://host:port/0"
    if not text:
        raise SettingsError(f"{wanted}, but it is not set.")
    try:
        parts = urlsplit(text)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise SettingsError(f"{wanted}; its address cannot be read.") from None
    if parts.scheme not in {"redis", "rediss"}:
        raise SettingsError(f"{wanted}, but its scheme is {parts.scheme or 'missing'!r}.")
    database = parts.path.strip("/")
    if not parts.hostname or not port_is_fine or (database and not database.isdigit()):
        raise SettingsError(f"{wanted}; its host, port or database number is wrong.")
    return text


def _whole_number(environ: Mapping[str, str], name: str, default: int, largest: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and int(text) <= largest):
        raise SettingsError(f"{name} must be a whole number from 0 to {largest}, not {text[:20]!r}.")
    return int(text)
