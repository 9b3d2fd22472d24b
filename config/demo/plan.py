"""Which processes the demo consists of, what each is told, and how each shows that it serves."""

import contextlib
import json
import os
import re
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config.demo.ports import Ports
from config.demo.processes import CannotStart, Service
from config.demo.secret_file import write_private
from config.env import env_str

ROOT = Path(__file__).resolve().parent.parent.parent
LANDLORDS = ("li", "wang", "zhao")
_CREDENTIALS = ("DATABASE_URL", "OWNER_DATABASE_URL", "SECRET_KEY")


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the truth and the broker are, embedded or not."""

    app_url: str
    owner_url: str
    broker_url: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    var: Path
    ports: Ports
    addresses: Addresses
    secret_key: str

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.web}"

    @property
    def simulator_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.simulator}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.sandbox}"

    @property
    def sandbox_state(self) -> Path:
        return self.var / "sandbox"

    def settings(self) -> dict[str, str]:
        """What Django's processes are told beyond the caller's environment, without the owner's login."""
        return {
            "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "config.settings.dev"),
            "DATABASE_URL": self.addresses.app_url,
            "BROKER_URL": self.addresses.broker_url,
            "SECRET_KEY": os.environ.get("SECRET_KEY", self.secret_key),
            "PUBLIC_BASE_URL": self.base_url,
            "SANDBOX_URL": self.sandbox_url,
            "STATIC_ROOT": str(self.var / "staticfiles"),
            # The codes sent to phones, for whoever plays the owner of the phone.
            "SMS_BACKEND": "apps.accounts.messaging.FileBackend",
            "SMS_OUTBOX": str(self.var / "sms.jsonl"),
            # The midnights that the meters kept before anybody asked, within a minute of the start.
            "CLOSE_DAYS_EVERY_S": os.environ.get("CLOSE_DAYS_EVERY_S", "15"),
            **self._wechat_app(),
        }

    def owner_environment(self) -> dict[str, str]:
        """For migrations and the seed, which alone get the owner's login."""
        return {**self._bare_environment(), **self.settings(), "OWNER_DATABASE_URL": self.addresses.owner_url}

    def django_environment(self) -> dict[str, str]:
        return {**self._bare_environment(), **self.settings()}

    def outside_environment(self) -> dict[str, str]:
        """For the processes that must have no database login: gateway, simulator, sandbox platforms."""
        return self._bare_environment()

    def command(self, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, *arguments)

    def services(self) -> list[Service]:
        """All processes of RentMeter in the order of their start; the servers they need run already."""
        celery = self.command("-m", "celery", "--app", "config.celery")
        queues = ("--queues", "money,delivery,readings,alerts")
        quick = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")
        # The meters dial what stands between them and the gateway, where somebody has put it there.
        gateway_address = env_str("DEMO_METERS_DIAL", f"127.0.0.1:{self.ports.gateway}")
        control_address = f"127.0.0.1:{self.ports.simulator}"
        django, outside = self.django_environment(), self.outside_environment()
        return [
            Service(
                name="web",
                command=web_command(self.ports.web),
                environment=django,
                ready=lambda pid: answers(f"{self.base_url}/healthz"),
            ),
            Service(
                name="worker",
                command=(*celery, "worker", "--pool", "threads", "--concurrency", "8", *queues, *quick),
                environment=django,
                ready=self._says("worker", r"celery@\S+ ready\."),
            ),
            Service(
                name="beat",
                command=(*celery, "beat", "--pidfile=", "--max-interval", "1", "--loglevel", "INFO"),
                environment=django,
                ready=self._says("beat", r"beat: Starting"),
            ),
            Service(name="sweeper", command=self.command("manage.py", "sweep"), environment=django),
            Service(
                name="gateway",
                command=self.command("-m", "meter_gateway", "serve"),
                environment={
                    **outside,
                    "BROKER_URL": self.addresses.broker_url,
                    "GATEWAY_HOST": "127.0.0.1",
                    "GATEWAY_PORT": str(self.ports.gateway),
                    "GATEWAY_NODE": "gw1",
                },
                ready=lambda pid: accepts("127.0.0.1", self.ports.gateway),
            ),
            Service(
                name="sandbox",
                command=self.command(
                    "-m",
                    "apps.sandbox",
                    "--port",
                    str(self.ports.sandbox),
                    "--state",
                    str(self.sandbox_state),
                ),
                environment=outside,
                ready=lambda pid: answers(f"{self.sandbox_url}/orders"),
            ),
            Service(
                name="simulator",
                command=self.command(
                    *("-m", "meter_gateway", "simulator", "--fleet", str(self.var / "fleet.json")),
                    *("--gateway", gateway_address, "--control", control_address),
                    *("--flash", str(self.var / "flash"), "--load", str(_load_file())),
                ),
                environment=outside,
                ready=lambda pid: answers(f"{self.simulator_url}/meters"),
            ),
        ]

    def demo_json(self, pids: dict[str, int]) -> dict[str, object]:
        """The contents of `var/demo.json`: what the seed wrote, and where everything is."""
        seed = json.loads((self.var / "seed.json").read_text("utf-8"))
        return {
            "base_url": self.base_url,
            "simulator_url": self.simulator_url,
            "sandbox_url": self.sandbox_url,
            "gateway": {"host": "127.0.0.1", "port": self.ports.gateway},
            "pids": pids,
            **seed,
        }

    def _bare_environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _CREDENTIALS}
        return {**kept, "PYTHONUNBUFFERED": "1"}

    def _wechat_app(self) -> dict[str, str]:
        try:
            app = json.loads((self.sandbox_state / "merchants.json").read_text("utf-8"))["wechat_app"]
        except FileNotFoundError:
            return {}
        return {
            "WECHAT_APP_ID": app["appid"],
            "WECHAT_APP_SECRET": app["app_secret"],
            "ALIPAY_APP_FILE": str(self._alipay_app_file()),
            "PROVIDER_ACCOUNTS_FILE": str(self._provider_file()),
        }

    def _alipay_app_file(self) -> Path:
        """The platform-wide Alipay app of the demo: the first merchant's, in a file of its own."""
        merchants = json.loads((self.sandbox_state / "merchants.json").read_text("utf-8"))
        path = self.var / "alipay_app.json"
        write_private(path, json.dumps(merchants["alipay"][0]))
        return path

    def _provider_file(self) -> Path:
        """The demo operator's own accounts: service provider of S2, collector of S3."""
        merchants = json.loads((self.sandbox_state / "merchants.json").read_text("utf-8"))
        path = self.var / "provider_accounts.json"
        write_private(path, json.dumps(merchants.get("provider", {})))
        return path

    def _says(self, name: str, pattern: str) -> Callable[[int], bool]:
        log = self.var / "log" / f"{name}.log"

        def has_said(pid: int) -> bool:
            with contextlib.suppress(OSError):
                return re.search(pattern, log.read_text("utf-8", "replace")) is not None
            return False

        return has_said


def web_command(port: int, *, processes: int = 1) -> tuple[str, ...]:
    """The web on the loopback; each process answers eight requests at a time."""
    serving = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--blocking-threads", "8")
    return (
        *(sys.executable, "-m", "granian", *serving),
        *("--workers", str(processes), "config.wsgi:application"),
    )


def answers(url: str) -> bool:
    """Whether GET answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def accepts(host: str, port: int) -> bool:
    """Whether somebody accepts TCP connections there."""
    try:
        with socket.create_connection((host, port), timeout=5):
            return True
    except OSError:
        return False


def _load_file() -> Path:
    found = sorted((ROOT / "meter_gateway" / "simulator" / "data").glob("*.csv"))
    if not found:
        raise CannotStart("The household loads of the simulator (meter_gateway/simulator/data) are missing.")
    return found[0]
