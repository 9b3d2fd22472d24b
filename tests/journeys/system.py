"""The whole system as processes of its own, and a stranger with nothing but demo.json and the contract."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from config.demo.processes import launched
from config.demo.story import Phone, Story, StoryFailed

ROOT = Path(__file__).resolve().parent.parent.parent
# On a machine that is busy with other things; nothing is proved by how soon it starts.
START_WITHIN_S = 300.0
RESTART_WITHIN_S = 120.0
ASK_AGAIN_S = 20.0

Found = TypeVar("Found")


def wait_for(what: str, question: Callable[[], Found | None], within_s: float) -> Found:
    """Ask until there is an answer; 0.05 s apart.

    :raises AssertionError: naming `what`, if there is none in time.
    """
    deadline = time.monotonic() + within_s
    while True:
        found = question()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within_s:g} s")
        time.sleep(0.05)


@dataclass
class Answer:
    status: int
    body: Any


class Stranger:
    """Somebody with demo.json: REST with a token, the sandbox and the simulator over their control ports."""

    def __init__(self, demo: dict[str, Any]) -> None:
        self.demo = demo
        self.story = Story(demo)
        self._phone = Phone("wechat")

    def rest(self, method: str, path: str, body: Any = None, *, token: str = "", **headers: str) -> Answer:
        """Call REST and return status and body, also of refusals."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        status, text = self._phone.try_call(method, f"{self.demo['base_url']}/api/v1/{path}", body, headers)
        return Answer(status, json.loads(text) if text else None)

    def meter(self, index: int = 0, landlord: int = 0) -> dict[str, str]:
        owner = self.demo["landlords"][landlord]["id"]
        found: dict[str, str] = [m for m in self.demo["meters"] if m["landlord"] == owner][index]
        return found

    def token(self, landlord: int = 0) -> str:
        return str(self.demo["landlords"][landlord]["token"])

    def register(self, meter: dict[str, str]) -> dict[str, Any]:
        return self.story.register(meter["serial"])

    def bench(self, meter: dict[str, str], **changes: Any) -> None:
        """Change the meter's load, link or faults on its control port."""
        self._phone.call("PATCH", f"{self.demo['simulator_url']}/meters/{meter['serial']}", changes)

    def carry(self, meter: dict[str, str], frame_hex: str) -> str:
        """Write one frame to the meter's Bluetooth end; returns what it notified."""
        address = f"{self.demo['simulator_url']}/meters/{meter['serial']}/ble"
        return str(self._phone.call("POST", address, {"hex": frame_hex})[1]["hex"])

    def sandbox(self, method: str, path: str, body: Any = None) -> Any:
        return self._phone.call(method, f"{self.demo['sandbox_url']}/{path}", body)[1]

    def order(
        self, meter: dict[str, str], *, amount: str = "50.00", channel: str = "wechat"
    ) -> dict[str, Any]:
        answer = self.rest(
            "POST", f"q/{meter['qr_token']}/orders", {"amount_yuan": amount, "channel": channel}
        )
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.body
        return made

    def pay(self, order: dict[str, Any]) -> None:
        self.sandbox("POST", f"orders/{order['out_trade_no']}/pay", {})

    def state(self, order: dict[str, Any]) -> str:
        return str(self.rest("GET", f"orders/{order['no']}").body["state"])

    def wait_until(self, order: dict[str, Any], state: str, within_s: float) -> float:
        """Return the seconds until the order is in `state`."""
        began = time.monotonic()
        wait_for(f"order {order['no']} {state}", lambda: self.state(order) == state, within_s)
        return time.monotonic() - began

    def is_online(self, meter: dict[str, str]) -> bool:
        return bool(self.rest("GET", f"q/{meter['qr_token']}").body["is_online"])

    def wait_idle(self, meter: dict[str, str]) -> None:
        """Wait until nothing is being asked of this meter, so that the next thing asked goes out at once."""

        def nothing_open() -> bool:
            listed = self.rest("GET", f"meters/{meter['id']}/commands", token=self.token()).body
            return all(
                command["state"] not in ("QUEUED", "SENT", "ACKED", "UNKNOWN")
                for command in listed["results"]
            )

        wait_for("an idle meter", nothing_open, 30)

    def has_been_read(self, meter: dict[str, str]) -> bool:
        return self.rest("GET", f"q/{meter['qr_token']}").body["read_at"] is not None


