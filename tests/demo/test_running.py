"""The demo's servers keep their data, come back when killed, and go when the demo goes, however it goes."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from config.demo.lock import lock_for_demo
from config.demo.processes import CannotStart, RunsAs, launched
from tests.demo.conftest import ROOT, DemoRuns, processes_in, wait_until

pytestmark = pytest.mark.system


def test_data_survive_a_stop_and_every_stop_leaves_no_process(demos: DemoRuns) -> None:
    half_made = demos.var / "postgres.half-made"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    (demos.var / "secrets.json").write_text("{")

    first = demos.start_servers()
    assert stat.S_IMODE((demos.var / "secrets.json").stat().st_mode) == 0o600
    with as_login(demos, "rm_owner") as owner:
        owner.execute("CREATE TABLE kept AS SELECT 17 AS row")
    assert demos.end(first, signal.SIGTERM) == 0
    assert processes_in(demos.var) == {}
    assert not demos.is_described()
    assert not half_made.exists()

    second = demos.start_servers()
    with as_login(demos, "rm_owner") as owner:
        assert owner.execute("SELECT row FROM kept").fetchone() == (17,)
    assert demos.end(second, signal.SIGINT) == 0
    assert processes_in(demos.var) == {}


def test_a_killed_demo_leaves_no_process_and_the_next_one_starts_at_once(demos: DemoRuns) -> None:
    killed = demos.start_servers()
    demos.end(killed, signal.SIGKILL)
    (demos.var / "demo.json").unlink()
    demos.start_servers()
    pids = set(demos.pids().values())
    assert not pids & {killed.pid}
    assert demos.end(demos.running[0], signal.SIGKILL) == -signal.SIGKILL
    wait_until(lambda: not processes_in(demos.var))


def test_a_killed_server_is_started_again_and_named_in_the_file(serving: DemoRuns) -> None:
    before = serving.pids()
    for name in ("valkey", "postgres"):
        os.kill(before[name], signal.SIGKILL)
    wait_until(lambda: not set(before.values()) & set(serving.pids().values()))
    with wait_until(lambda: try_login(serving, "rm_app")) as app:
        assert app.execute("SELECT current_user").fetchone() == ("rm_app",)


def test_a_directory_serves_one_demo_at_a_time(serving: DemoRuns) -> None:
    with pytest.raises(CannotStart, match=str(serving.var)):
        lock_for_demo(serving.var)


def test_even_a_process_that_ignores_every_request_goes_with_a_killed_supervisor(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from config.demo.lock import lock_for_demo
from config.demo.processes import Service
from config.demo.supervisor import Supervisor

var = Path(sys.argv[1])
supervisor = Supervisor(
    var, lock=lock_for_demo(var), tell=print, pids_changed=lambda: None, guard_grace_s=0.3
)
deaf = "trap '' TERM INT HUP; sleep 60 & echo deaf; wait; wait"
log = var / "deaf.log"
command = ("sh", "-c", deaf)
supervisor.start(Service(name="deaf", command=command, ready=lambda pid: "deaf" in log.read_text()))
print("started", flush=True)
supervisor.watch()
"""
    var = tmp_path / "var"
    supervisor = subprocess.Popen(
        [sys.executable, "-c", program, str(var)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == "started\n"
        assert len(processes_in(var)) >= 3
        supervisor.kill()
    wait_until(lambda: not processes_in(var))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up")
@pytest.mark.parametrize("runs_as", ["namespace", "nobody"])
def test_a_program_started_by_root_is_nobody(runs_as: RunsAs) -> None:
    shown = subprocess.run(launched(("id", "-u"), runs_as=runs_as), capture_output=True, text=True)
    if runs_as == "namespace" and "forbidden" in shown.stderr:
        pytest.skip("this machine forbids user namespaces")
    assert shown.stdout == "65534\n"


def as_login(demos: DemoRuns, login: str) -> psycopg.Connection:
    secrets = json.loads((demos.var / "secrets.json").read_text())
    pid_file = (demos.var / "postgres" / "postmaster.pid").read_text().splitlines()
    return psycopg.connect(
        host="127.0.0.1",
        port=int(pid_file[3]),
        user=login,
        password=secrets[f"{login.removeprefix('rm_')}_password"],
        dbname="rentmeter",
        connect_timeout=5,
    )


def try_login(demos: DemoRuns, login: str) -> psycopg.Connection | None:
    try:
        return as_login(demos, login)
    except (psycopg.OperationalError, OSError, IndexError):
        return None
