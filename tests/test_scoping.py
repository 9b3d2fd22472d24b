"""Nothing of Wang's is ever seen by Li, and each wall holds with the other one taken away."""

import ast
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from apps.common import scoping
from apps.common.outside import OutsideCallInScope, outside_call
from apps.common.owner import as_owner
from apps.common.scoping import ScopeError, everything, landlord_scope
from apps.common.walls import owned_models
from apps.meters.models import Meter, Room
from tests.people import Street

ROOT = Path(__file__).resolve().parent.parent


def test_the_tests_run_on_the_test_database_as_the_application(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database(), current_user, session_user")
        database, user, session_user = cursor.fetchone()
    assert database.startswith("test_")
    assert (user, session_user) == ("rm_app", "rm_app")


@pytest.mark.parametrize(
    "question",
    [
        lambda m: list(m.objects.all()),
        lambda m: m.objects.exists(),
        lambda m: m.objects.count(),
        lambda m: m.objects.first(),
        lambda m: m.objects.in_bulk(),
        lambda m: list(m.objects.iterator()),
        lambda m: m.objects.update(note="x"),
        lambda m: m.objects.all().delete(),
        lambda m: list(m.objects.filter(pk__in=m.objects.values("pk"))),
        lambda m: list(m.objects.all().union(m.objects.all())),
        lambda m: m.objects.create(serial="1"),
        lambda m: m.objects.bulk_create([m(landlord_id=None)]),
    ],
)
def test_no_question_about_an_owned_model_is_answered_outside_a_scope(street: Street, question: Any) -> None:
    with pytest.raises(ScopeError), transaction.atomic():
        question(Meter)


def test_related_rows_and_saves_obey_the_scope_too(street: Street) -> None:
    meter = street.li.meter
    with landlord_scope(street.li.landlord.pk):
        fresh = Meter.objects.get(pk=meter.pk)
    with pytest.raises(ScopeError):
        fresh.room  # noqa: B018 - a forward key loads a row
    with pytest.raises(ScopeError), transaction.atomic():
        fresh.save()
    with pytest.raises(ScopeError):
        fresh.refresh_from_db()


def test_a_landlord_sees_her_own_rows_only(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        seen = set(Meter.objects.values_list("pk", flat=True))
    assert seen == {street.li.meter.pk, street.li.vacant_meter.pk}


def test_a_foreign_row_cannot_be_made_or_saved(street: Street) -> None:
    wang_meter = street.wang.meter
    with landlord_scope(street.li.landlord.pk):
        with pytest.raises(ScopeError), transaction.atomic():
            Room.objects.create(landlord=street.wang.landlord, site_id=street.wang.room.site_id, name="9")
        with pytest.raises(ScopeError), transaction.atomic():
            wang_meter.note = "mine now"
            wang_meter.save()


def test_a_child_cannot_hang_on_a_foreign_parent(real_street: Street) -> None:
    with landlord_scope(real_street.li.landlord.pk):
        with pytest.raises(IntegrityError, match="same_landlord"), transaction.atomic():
            Room.objects.create(site_id=real_street.wang.room.site_id, name="9")


def test_a_scope_never_changes_landlord_and_never_widens(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        with pytest.raises(ScopeError), landlord_scope(street.wang.landlord.pk):
            pass
        with pytest.raises(ScopeError), everything("to see more"):
            pass
        with landlord_scope(street.li.landlord.pk):
            assert Meter.objects.count() == 2
    with everything("this test"):
        assert Meter.objects.count() == 4
        with landlord_scope(street.li.landlord.pk):
            assert Meter.objects.count() == 2
        assert Meter.objects.count() == 4
    with pytest.raises(ScopeError), landlord_scope(None):  # type: ignore[arg-type]
        pass


def _rows_by_sql(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def test_the_database_shows_no_row_without_a_scope(street: Street) -> None:
    assert _rows_by_sql("meters_meter") == 0
    with landlord_scope(street.li.landlord.pk):
        assert _rows_by_sql("meters_meter") == 2
    assert _rows_by_sql("meters_meter") == 0


def test_row_security_alone_holds_when_the_managers_condition_is_gone(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoping.InScope, "as_sql", lambda *_: ("TRUE", []))
    with landlord_scope(street.li.landlord.pk):
        assert set(Meter.objects.values_list("landlord_id", flat=True)) == {street.li.landlord.pk}
        assert Meter.objects.filter(pk=street.wang.meter.pk).update(note="x") == 0


def test_the_manager_alone_holds_when_row_security_is_off(real_street: Street) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE meters_meter DISABLE ROW LEVEL SECURITY")
    try:
        assert _rows_by_sql("meters_meter") == 4
        with landlord_scope(real_street.li.landlord.pk):
            assert set(Meter.objects.values_list("landlord_id", flat=True)) == {real_street.li.landlord.pk}
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE meters_meter ENABLE ROW LEVEL SECURITY")


def test_a_scope_that_fails_rolls_back_and_leaves_no_trace(real_street: Street) -> None:
    with pytest.raises(RuntimeError), landlord_scope(real_street.li.landlord.pk):
        Meter.objects.filter(pk=real_street.li.meter.pk).update(note="half done")
        raise RuntimeError
    assert _rows_by_sql("meters_meter") == 0
    with landlord_scope(real_street.li.landlord.pk):
        assert Meter.objects.get(pk=real_street.li.meter.pk).note == ""


def test_no_platform_is_called_inside_a_scope(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk), pytest.raises(OutsideCallInScope), outside_call("wechat"):
        pass
    with everything("this test"), pytest.raises(OutsideCallInScope), outside_call("alipay"):
        pass
    with outside_call("wechat"):
        pass


def test_the_applications_login_can_define_nothing(db: None) -> None:
    for statement in (
        "ALTER TABLE meters_meter DISABLE ROW LEVEL SECURITY",
        "TRUNCATE meters_meter",
        "CREATE TABLE loot (id int)",
        "SET ROLE rm_owner",
        "DROP POLICY landlord ON meters_meter",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.parametrize(
    "table",
    ["income_entry", "income_posting", "accounts_auditline", "meters_commandevent", "meters_stockevent"],
)
def test_what_is_written_once_cannot_be_changed_or_removed(db: None, table: str) -> None:
    for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
        with pytest.raises(DatabaseError, match="permission denied"):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)


def test_every_owned_table_has_its_wall_its_index_and_its_composite_keys(db: None) -> None:
    owned = {m._meta.db_table for m in owned_models()}
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
                      (SELECT array_agg(polname::text ORDER BY polname) FROM pg_policy p
                          WHERE p.polrelid = c.oid AND polqual IS NOT NULL AND polwithcheck IS NOT NULL),
                      EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid
                          AND a.attnum = i.indkey[0] WHERE i.indrelid = c.oid AND a.attname = 'landlord_id')
               FROM pg_class c JOIN pg_attribute l ON l.attrelid = c.oid AND l.attname = 'landlord_id'
               WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"""
        )
        tables = {row[0]: row[1:] for row in cursor.fetchall()}
        cursor.execute(
            """SELECT conrelid::regclass::text, confrelid::regclass::text, conname,
                      (SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = conrelid
                          AND attnum = ANY (conkey))
               FROM pg_constraint WHERE contype = 'f'"""
        )
        keys = cursor.fetchall()
    assert owned <= set(tables)
    for table in owned:
        assert tables[table] == (True, True, ["everything", "landlord"], True), table
    for child, parent, name, columns in keys:
        if child in owned and parent in owned:
            assert "landlord_id" in columns, name


def test_a_month_of_readings_is_reached_through_its_parent_only(street: Street) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity
               FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = 'readings_reading'::regclass"""
        )
        months = dict(cursor.fetchall())
        cursor.execute(
            "SELECT count(*) FROM pg_partitioned_table WHERE partrelid = 'readings_reading'::regclass"
            " AND partdefid = 0"
        )
        assert cursor.fetchone() == (1,), "what fits no month is refused, not kept where nobody looks"
    assert len(months) >= 5
    assert all(months.values())
    for statement in (f"SELECT * FROM {name}" for name in months):
        for scope in (landlord_scope(street.li.landlord.pk), everything("this test")):
            with pytest.raises(DatabaseError, match="permission denied"):
                with scope, connection.cursor() as cursor:
                    cursor.execute(statement)


def _places_that_say_everything() -> set[str]:
    places = set()
    for path in [*(ROOT / "apps").rglob("*.py"), *(ROOT / "config").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name == "everything":
                    places.add(str(path.relative_to(ROOT)))
    return places


# Every place that looks over both walls, with its reason. A place nobody uses any more fails too.
EVERYTHING = {
    "apps/alerts/sweeping.py": "which landlords have messages to send, a meter on hold, or a phone given up",
    "apps/accounts/chain.py": "which landlords have audit lines without a seal",
    "apps/accounts/middleware.py": "the operator's desk",
    "apps/landing/desk/operator_accounts.py": "the operator finishes a set-up for whichever landlord",
    "apps/income/management/commands/frozen.py": "lists frozen meters and finds one by its serial, whoever owns it",
    "apps/income/management/commands/prove_meters.py": "names the meters that differ, whoever owns them",
    "apps/income/services/proving.py": "the daily proof compares every landlord's meters",
    "apps/income/services/bills.py": "whose daily bills are due",
    "apps/income/sweeping.py": "which landlords have payments to poll or recharges to settle",
    "apps/meters/services/schedules.py": "which landlords' meters are due for a reading",
    "apps/meters/sweeping.py": "which landlords have a meter whose turn is due",
    "apps/readings/daily.py": "which landlords' meters have days to close",
    "apps/readings/months.py": "months of readings are made for all landlords",
    "apps/readings/sweeping.py": "which landlords' meters answered lately",
}


def test_every_place_that_looks_over_both_walls_is_known_with_its_reason() -> None:
    assert _places_that_say_everything() == set(EVERYTHING)


def test_nothing_goes_around_the_walls_with_sql_of_its_own() -> None:
    allowed = {
        "apps/accounts/doors.py",
        "apps/common/scoping.py",
        "apps/common/startup.py",
        "apps/landing/health.py",
        "apps/readings/months.py",
    }
    for path in (ROOT / "apps").rglob("*.py"):
        place = str(path.relative_to(ROOT))
        if place in allowed or "/migrations/" in place:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"raw", "extra", "RawSQL"}, place
                assert not (node.attr == "cursor" and getattr(node.value, "id", "") == "connection"), place
