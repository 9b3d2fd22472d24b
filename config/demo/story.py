"""`python -m config.demo.story`: one recharge from scan to light on each platform, told with times.

A stranger's program: it knows `var/demo.json`, the REST contract and the control ports, and imports nothing
of the product. It plays the renter's phone (the QR page, the payment app) and looks at the meter's own
registers.
"""

import argparse
import http.cookiejar
import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

PHONES = {
    "wechat": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) MicroMessenger/8.0.50",
    "alipay": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 AlipayClient/10.6.0",
}
NAMES = {"wechat": "WeChat Pay", "alipay": "Alipay"}
AMOUNT_YUAN = "50.00"
PATIENCE_S = 60.0


class StoryFailed(Exception):
    """Something in the story did not happen; the message says what."""


class Phone:
    """A renter's phone: an HTTP client with cookies and the user agent of one app."""

    def __init__(self, channel: str) -> None:
        self._agent = PHONES[channel]
        jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def open_page(self, url: str) -> str:
        """Open a page as a person does, redirects and all; return its text."""
        return self._send("GET", url, None, {"Accept": "text/html"})[1]

    def call(self, method: str, url: str, body: Any = None, **headers: str) -> tuple[dict[str, str], Any]:
        """Call REST; return the answer's headers and its JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        got, text = self._send(
            method, url, body, {"Accept": "application/json", "Accept-Language": "en", **named}
        )
        return got, json.loads(text) if text else None

    def try_call(self, method: str, url: str, body: Any, headers: dict[str, str]) -> tuple[int, str]:
        """Call REST and return status and text, whatever they are."""
        try:
            status, _headers, text = self._ask(method, url, body, {"Accept-Language": "en", **headers})
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        return status, text

    def _send(self, method: str, url: str, body: Any, headers: dict[str, str]) -> tuple[dict[str, str], str]:
        try:
            _status, got, text = self._ask(method, url, body, headers)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise StoryFailed(f"{method} {url} answered {error.code}: {text[:300]}") from None
        except OSError as error:
            raise StoryFailed(f"{method} {url}: {error}") from None
        return got, text

    def _ask(
        self, method: str, url: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], str]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method)  # noqa: S310 - loopback only
        request.add_header("User-Agent", self._agent)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            request.add_header(name, value)
        with self._opener.open(request, timeout=20) as answer:
            return answer.status, dict(answer.headers.items()), answer.read().decode()


class Teller:
    """Says each step on its own line, with the seconds since the chapter began."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def chapter(self, title: str) -> None:
        self._began = time.monotonic()
        print(f"\n  {title}", flush=True)

    def say(self, sentence: str) -> None:
        print(f"  {time.monotonic() - self._began:6.2f} s  {sentence}", flush=True)


