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
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import requests

from config.demo.plan import ROOT
from config.demo.scene import held_meter, set_the_scene
from config.demo.story import PHONES, Phone

TARGET = ROOT / "docs" / "img"
WIDTHS = {375: 760, 1280: 800}
ACCOUNTS = "/admin/income/collectionaccount/"
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
            env={**os.environ, **ports, "DEMO_FSYNC": "no", **_messages_in(var)},
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
            demo = json.loads((var / "demo.json").read_text("utf-8"))
            set_the_scene(demo, var, datetime.now(ZoneInfo("Asia/Shanghai")).date())
            yield demo
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def _messages_in(var: Path) -> dict[str, str]:
    """Messages to phones go into a file, out of which the renter's code is read."""
    outbox = var / "sms.jsonl"
    outbox.unlink(missing_ok=True)
    return {"SMS_BACKEND": "apps.accounts.messaging.FileBackend", "SMS_OUTBOX": str(outbox)}


def pages(demo: Demo) -> dict[str, tuple[str, str]]:
    """Return the pages by name: who looks (payer, renter, landlord, operator), and the address."""
    first = demo["landlords"][0]["id"]
    mine = [meter for meter in demo["meters"] if meter["landlord"] == first]
    lit, meter = mine[1], f"/admin/meters/meter/{mine[1]['id']}/change/"
    held = held_meter(demo)["id"]
    stock = demo.get("stock") or []
    order = _order(demo, lit)
    named = {
        "qr-page": ("payer", lit["qr_url"]),
        "qr-page-fresh": ("payer", mine[0]["qr_url"]),
        "qr-unknown": ("payer", f"{demo['base_url']}/q/nobody-printed-this"),
        "order": ("payer", order),
        "order-help": ("payer", f"{order}/help"),
        "receipt": ("payer", f"{order}/receipt"),
        "qr-use": ("renter", f"{lit['qr_url']}/use"),
        "qr-warning": ("renter", f"{lit['qr_url']}/warning"),
        "qr-mine": ("renter", f"{lit['qr_url']}/mine"),
        "my": ("renter", "/my/"),
        "qr-enter": ("payer", f"{lit['qr_url']}/enter"),
        "qr-recent": ("payer", f"{lit['qr_url']}/recent"),
        "join-login": ("payer", "/join/login"),
        "join-claim": ("landlord", "/join/claim"),
        "join-claimed": ("landlord", f"/join/claimed/{lit['qr_token']}"),
        "join": ("payer", "/join/"),
        "desk": ("landlord", "/admin/"),
        "desk-meters": ("landlord", "/admin/meters/meter/"),
        "desk-meter": ("landlord", meter),
        "desk-recharges": ("landlord", "/admin/income/recharge/"),
        "desk-payments": ("landlord", "/admin/income/payment/"),
        "desk-readings": ("landlord", "/admin/readings/reading/"),
        "desk-leases": ("landlord", "/admin/meters/lease/"),
        "desk-recharge": ("landlord", meter.replace("change", "recharge")),
        "desk-price": ("landlord", meter.replace("change", "price")),
        "desk-power-off": ("landlord", meter.replace("change", "power-off")),
        "desk-lease": ("landlord", meter.replace("change", "lease")),
        "desk-share": ("landlord", meter.replace("change", "share")),
        "desk-remove": ("landlord", meter.replace("change", "remove")),
        "desk-meter-frozen": ("landlord", f"/admin/meters/meter/{held}/change/"),
        "desk-reconciliation": ("landlord", "/admin/income/billday/"),
        "desk-payment": ("landlord", f"/admin/income/payment/{_payment(demo)}/change/"),
        "desk-audit": ("landlord", "/admin/accounts/auditline/"),
        "desk-settings": ("landlord", "/admin/settings/"),
        "desk-members": ("landlord", "/admin/members/"),
        "desk-member-add": ("landlord", "/admin/members/add/"),
        "desk-phone": ("landlord", "/admin/phone/"),
        "desk-alerts": ("landlord", "/admin/alerts/alert/"),
        "desk-accounts": ("landlord", ACCOUNTS),
        "desk-account": ("landlord", f"{ACCOUNTS}{_account(demo)}/change/"),
        "desk-account-close": ("landlord", f"{ACCOUNTS}{_account(demo)}/close/"),
        "desk-account-ways": ("landlord", f"{ACCOUNTS}set-up/"),
        "desk-account-s1-wechat": ("landlord", f"{ACCOUNTS}set-up/S1/wechat/"),
        "desk-account-s1-alipay": ("landlord", f"{ACCOUNTS}set-up/S1/alipay/"),
        "desk-account-s2": ("landlord", f"{ACCOUNTS}set-up/S2/wechat/"),
        "desk-account-s3": ("landlord", f"{ACCOUNTS}set-up/S3/alipay/"),
        "desk-transfers": ("landlord", "/admin/income/settlement/"),
        "ops-accounts": ("operator", "/ops/income/collectionaccount/"),
        "ops-account": ("operator", f"/ops/income/collectionaccount/{_account(demo)}/change/"),
        "ops-landlord": ("operator", f"/ops/accounts/landlord/{first}/change/"),
        "ops": ("operator", "/ops/"),
        "ops-queues": ("operator", "/ops/queues/"),
        "ops-proofs": ("operator", "/ops/proofs/"),
        "ops-frozen": ("operator", f"/ops/meters/meter/{held}/ways/"),
        "ops-frozen-way": ("operator", f"/ops/meters/meter/{held}/ways/import/"),
        "ops-runbook": ("operator", "/ops/runbook/"),
        "ops-reconciliation": ("operator", "/ops/income/billday/"),
        "ops-stock-in": ("operator", "/ops/meters/stockedmeter/import/"),
        "ops-stock": ("operator", "/ops/meters/stockedmeter/"),
        "ops-gateways": ("operator", "/ops/meters/gateway/"),
        "ops-sessions": ("operator", "/ops/meters/presence/"),
        "ops-commands": ("operator", "/ops/meters/command/"),
        "ops-schedules": ("operator", "/ops/django_celery_beat/periodictask/"),
    }
    if stock:
        named["qr-unclaimed"] = ("payer", stock[0]["qr_url"])
    return named


