"""`python -m config.demo`: the whole of RentMeter on one machine, from one command, until Ctrl-C.

DEMO_…_PORT moves a port, DATABASE_URL with OWNER_DATABASE_URL and BROKER_URL replace the embedded servers,
and DEMO_FSYNC=no lets the embedded database forget its last seconds when the machine crashes, for speed.
"""

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from config.demo.external import External, first_line, read_external
from config.demo.lock import lock_for_demo
from config.demo.plan import LANDLORDS, ROOT, Addresses, Plan, answers
from config.demo.ports import Ports, choose_ports
from config.demo.processes import CannotStart
from config.demo.secret_file import load_secrets, write_private
from config.demo.servers import Postgres, Valkey, is_cluster, postgres_runs_as, valkey_bin
from config.demo.supervisor import Interrupted, Supervisor
from config.env import EnvError, env_bool

_PARTS = ("db", "broker")
_OUR_PORTS = ("web", "gateway", "simulator", "sandbox")
_READY_WITHIN_S = 60.0
_STATUS_INTERRUPTED = 130


class Screen:
    """Tells the person at the terminal what happened, each step one line, with the seconds it took."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()

    def step(self, sentence: str) -> None:
        now = time.monotonic()
        self._print(f"{now - self._began:6.1f} s  {sentence} ({now - self._last:.1f} s)")
        self._last = now

    def begin_step(self) -> None:
        """The time spent waiting for the person belongs to no step."""
        self._last = time.monotonic()

    def tell(self, sentence: str) -> None:
        self._print(f"          {sentence}")

    def _print(self, line: str) -> None:
        # A closed terminal must not keep us from stopping what we started.
        with contextlib.suppress(OSError):
            print(line, flush=True)


class Demo:
    """One run of the demo in `var`, which the caller has locked."""

    def __init__(self, options: argparse.Namespace, *, lock: int, external: External, ports: Ports) -> None:
        self._options = options
        self._var: Path = options.var
        self._external = external
        self._ports = ports
        self._demo_file = self._var / "demo.json"
        self._screen = Screen()
        self._describe: Callable[[], dict[str, object]] | None = None
        self._supervisor = Supervisor(
            self._var / "log", lock=lock, tell=self._screen.tell, pids_changed=self._write_demo_file
        )

    def run(self) -> int:
        """Start, play, stay, stop; return the status for the shell."""
        status = _STATUS_INTERRUPTED
        self._demo_file.unlink(missing_ok=True)
        try:
            with contextlib.ExitStack() as ending:
                ending.enter_context(self._supervisor.listening_to_signals())
                ending.callback(self._demo_file.unlink, missing_ok=True)
                ending.callback(self._screen.begin_step)
                status = self._start_and_play()
                if not self._options.once:
                    self._screen.tell("Ctrl-C stops everything.")
                    self._supervisor.watch()
        except Interrupted:
            pass
        self._screen.step("Everything has stopped")
        return status

    def _start_and_play(self) -> int:
        addresses, secret_key = self._start_servers()
        if self._options.only:
            self._describe = lambda: {"pids": self._supervisor.pids}
            self._write_demo_file()
            return 0
        plan = Plan(var=self._var, ports=self._ports, addresses=addresses, secret_key=secret_key)
        self._prepare(plan)
        self._start_processes(plan)
        self._describe = lambda: plan.demo_json(self._supervisor.pids)
        self._write_demo_file()
        self._screen.step(f"Everything is ready: {plan.base_url} (logins and links in {self._demo_file})")
        return 0 if self._options.no_story else self._play(plan)

    def _start_servers(self) -> tuple[Addresses, str]:
        """Start the embedded servers that are wanted; return where each is, and Django's secret key."""
        secrets = load_secrets(self._var, data_exists=is_cluster(self._var / "postgres"))
        postgres = Postgres(
            directory=self._var / "postgres",
            port=self._ports.postgres,
            secrets=secrets,
            durable=env_bool("DEMO_FSYNC", True),
        )
        valkey = Valkey(directory=self._var / "valkey", port=self._ports.valkey)
        if needs_postgres(self._options, self._external):
            age = "kept from before" if is_cluster(postgres.directory) else "new"
            postgres.prepare()
            self._supervisor.start(postgres.service())
            postgres.bootstrap()
            self._screen.step(f"PostgreSQL is ready on 127.0.0.1:{self._ports.postgres}, its data {age}")
        if needs_valkey(self._options, self._external):
            self._supervisor.start(valkey.service())
            self._screen.step(f"Valkey is ready on 127.0.0.1:{self._ports.valkey}")
        addresses = Addresses(
            app_url=self._external.app_url or postgres.url("rm_app"),
            owner_url=self._external.owner_url or postgres.url("rm_owner"),
            broker_url=self._external.broker_url or valkey.url,
        )
        return addresses, secrets.secret_key

    def _prepare(self, plan: Plan) -> None:
        """Everything that runs once, before the processes that stay."""
        merchants = ("make-merchants", "--state", str(plan.sandbox_state), "--landlords", ",".join(LANDLORDS))
        self._supervisor.must_run(
            "make-merchants", plan.command("-m", "apps.sandbox", *merchants), plan.outside_environment()
        )
        self._screen.step("The sandbox platforms have merchants for three landlords")
        for name, arguments, sentence in (
            ("migrate", ("migrate", "--no-input"), "The tables are up to date"),
            ("collectstatic", ("collectstatic", "--no-input"), "Styles, scripts and pictures are gathered"),
            ("seed", ("seed_demo", "--var", str(plan.var)), "Landlords, renters and meters are there"),
        ):
            self._supervisor.must_run(name, plan.command("manage.py", *arguments), plan.owner_environment())
            self._screen.step(sentence)
        lines = [f"{name}='{value}'\n" for name, value in plan.settings().items()]
        write_private(plan.var / "environment", "".join(lines))

    def _start_processes(self, plan: Plan) -> None:
        for service in plan.services():
            self._supervisor.start(service)
            self._screen.step(f"{service.name} is running")
        url = f"{plan.base_url}/readyz"
        deadline = time.monotonic() + _READY_WITHIN_S
        self._supervisor.watch(lambda: answers(url) or time.monotonic() > deadline)
        if not answers(url):
            raise CannotStart(
                f"{url} did not turn ready within {_READY_WITHIN_S:g} s (logs in {plan.var / 'log'})."
            )

    def _play(self, plan: Plan) -> int:
        story = plan.command("-m", "config.demo.story", "--demo", str(self._demo_file))
        status = self._supervisor.run("story", story, plan.outside_environment(), on_screen=True)
        if status != 0:
            self._screen.step(f"The story failed with status {status}; the logs are in {plan.var / 'log'}")
            return 1
        self._screen.step("The story went well")
        return 0

    def _write_demo_file(self) -> None:
        if self._describe is not None:
            text = json.dumps(self._describe(), ensure_ascii=False, indent=1)
            write_private(self._demo_file, text + "\n")