class Story:
    def __init__(self, demo: dict[str, Any]) -> None:
        self.demo = demo
        self.bench = Phone("wechat")
        self.teller = Teller()

    def register(self, serial: str) -> dict[str, Any]:
        """Return the meter's own registers, as it would show them on its display."""
        registers: dict[str, Any] = self.bench.call("GET", f"{self.demo['simulator_url']}/meters/{serial}")[1]
        return registers

    def wait(self, what: str, until: Any, patience_s: float = PATIENCE_S) -> Any:
        """Ask again until `until` returns something; a tenth of a second apart."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            found = until()
            if found:
                return found
            time.sleep(0.1)
        raise StoryFailed(f"{what} did not happen within {patience_s:g} s")

    def use_up(self, serial: str) -> None:
        """Let the household draw the last hundredths of a kilowatt-hour, until the meter trips by itself."""
        url = f"{self.demo['simulator_url']}/meters/{serial}"
        if self.register(serial)["relay"] == "closed":
            self.bench.call("PATCH", url, {"remaining_kwh": "0.02", "load_kw": "60"})
            self.wait("the trip at zero", lambda: self.register(serial)["relay"] == "open")
            self.bench.call("PATCH", url, {"load_kw": None})
        self.teller.say("The meter has reached 0.00 kWh and has switched itself off; the flat is dark")

    def recharge(self, meter: dict[str, str], channel: str) -> float:
        """Scan, order, pay, and wait for the light; return the seconds from paying to the light."""
        base, serial, phone = self.demo["base_url"], meter["serial"], Phone(channel)
        self.teller.chapter(f"{NAMES[channel]}: meter ****{serial[-4:]}, {AMOUNT_YUAN} yuan")
        self.use_up(serial)
        before = self.register(serial)
        phone.open_page(meter["qr_url"])
        phone.open_page(f"{meter['qr_url']}/login/{channel}")
        _headers, page = phone.call("GET", f"{base}/api/v1/q/{meter['qr_token']}")
        self.teller.say(
            f"Scanned: {page['meter_name']} of {page['landlord_name']}, {page['price_yuan_per_kwh']} yuan/kWh"
        )
        _headers, order = phone.call(
            "POST",
            f"{base}/api/v1/q/{meter['qr_token']}/orders",
            {"amount_yuan": AMOUNT_YUAN, "channel": channel},
            Idempotency_Key=str(uuid.uuid4()),
        )
        if not order["bridge"]:
            raise StoryFailed("the order knows no payer: the platform's login did not arrive")
        self.teller.say(f"Ordered {order['no']}: {order['quote']['energy_kwh']} kWh")
        self.bench.call("POST", f"{self.demo['sandbox_url']}/orders/{order['out_trade_no']}/pay", {})
        paid_at = time.monotonic()
        self.teller.say("Paid in the app")
        self._follow(phone, order["no"])
        credited_after = time.monotonic() - paid_at
        after = self.wait("the light", lambda: self._light(serial))
        light_after = time.monotonic() - paid_at
        self._compare(before, after, Decimal(order["quote"]["energy_kwh"]))
        self.teller.say(
            f"The light is on: {after['remaining_kwh']} kWh, purchase count "
            f"{before['purchase_count']} → {after['purchase_count']}"
        )
        self.teller.say(
            f"From paying to proved in the meter {credited_after:.2f} s, to light {light_after:.2f} s"
        )
        return light_after

    def _light(self, serial: str) -> dict[str, Any] | None:
        register = self.register(serial)
        return register if register["relay"] == "closed" else None

    def _follow(self, phone: Phone, no: str) -> None:
        seen: set[str] = set()
        words = {
            "paid": "The platform's notify is verified: paid",
            "delivering": "The energy is on its way",
            "credited": "It is in the meter, proved by read-back",
        }

        def credited() -> bool:
            state = phone.call("GET", f"{self.demo['base_url']}/api/v1/orders/{no}")[1]["state"]
            if state in words and state not in seen:
                seen.add(state)
                self.teller.say(words[state])
            if state in ("closed", "review"):
                raise StoryFailed(f"the order ended as {state}")
            return bool(state == "credited")

        self.wait("the credit", credited)

    def _compare(self, before: dict[str, Any], after: dict[str, Any], energy_kwh: Decimal) -> None:
        grown = Decimal(after["purchased_kwh"]) - Decimal(before["purchased_kwh"])
        counted = int(after["purchase_count"]) - int(before["purchase_count"])
        if grown != energy_kwh or counted != 1:
            raise StoryFailed(
                f"the meter's registers grew by {grown} kWh in {counted} purchases, not {energy_kwh} in 1"
            )

    def play(self) -> None:
        """Play both chapters, each on a meter of the first landlord.

        :raises StoryFailed: naming what did not happen.
        """
        first = self.demo["landlords"][0]["id"]
        mine = [meter for meter in self.demo["meters"] if meter["landlord"] == first]
        self.wait("the check of the collection accounts", self._accounts_proved, PATIENCE_S)
        connected = self.wait("the meters' login", lambda: self._online(mine[:3]))
        for meter, channel in zip(connected[1:3], ("wechat", "alipay"), strict=True):
            self.recharge(meter, channel)

    def _accounts_proved(self) -> bool:
        """Whether both platforms have said that the first landlord's keys are hers."""
        url, token = f"{self.demo['base_url']}/api/v1/collection-accounts", self.demo["landlords"][0]["token"]
        listed = self.bench.call("GET", url, Authorization=f"Bearer {token}")[1]["results"]
        proved = {one["channel"] for one in listed if one["check_state"] == "VERIFIED" and one["is_active"]}
        return proved == set(NAMES)

    def _online(self, meters: list[dict[str, str]]) -> list[dict[str, str]] | None:
        for meter in meters:
            url = f"{self.demo['base_url']}/api/v1/q/{meter['qr_token']}"
            if not self.bench.call("GET", url)[1]["is_online"]:
                return None
        return meters


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m config.demo.story", description=__doc__)
    parser.add_argument("--demo", type=Path, required=True, help="the demo.json of a running demo")
    demo = json.loads(parser.parse_args().demo.read_text("utf-8"))
    try:
        Story(demo).play()
    except StoryFailed as failure:
        print(f"story: {failure}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
