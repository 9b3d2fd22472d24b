"""The schema is made without a warning, names every error, and its page loads nothing from elsewhere."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver

from apps.common.openapi import ERROR_CODES
from tests.api.caller import Caller
from tests.people import Street

ROOT = Path(__file__).resolve().parent.parent.parent
NOT_REST = (
    "apps/sandbox/",
    "apps/landing/desk/",
    "apps/landing/page/",
    "apps/income/platforms/",
    "apps/common/platforms.py",
    "apps/common/alipay_gateway.py",
)


def test_the_schema_is_valid_and_made_without_a_warning(tmp_path: Path) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))
    assert "openapi: 3" in (tmp_path / "schema.yml").read_text()


@pytest.fixture
def schema(db: None) -> dict[str, Any]:
    answer = Client().get("/api/v1/schema/", headers={"Accept": "application/json"})
    described: dict[str, Any] = answer.json()
    return described


def test_every_rest_route_is_described(schema: dict[str, Any]) -> None:
    described = {re.sub(r"{.*?}", "<>", path) for path in schema["paths"]}
    rest = [p for r in get_resolver().url_patterns if str(r.pattern) == "api/v1/" for p in r.url_patterns]
    routes = {"/api/v1/" + re.sub(r"<.*?>", "<>", str(pattern.pattern)) for pattern in rest}
    assert routes - described == {"/api/v1/schema/", "/api/v1/docs/", "/api/v1/<>"}


def test_money_prices_and_energy_are_text_everywhere(schema: dict[str, Any]) -> None:
    checked = 0
    for component in schema["components"]["schemas"].values():
        for name, described in component.get("properties", {}).items():
            # Pulses per kWh are a number of pulses.
            if re.search("(?<!pulses_per)_(yuan|kwh)$", name) and described.get("type") != "array":
                assert described["type"] == "string", name
                checked += 1
    assert checked > 30


def _codes_in_the_code() -> set[str]:
    codes: set[str] = set()
    for path in (ROOT / "apps").rglob("*.py"):
        if str(path.relative_to(ROOT)).startswith(NOT_REST):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            value: ast.expr | None = None
            if isinstance(node, ast.keyword) and node.arg == "code":
                value = node.value
            elif isinstance(node, ast.ClassDef):
                for line in node.body:
                    if isinstance(line, ast.Assign) and getattr(line.targets[0], "id", "") == "code":
                        value = line.value
            if isinstance(value, ast.Constant) and re.fullmatch("[a-z_]+", str(value.value)):
                codes.add(str(value.value))
    return codes


def test_every_error_code_is_listed_in_the_schema(schema: dict[str, Any]) -> None:
    missing = _codes_in_the_code() - set(ERROR_CODES)
    assert missing == set()
    assert set(schema["components"]["schemas"]["CodeEnum"]["enum"]) == set(ERROR_CODES)


def test_an_error_names_a_code_and_a_status_of_the_list(street: Street) -> None:
    li = Caller(street.li.owner)
    for answer in (
        Caller().get("meters"),
        li.get("meters/no-id"),
        li.get(f"meters/{street.wang.meter.pk}"),
        li.post("meters"),
        li.post(f"meters/{street.li.meter.pk}/power", {}),
        Caller(street.viewer).post(f"meters/{street.li.meter.pk}/read"),
        Caller(street.operator).get("meters"),
    ):
        assert ERROR_CODES[answer.body["code"]] == answer.status
        assert set(answer.body) - {"fields"} == {"type", "code", "detail"}


def test_the_page_of_the_schema_loads_nothing_from_elsewhere(db: None) -> None:
    page = Client().get("/api/v1/docs/").content.decode()
    assert "swagger-ui" in page
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page) == []


def test_the_schema_speaks_one_language_whoever_asks(schema: dict[str, Any]) -> None:
    """The usual language here is Chinese, and names of filters are translated for the desks."""
    assert re.findall("[\u4e00-\u9fff]+", json.dumps(schema, ensure_ascii=False)) == []


def test_the_type_of_an_error_leads_to_its_code_on_the_page(db: None) -> None:
    page = Client().get("/api/v1/docs/").content.decode()
    assert re.findall(r'<tr id="error-(\w+)"', page) == sorted(
        ERROR_CODES, key=lambda code: (ERROR_CODES[code], code)
    )
    assert "Phone or password is wrong." in page


def test_hours_nobody_protects_are_null_as_the_schema_says(schema: dict[str, Any], street: Street) -> None:
    shown = Caller(street.li.owner).get("landlord").body
    described = schema["components"]["schemas"]["LandlordOut"]["properties"]
    assert shown["protected_from"] is None
    assert described["protected_from"]["nullable"]
    assert shown["protected_until"] is None
    assert described["protected_until"]["nullable"]
