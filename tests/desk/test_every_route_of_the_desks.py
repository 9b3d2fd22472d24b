"""No page of either desk is forgotten: each asks who comes, whatever it is and whatever is sent to it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver

from apps.landing.desk.sites import landlord_site, operator_site
from tests.people import Street

# tests/routes.py asks the same pages by kind of person in the default run.
pytestmark = pytest.mark.thorough

OPEN_TO_ALL = {"login", "language"}


def patterns(resolver: Any, prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern.url_patterns, path)
        else:
            yield path, pattern


def pages(site: Any, prefix: str, key: str) -> list[str]:
    """The address of each page that is not open to all, with `key` for whatever it names."""
    found = []
    for path, pattern in patterns(site.get_urls(), prefix):
        if pattern.name not in OPEN_TO_ALL:
            plain = re.sub(r"\^\(\?P<app_label>(\w+)[^)]*\)/\$", r"\1/", path)
            found.append("/" + re.sub(r"<\w+:\w+>", key, plain))
    return found


@pytest.mark.parametrize("who", ["nobody", "renter", "operator"])
def test_no_page_of_a_landlords_desk_opens_for_who_works_for_none(street: Street, who: str) -> None:
    client = Client(raise_request_exception=False)
    if who != "nobody":
        client.force_login(street.sun.user if who == "renter" else street.operator)
    asked = pages(landlord_site, "admin/", str(street.li.meter.pk))
    assert len(asked) > 60
    for address in asked:
        for method in (client.get, client.post):
            answer = method(address)
            assert answer.status_code == 302, address
            assert answer.headers["Location"].startswith(("/admin/login/", "/admin/")), address
            assert answer.content == b"", address


@pytest.mark.parametrize("who", ["nobody", "renter", "landlord"])
def test_no_page_of_the_operators_desk_opens_for_anybody_else(street: Street, who: str) -> None:
    client = Client(raise_request_exception=False)
    if who != "nobody":
        client.force_login(street.sun.user if who == "renter" else street.li.owner)
    asked = pages(operator_site, "ops/", str(street.li.meter.pk))
    assert len(asked) > 70
    for address in asked:
        for method in (client.get, client.post):
            answer = method(address)
            assert answer.status_code == 302, address
            assert answer.headers["Location"].startswith("/ops/"), address
            assert answer.content == b"", address


def test_every_page_answers_its_own_people_without_a_fault(street: Street) -> None:
    for site, prefix, user in (
        (landlord_site, "admin/", street.li.owner),
        (operator_site, "ops/", street.operator),
    ):
        client = Client(raise_request_exception=False)
        client.force_login(user)
        for key in (str(street.li.meter.pk), "nonsense"):
            for address in pages(site, prefix, key):
                if not address.endswith("/logout/"):
                    assert client.get(address).status_code in (200, 302, 403, 404), address


def test_no_page_takes_another_method_than_it_shows(street: Street) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(street.li.owner)
    for address in pages(landlord_site, "admin/", str(street.li.meter.pk)):
        for method in (client.put, client.patch, client.delete):
            assert method(address).status_code == 405, address