class System:
    """One running demo; it can be asked to lose a process."""

    def __init__(self, var: Path, **environment: str) -> None:
        self.var = var
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DATABASE_URL", "OWNER_DATABASE_URL", "BROKER_URL", "DJANGO_SETTINGS_MODULE")
        }
        ports = {
            f"DEMO_{name}_PORT": "0"
            for name in ("WEB", "GATEWAY", "SIMULATOR", "SANDBOX", "POSTGRES", "VALKEY")
        }
        # As if hung just now: no midnights to fetch beside what a test looks at.
        fresh = {"DEMO_HUNG_DAYS": "0", "CLOSE_DAYS_EVERY_S": "600"}
        self._log = (var / "demo.log").open("w+")
        self.process = subprocess.Popen(
            # However this process ends, the system and all of its processes end with it.
            launched((sys.executable, "-m", "config.demo", "--no-story", "--var", str(var))),
            cwd=ROOT,
            # A clock read in a session's first minute would use up a fault that is meant for a credit.
            env={**kept, **ports, **fresh, "DEMO_FSYNC": "no", "GATEWAY_CLOCK_CHECKS": "0", **environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._come_up()
        except BaseException:
            self.stop()
            raise

    def _come_up(self) -> None:
        wait_for("the demo's start", self._started, START_WITHIN_S)
        self.stranger = Stranger(self.demo())
        mine = [self.stranger.meter(i) for i in range(8)]
        wait_for("the meters' login", lambda: all(self.stranger.is_online(m) for m in mine), START_WITHIN_S)
        asked_at = 0.0

        def all_read() -> bool:
            nonlocal asked_at
            unread = [meter for meter in mine if not self.stranger.has_been_read(meter)]
            # On a busy machine a wish to read may die before its meter has answered.
            if unread and time.monotonic() - asked_at > ASK_AGAIN_S:
                asked_at = time.monotonic()
                for meter in unread:
                    self.stranger.rest("POST", f"meters/{meter['id']}/read", token=self.stranger.token())
            return not unread

        wait_for("the first readings", all_read, START_WITHIN_S)

    def _started(self) -> bool:
        if self.process.poll() is not None:
            self._log.seek(0)
            raise AssertionError(f"the demo ended with {self.process.returncode}: {self._log.read()[-2000:]}")
        return (self.var / "demo.json").exists()

    def demo(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.var / "demo.json").read_text("utf-8"))
        return found

    def pid(self, name: str) -> int:
        return int(self.demo()["pids"][name])

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.pid(name), number)

    def kill(self, name: str) -> None:
        """kill −9; the supervisor starts it again."""
        before = self.pid(name)
        os.kill(before, signal.SIGKILL)
        wait_for(f"{name} started again", lambda: self.pid(name) != before, RESTART_WITHIN_S)

    def be_without(self, name: str, seconds: float) -> None:
        """kill −9, and so long nobody starts it again: the supervisor is held meanwhile."""
        before, back_at = self.pid(name), time.monotonic() + seconds
        self.process.send_signal(signal.SIGSTOP)
        try:
            os.killpg(before, signal.SIGKILL)
            wait_for("the time away", lambda: time.monotonic() >= back_at, seconds + 60)
        finally:
            self.process.send_signal(signal.SIGCONT)
        wait_for(f"{name} started again", lambda: self.pid(name) != before, RESTART_WITHIN_S)

    def settle(self) -> None:
        """Wait until every meter of the first landlord has dialled in again and is asked nothing."""
        mine = [self.stranger.meter(i) for i in range(8)]
        for meter in mine:
            wait_for(
                "the meter's dial", lambda m=meter: self.stranger.register(m)["connected"], RESTART_WITHIN_S
            )
        for meter in mine:
            wait_for("the meter's login", lambda m=meter: self.stranger.is_online(m), RESTART_WITHIN_S)

    def settings(self) -> dict[str, str]:
        """What the running processes were told of databases, keys and addresses."""
        lines = (self.var / "environment").read_text("utf-8").splitlines()
        pairs = (line.split("=", 1) for line in lines if line)
        return {name: value.strip("'") for name, value in pairs}

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of Django's commands against the running system."""
        environment = {**os.environ, **self.settings()}
        environment.pop("OWNER_DATABASE_URL", None)
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=START_WITHIN_S,
        )

    def books_hold(self) -> str:
        """Return what is wrong with the books, empty if they hold."""
        checked = self.manage("check_books")
        return "" if checked.returncode == 0 else checked.stdout + checked.stderr

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(timeout=60)
        self._log.close()
        return status


def bought(before: dict[str, Any], after: dict[str, Any]) -> tuple[int, Decimal]:
    """Return by how many purchases and by how many kWh a meter's own registers grew."""
    return (
        int(after["purchase_count"]) - int(before["purchase_count"]),
        Decimal(after["purchased_kwh"]) - Decimal(before["purchased_kwh"]),
    )


__all__ = ["StoryFailed", "Stranger", "System", "bought", "wait_for"]
