"""The page loads little, loads nothing from elsewhere, and lets no script in but its own file."""

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import override

from apps.income.states import Channel
from tests.landing import scene
from tests.people import Street

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates" / "landing").glob("*.html"))
STATIC = sorted((ROOT / "static" / "landing").iterdir())
BUDGET_BYTES = 60_000


@pytest.fixture
def page(client: Client, street: Street, book: dict[str, Any], sandbox: str, now: Any) -> Any:
    scene.takes_payments(street.li, book, "li", Channel.WECHAT, Channel.ALIPAY, at=now)
    scene.used_a_day(street.li, kwh="5.10", at=now)
    return client.get(f"/q/{street.li.meter.qr_token}")


def test_page_style_and_script_together_stay_under_sixty_kilobytes(page: Any) -> None:
    sent = gzip.compress(page.content) + b"".join(gzip.compress(file.read_bytes()) for file in STATIC)
    assert 2_000 < len(sent) < BUDGET_BYTES


def test_the_page_asks_for_no_file_but_its_style_and_script(page: Any) -> None:
    loaded = re.findall(r"""(?:src|<link[^>]+href)="([^"]+)\"""", page.content.decode())
    assert sorted(loaded) == ["/static/landing/page.css", "/static/landing/page.js", "data:,"]


@pytest.mark.parametrize("file", [*TEMPLATES, *STATIC], ids=lambda file: file.name)
def test_no_file_of_the_page_names_another_host(file: Path) -> None:
    text = file.read_text("utf-8")
    assert not re.search(r"https?://|url\(|@import|[\"'(]//", text)


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_no_template_holds_a_script_a_style_or_an_event(file: Path) -> None:
    text = file.read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text)


def test_the_policy_names_the_pretend_platforms_only_where_they_are_in_use(
    client: Client, street: Street, settings: Any
) -> None:
    address = f"/q/{street.li.meter.qr_token}"
    strict = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    settings.SANDBOX_URL = ""
    assert client.get(address)["Content-Security-Policy"] == strict
    assert client.get("/q/unknown")["Content-Security-Policy"] == strict
    settings.SANDBOX_URL = "http://127.0.0.1:6452/"
    allowed = client.get(address)["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:6452;" in allowed


def test_a_balance_is_kept_in_no_cache(page: Any) -> None:
    assert "no-store" in page["Cache-Control"]


def test_every_word_of_the_page_is_there_in_chinese(client: Client, page: Any) -> None:
    with override("zh-hans"):
        text = re.sub(r"<[^>]+>|WeChat|Li Court|L\*\*|3 302", " ", page.content.decode())
    assert not re.search(r"[A-Za-z]{3,}", text.replace("RentMeter", "")), re.findall(r"[A-Za-z ]{3,}", text)
