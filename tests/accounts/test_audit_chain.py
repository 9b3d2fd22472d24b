"""The audit's chain names the first line that was edited, taken out or moved; the owner himself cannot hide it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from apps.accounts import audit, chain
from apps.accounts.models import AuditLine, AuditSeal
from apps.common.scoping import landlord_scope
from tests.people import NOON, House, Street

LATER = NOON + timedelta(hours=1)


@contextmanager
def superuser() -> Iterator[psycopg.Connection]:
    """Who may do everything to a table: past walls, grants and triggers."""
    url = os.environ["RENTMETER_TEST_SUPERUSER_URL"]
    with psycopg.connect(url, dbname=connection.settings_dict["NAME"], autocommit=True) as session:
        session.execute("SET session_replication_role = replica")
        yield session


def _acts(house: House, count: int) -> None:
    with landlord_scope(house.landlord.pk):
        for number in range(count):
            audit.record("meter.change", on=house.meter, by_id=house.owner.pk, now=LATER, number=number)


def _broken(house: House) -> str:
    with landlord_scope(house.landlord.pk):
        return chain.first_break()


def _line(house: House, number: int) -> AuditLine:
    with landlord_scope(house.landlord.pk):
        return AuditLine.objects.get(facts__number=str(number))


def test_each_edit_deletion_and_reorder_is_named_and_the_other_landlord_is_untouched(
    real_street: Street,
) -> None:
    li, wang = real_street.li, real_street.wang
    _acts(li, 5)
    _acts(wang, 2)
    assert chain.seal(LATER) >= 7
    assert chain.seal(LATER) == 0
    assert (_broken(li), _broken(wang)) == ("", "")
    second, third = str(_line(li, 2).pk), str(_line(li, 3).pk)
    places = "UPDATE accounts_auditseal SET place = place"
    wrongs = {
        "an edited fact": f"UPDATE accounts_auditline SET facts = '{{\"number\": \"9\"}}' WHERE id = '{second}'",
        "another person": f"UPDATE accounts_auditline SET by_id = NULL WHERE id = '{second}'",
        "a line taken out": f"DELETE FROM accounts_auditline WHERE id = '{second}'",
        "a seal taken out": f"DELETE FROM accounts_auditseal WHERE line_id = '{second}'",
        "two that changed places": (
            f"{places} + 1000 WHERE line_id = '{second}'; {places} - 1 WHERE line_id = '{third}'; "
            f"{places} - 999 WHERE line_id = '{second}'"
        ),
    }
    for words, statement in wrongs.items():
        with superuser() as session:
            session.execute("CREATE TEMP TABLE lines AS TABLE accounts_auditline")
            session.execute("CREATE TEMP TABLE seals AS TABLE accounts_auditseal")
            session.execute(statement)
            assert any(line in _broken(li) for line in (second, third)), words
            assert _broken(wang) == "", words
            for table, kept in (("accounts_auditline", "lines"), ("accounts_auditseal", "seals")):
                session.execute(f"DELETE FROM {table}")
                session.execute(f"INSERT INTO {table} TABLE {kept}")
        assert _broken(li) == "", words


def test_the_command_says_which_line_and_ends_with_an_error(real_street: Street) -> None:
    li = real_street.li
    _acts(li, 3)
    said = StringIO()
    call_command("check_audit", stdout=said)
    assert "The audit holds" in said.getvalue()
    line = _line(li, 1)
    with superuser() as session:
        session.execute("UPDATE accounts_auditline SET act = 'meter.read' WHERE id = %s", [line.pk])
    said = StringIO()
    with pytest.raises(CommandError, match="audit of 1 landlord"):
        call_command("check_audit", stdout=said)
    assert str(line.pk) in said.getvalue()
    assert "Li Rooms" in said.getvalue()


def test_a_line_written_after_a_seal_goes_behind_it(real_street: Street) -> None:
    li = real_street.li
    for _ in range(3):
        _acts(li, 1)
        chain.seal(LATER)
    with landlord_scope(li.landlord.pk):
        places = list(AuditSeal.objects.order_by("place").values_list("place", flat=True))
        assert places == list(range(1, AuditLine.objects.count() + 1))
    assert _broken(li) == ""


def test_our_own_login_can_neither_change_nor_remove_a_seal(real_street: Street) -> None:
    _acts(real_street.li, 1)
    chain.seal(LATER)
    with landlord_scope(real_street.li.landlord.pk):
        for change in (lambda: AuditSeal.objects.update(link="0"), lambda: AuditSeal.objects.all().delete()):
            with pytest.raises(DatabaseError), transaction.atomic():
                change()
