"""The screens of the first day keep the page's promises: small, from nobody else, no script but their own files."""

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.people import Street

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates" / "join").glob("*.html"))
STATIC = sorted((ROOT / "static" / "join").iterdir())
SHARED = sorted((ROOT / "static" / "landing").iterdir())
SCREENS = ["/join/", "/join/account", "/join/login", "/join/claim", "/join/claimed/{token}"]
BUDGET_BYTES = 60_000


@pytest.fixture(params=SCREENS)
def screen(request: Any, client: Client, street: Street) -> Any:
    address = request.param.format(token=street.li.meter.qr_token)
    if "claim" in address:
        client.force_login(street.li.owner, backend="apps.accounts.backends.LoginBackend")
    else:
        client.post("/join/", {"phone": "13812345678"})
    answer = client.get(address)
    assert answer.status_code == 200
    return answer


def test_each_screen_stays_under_sixty_kilobytes(screen: Any) -> None:
    files = b"".join(gzip.compress(file.read_bytes()) for file in (*STATIC, *SHARED))
    assert 2_000 < len(gzip.compress(screen.content) + files) < BUDGET_BYTES


def test_each_screen_loads_only_our_own_files_under_the_strict_policy(screen: Any, settings: Any) -> None:
    loaded = re.findall(r"""(?:src|<link[^>]+href)="([^"]+)\"""", screen.content.decode())
    assert all(address.startswith(("/static/", "/join/", "data:,")) for address in loaded)
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in screen["Content-Security-Policy"]
    assert "no-store" in screen["Cache-Control"]


def test_every_form_carries_its_token_against_forgery(screen: Any) -> None:
    text = screen.content.decode()
    assert text.count("<form") == text.count("csrfmiddlewaretoken")


def test_a_form_from_elsewhere_is_refused(street: Street) -> None:
    strict = Client(enforce_csrf_checks=True)
    for address in ("/join/", "/join/account", "/join/login", "/join/claim"):
        assert strict.post(address, {"phone": "13812345678"}).status_code == 403


@pytest.mark.parametrize("file", [*TEMPLATES, *STATIC], ids=lambda file: file.name)
def test_no_file_names_another_host_or_holds_a_script(file: Path) -> None:
    text = file.read_text("utf-8")
    assert not re.search(r"https?://|url\(|@import|[\"'(]//", text)
    if file.suffix == ".html":
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text)