def needs_postgres(options: argparse.Namespace, external: External) -> bool:
    return "db" in (options.only or _PARTS) and not external.app_url


def needs_valkey(options: argparse.Namespace, external: External) -> bool:
    return "broker" in (options.only or _PARTS) and not external.broker_url


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    os.chdir(ROOT)
    try:
        return run_demo(options)
    except (CannotStart, EnvError) as error:
        sentence = str(error)
    except psycopg.Error as error:
        sentence = f"The database refused its set-up: {first_line(error)}"
    except OSError as error:
        sentence = f"The demo cannot go on: {error}."
    print(f"demo: {sentence}", file=sys.stderr, flush=True)
    return 1


def run_demo(options: argparse.Namespace) -> int:
    """Check everything that can be wrong, then run; nothing is started before the checks have passed.

    :raises CannotStart: with one sentence.
    :raises EnvError: with one sentence.
    """
    lock = lock_for_demo(options.var)
    try:
        external = read_external()
        needed = [] if options.only else list(_OUR_PORTS)
        if needs_postgres(options, external):
            postgres_runs_as()
            needed.append("postgres")
        if needs_valkey(options, external):
            valkey_bin()
            needed.append("valkey")
        return Demo(options, lock=lock, external=external, ports=choose_ports(needed)).run()
    finally:
        os.close(lock)


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m config.demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the story, with its status")
    parser.add_argument("--no-story", action="store_true", help="start everything and play nothing")
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="where data, logs and demo.json live")
    parser.add_argument("--only", help="start only the servers named: db,broker")
    options = parser.parse_args(arguments)
    options.var = options.var.resolve()
    options.only = [part.strip() for part in options.only.split(",")] if options.only else None
    unknown = set(options.only or ()) - set(_PARTS)
    if unknown:
        parser.error(f"--only knows {' and '.join(_PARTS)}, not {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
