"""What can be wrong on somebody's machine is said in one sentence, and nothing is left running."""

import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from config.demo.__main__ import main
from tests.demo.conftest import ROOT, DemoRuns, processes_in

pytestmark = pytest.mark.system

Refusal = Callable[..., str]


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def refusal(
    var: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], no_servers_of_ours: None
) -> Refusal:
    """Run a demo that must refuse; return its one sentence, after checking that nothing is left of it."""

    def run(*arguments: str, **environment: str) -> str:
        monkeypatch.chdir(ROOT)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        handler = signal.getsignal(signal.SIGTERM)
        assert main(["--var", str(var), *(arguments or ("--only", "db,broker"))]) == 1
        complaint = capfd.readouterr().err
        assert complaint.startswith("demo: ")
        assert complaint.count("\n") == 1
        assert processes_in(var) == {}
        assert signal.getsignal(signal.SIGTERM) is handler
        return complaint

    return run


@pytest.mark.parametrize("role", ["postgres", "valkey"])
def test_a_taken_port_is_named_with_its_variable_and_its_process(
    refusal: Refusal, var: Path, role: str
) -> None:
    variable = f"DEMO_{role.upper()}_PORT"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        complaint = refusal(**{variable: port})
    assert port in complaint
    assert variable in complaint
    assert f"'{role}'" in complaint
    assert not (var / "postgres").exists()


def test_a_taken_web_port_stops_the_whole_demo_before_it_starts(refusal: Refusal, var: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        complaint = refusal("--once", DEMO_WEB_PORT=str(taken.getsockname()[1]))
    assert "DEMO_WEB_PORT" in complaint
    assert not (var / "postgres").exists()


@pytest.mark.parametrize("port", ["eighty", "-1", "65536"])
def test_a_port_that_is_none_is_refused(refusal: Refusal, port: str) -> None:
    assert "DEMO_WEB_PORT" in refusal(DEMO_WEB_PORT=port)


@pytest.mark.parametrize(
    ("override", "way_out"),
    [("RENTMETER_POSTGRES_BIN", "DATABASE_URL"), ("RENTMETER_VALKEY_BIN", "BROKER_URL")],
)
def test_a_missing_server_names_the_variable_that_replaces_it(
    refusal: Refusal, tmp_path: Path, override: str, way_out: str
) -> None:
    assert way_out in refusal(**{override: str(tmp_path / "nothing")})


def test_a_data_directory_that_is_not_whole_is_never_taken_for_data(refusal: Refusal, var: Path) -> None:
    data = var / "postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    assert str(data) in refusal()


@pytest.mark.parametrize("garbage", ["", "{", "[]", '{"app_password": 5}'])
def test_data_without_their_passwords_are_not_overwritten(refusal: Refusal, var: Path, garbage: str) -> None:
    data = var / "postgres"
    (data / "global").mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    (data / "global" / "pg_control").write_bytes(b"\0" * 8192)
    (var / "secrets.json").write_text(garbage)
    assert "secrets.json" in refusal()
    assert (data / "PG_VERSION").exists()


@pytest.mark.parametrize("url", ["mysql://127.0.0.1/rentmeter", "postgresql://127.0.0.1:port/r", "rentmeter"])
def test_a_database_url_that_is_none_is_refused(refusal: Refusal, url: str) -> None:
    assert "DATABASE_URL" in refusal(DATABASE_URL=url, OWNER_DATABASE_URL=url)


def test_one_login_without_the_other_is_refused(refusal: Refusal) -> None:
    assert "together" in refusal(OWNER_DATABASE_URL="postgresql://rm_owner@127.0.0.1:1/rentmeter")


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://127.0.0.1:port/0", "http://127.0.0.1/"])
def test_a_wrong_broker_url_is_refused_before_anything_starts(refusal: Refusal, var: Path, url: str) -> None:
    assert "BROKER_URL" in refusal(BROKER_URL=url)
    assert not (var / "postgres").exists()


def test_a_wrong_database_url_ends_the_command_with_one_sentence_and_status_1(demos: DemoRuns) -> None:
    url = "postgresql://rm_app:secret-word@127.0.0.1:1/rentmeter"
    process = demos.start("--once", DATABASE_URL=url, OWNER_DATABASE_URL=url)
    progress, complaint = process.communicate(timeout=20)
    assert process.returncode == 1
    assert progress == ""
    assert complaint.startswith("demo: DATABASE_URL")
    assert complaint.count("\n") == 1
    assert "secret-word" not in complaint
    assert processes_in(demos.var) == {}
