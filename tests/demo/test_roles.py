"""The roles as the database itself sees them, on the servers that the test run uses."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.demo.testing import TestServers, start_test_servers
from config.roles import psql_script
from tests.demo.conftest import processes_in

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def servers(var: Path) -> Iterator[TestServers]:
    started = start_test_servers(var)
    yield started
    started.stop()


def test_the_app_owns_nothing_and_may_not_become_the_owner(servers: TestServers) -> None:
    with psycopg.connect(servers.app_url, autocommit=True) as app:
        for forbidden in (
            "CREATE TABLE public.mine (id int)",
            "CREATE SCHEMA mine",
            "CREATE DATABASE mine",
            "CREATE ROLE mine",
            "SET ROLE rm_owner",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(forbidden)


@pytest.mark.parametrize("login", ["rm_app", "rm_owner"])
def test_everything_is_a_role_to_switch_to_and_never_inherited(servers: TestServers, login: str) -> None:
    url = servers.app_url if login == "rm_app" else servers.owner_url
    with psycopg.connect(url) as connection:
        flags = connection.execute(
            "SELECT current_user, pg_has_role('rm_everything', 'USAGE'), rolsuper OR rolbypassrls"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert flags == (login, False, False)
        connection.execute("SELECT set_config('role', 'rm_everything', true)")
        assert connection.execute("SELECT current_user").fetchone() == ("rm_everything",)


def test_the_owner_may_make_test_databases_with_the_extensions_it_needs(servers: TestServers) -> None:
    with psycopg.connect(servers.owner_url, autocommit=True) as owner:
        owner.execute("CREATE DATABASE test_roles")
        owner.execute("CREATE EXTENSION btree_gist")
        owner.execute("DROP EXTENSION btree_gist")
        owner.execute("DROP DATABASE test_roles")


def test_a_wrong_password_is_refused(servers: TestServers) -> None:
    password = servers.app_url.split(":")[2].split("@")[0]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(servers.app_url.replace(password, "wrong"))


def test_a_run_beside_another_gets_servers_of_its_own_and_finds_its_data_again(
    servers: TestServers, var: Path
) -> None:
    beside = start_test_servers(var)
    assert beside.owner_url.split("@")[1] != servers.owner_url.split("@")[1]
    with psycopg.connect(beside.owner_url) as owner:
        owner.execute("CREATE TABLE kept ()")
    beside.stop()
    beside.stop()
    assert processes_in(var / "test-2") == {}
    again = start_test_servers(var)
    with psycopg.connect(again.owner_url) as owner:
        owner.execute("SELECT FROM kept")
    again.stop()


@pytest.mark.parametrize(("server_major", "says"), [(15, False), (16, True)])
def test_the_printed_script_names_no_password_and_knows_its_server(server_major: int, says: bool) -> None:
    script = psql_script(server_major=server_major)
    assert "PASSWORD" not in script
    assert script.count("\\password") == 2
    assert ("INHERIT FALSE" in script) is says