def papers(demo: Demo) -> dict[str, str]:
    """Return what is printed, by name: the addresses of PDFs."""
    return {
        "paper-labels": "/api/v1/meters/labels.pdf",
        "paper-receipt": f"/api/v1/payments/{_payment(demo)}/receipt.pdf",
    }


def _account(demo: Demo) -> str:
    """The newest collection account of the first landlord."""
    return str(_asked(demo, "collection-accounts")["results"][0]["id"])


def _payment(demo: Demo) -> str:
    """The newest payment of the first landlord."""
    paid = _asked(demo, "income/payments?state=paid") or _asked(demo, "income/payments")
    return str(paid["results"][0]["id"])


def _asked(demo: Demo, what: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {demo['landlords'][0]['token']}"}
    answer = requests.get(f"{demo['base_url']}/api/v1/{what}", headers=headers, timeout=10)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


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
        renter = _renters_cookies(browser, demo)
        for language, code in LANGUAGES.items():
            for width, height in WIDTHS.items():
                for who in ("payer", "renter", "landlord", "operator"):
                    context = browser.new_context(
                        viewport={"width": width, "height": height},
                        locale="zh-CN" if language == "zh" else "en-US",
                        user_agent=PHONES["wechat"] if who == "payer" and width == 375 else None,
                    )
                    context.add_cookies([{"name": "django_language", "value": code, "url": demo["base_url"]}])
                    if who == "renter":
                        context.add_cookies(renter)
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
                    if who == "landlord" and width == 1280:
                        for name, address in papers(demo).items():
                            _print(
                                context.request.get(demo["base_url"] + address).body(), f"{name}-{language}"
                            )
                            count += 1
                    context.close()
                say(f"{width} px, {language}: done")
        browser.close()
    # The two that README shows.
    shutil.copy(TARGET / "qr-page-375-zh.png", TARGET / "qr-page.png")
    shutil.copy(TARGET / "desk-1280-zh.png", TARGET / "desk.png")
    return count


def _renters_cookies(browser: Any, demo: Demo) -> list[Any]:
    """Log the renter of the second meter in by the code on her phone, once; returns her browser's cookies."""
    first = demo["landlords"][0]["id"]
    lit = [meter for meter in demo["meters"] if meter["landlord"] == first][1]
    [phone] = {
        lease["renter_phone"]
        for lease in _asked(demo, "leases")["results"]
        if lease["meter"] == lit["id"] and lease["ends_at"] is None
    }
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{lit['qr_url']}/enter")
    page.fill("input[name=phone]", phone)
    page.click("button.main")
    page.wait_for_selector("input[name=code]")
    sent = (ROOT / "var" / "screenshots" / "sms.jsonl").read_text("utf-8").splitlines()
    text = next(message["text"] for message in map(json.loads, reversed(sent)) if message["phone"] == phone)
    page.fill("input[name=code]", re.findall(r"\b\d{6}\b", text)[0])
    page.click("button.main")
    page.wait_for_url("**/mine")
    cookies = [each for each in context.cookies() if each["name"] != "django_language"]
    context.close()
    return cookies


def _print(file: bytes, name: str) -> None:
    """Draw the first page of a PDF as a printer would."""
    import pypdfium2

    with pypdfium2.PdfDocument(file) as document:
        document[0].render(scale=1.5).to_pil().save(TARGET / f"{name}.png")


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
