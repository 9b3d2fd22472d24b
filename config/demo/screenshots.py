"""`make screenshots`: every named page x 375/1280 px x Chinese/English, of a running demo, to docs/img/.

Starts a demo of its own on free ports, plays the story so that the pages have something to show, and takes
the pictures with a real Chromium. Refuses where there is no Chromium or no Chinese font: a picture full of
empty boxes is worse than none.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.demo.plan import ROOT
from config.demo.story import PHONES, Phone

TARGET = ROOT / "docs" / "img"
WIDTHS = {375: 760, 1280: 800}
LANGUAGES = {"zh": "zh-hans", "en": "en"}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Demo = dict[str, Any]


class CannotPaint(Exception):
    """There is nothing to take pictures with; the message is one sentence."""


def find_chromium() -> str:
    """Return the path of a Chromium.

    :raises CannotPaint: if there is none.
    """
    for name in CHROMIUM:
        found = shutil.which(name)
        if found:
            return found
    raise CannotPaint("There is no Chromium on this machine; install it (on Debian: chromium).")


def refuse_without_chinese_font() -> None:
    """:raises CannotPaint: if no font on this machine can draw Chinese."""
    if shutil.which("fc-list") is None:
        raise CannotPaint("There is no fontconfig on this machine, so no Chinese font can be found.")
    fonts = subprocess.run(["fc-list", ":lang=zh-cn"], capture_output=True, text=True, check=False).stdout
    if not fonts.strip():
        raise CannotPaint(
            "There is no Chinese font on this machine; install one (on Debian: fonts-wqy-microhei)."
        )


@contextmanager
def running_demo(var: Path) -> Iterator[Demo]:
    """A demo of our own, its story told, stopped at the end."""
    ports = {f"DEMO_{n}_PORT": "0" for n in ("WEB", "GATEWAY", "SIMULATOR", "SANDBOX", "POSTGRES", "VALKEY")}
    var.mkdir(parents=True, exist_ok=True)
    with (var / "screenshots.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.demo", "--no-story", "--var", str(var)],
            cwd=ROOT,
            env={**os.environ, **ports, "DEMO_FSYNC": "no"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + 180
            while not (var / "demo.json").exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise CannotPaint(f"The demo did not start; see {log.name}.")
                time.sleep(0.2)
            story = [sys.executable, "-m", "config.demo.story", "--demo", str(var / "demo.json")]
            subprocess.run(story, cwd=ROOT, check=True)
            yield json.loads((var / "demo.json").read_text("utf-8"))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def pages(demo: Demo) -> dict[str, tuple[str, str]]:
    """Return the pages by name: who looks (payer, landlord, operator), and the address."""
    first = demo["landlords"][0]["id"]
    mine = [meter for meter in demo["meters"] if meter["landlord"] == first]
    lit, meter = mine[1], f"/admin/meters/meter/{mine[1]['id']}/change/"
    stock = demo.get("stock") or []
    named = {
        "qr-page": ("payer", lit["qr_url"]),
        "qr-page-fresh": ("payer", mine[0]["qr_url"]),
        "qr-unknown": ("payer", f"{demo['base_url']}/q/nobody-printed-this"),
        "order": ("payer", _order(demo, lit)),
        "order-help": ("payer", _order(demo, lit) + "/help"),
        "join": ("payer", "/join/"),
        "desk": ("landlord", "/admin/"),
        "desk-meters": ("landlord", "/admin/meters/meter/"),
        "desk-meter": ("landlord", meter),
        "desk-recharges": ("landlord", "/admin/income/recharge/"),
        "desk-payments": ("landlord", "/admin/income/payment/"),
        "desk-readings": ("landlord", "/admin/readings/reading/"),
        "desk-leases": ("landlord", "/admin/meters/lease/"),
        "desk-audit": ("landlord", "/admin/accounts/auditline/"),
        "ops": ("operator", "/ops/"),
        "ops-stock": ("operator", "/ops/meters/stockedmeter/"),
        "ops-gateways": ("operator", "/ops/meters/gateway/"),
        "ops-sessions": ("operator", "/ops/meters/presence/"),
        "ops-commands": ("operator", "/ops/meters/command/"),
        "ops-schedules": ("operator", "/ops/django_celery_beat/periodictask/"),
    }
    if stock:
        named["qr-unclaimed"] = ("payer", stock[0]["qr_url"])
    return named


def _order(demo: Demo, meter: dict[str, str]) -> str:
    body = {"amount_yuan": "50.00", "channel": "wechat"}
    order = Phone("wechat").call("POST", f"{demo['base_url']}/api/v1/q/{meter['qr_token']}/orders", body)[1]
    Phone("wechat").call("POST", f"{demo['sandbox_url']}/orders/{order['out_trade_no']}/pay", {})
    return f"{meter['qr_url']}/orders/{order['no']}"


def paint(demo: Demo, chromium: str, say: Callable[[str], None]) -> int:
    """Take every picture; returns how many."""
    from playwright.sync_api import sync_playwright

    logins = {
        "landlord": (demo["landlords"][0]["phone"], demo["landlords"][0]["password"], "/admin/"),
        "operator": (demo["operator"]["username"], demo["operator"]["password"], "/ops/"),
    }
    named = pages(demo)
    TARGET.mkdir(parents=True, exist_ok=True)
    count = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        for language, code in LANGUAGES.items():
            for width, height in WIDTHS.items():
                for who in ("payer", "landlord", "operator"):
                    context = browser.new_context(
                        viewport={"width": width, "height": height},
                        locale="zh-CN" if language == "zh" else "en-US",
                        user_agent=PHONES["wechat"] if who == "payer" and width == 375 else None,
                    )
                    context.add_cookies([{"name": "django_language", "value": code, "url": demo["base_url"]}])
                    page = context.new_page()
                    if who in logins:
                        username, password, door = logins[who]
                        page.goto(demo["base_url"] + door)
                        page.fill("input[name=username]", username)
                        page.fill("input[name=password]", password)
                        page.click("button[type=submit]")
                        page.wait_for_load_state()
                    for name, (looker, address) in named.items():
                        if looker != who:
                            continue
                        url = address if re.match(r"https?:", address) else demo["base_url"] + address
                        page.goto(url)
                        page.wait_for_timeout(400)
                        page.screenshot(path=TARGET / f"{name}-{width}-{language}.png", full_page=True)
                        count += 1
                    context.close()
                say(f"{width} px, {language}: done")
        browser.close()
    # The two that README shows.
    shutil.copy(TARGET / "qr-page-375-zh.png", TARGET / "qr-page.png")
    shutil.copy(TARGET / "desk-1280-zh.png", TARGET / "desk.png")
    return count


def main() -> int:
    try:
        chromium = find_chromium()
        refuse_without_chinese_font()
        with running_demo(ROOT / "var" / "screenshots") as demo:
            count = paint(demo, chromium, print)
    except CannotPaint as reason:
        print(f"screenshots: {reason}", file=sys.stderr)
        return 1
    print(f"{count} pictures are in {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
