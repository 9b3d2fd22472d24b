"""Embedded servers for the test run: kept between runs, never synced to disk, on free ports."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from config import roles
from config.demo.lock import try_lock
from config.demo.processes import CannotStart, Service, free_port, start, stop, wait_ready
from config.demo.secret_file import load_secrets
from config.demo.servers import Postgres, Valkey, is_cluster

_SLOTS = 16


@dataclass(frozen=True)
class TestServers:
    """Where the servers of this run listen; `stop` ends them, frees the directory, and may be repeated."""

    __test__ = False

    owner_url: str
    app_url: str
    broker_url: str
    superuser_url: str
    _ending: contextlib.ExitStack

    def stop(self) -> None:
        self._ending.close()


def start_test_servers(var: Path, *, durable: bool = False) -> TestServers:
    """Start PostgreSQL and Valkey for one test run and return where they are.

    Their data live in `var/test` and are used again by the next run; a run beside this one gets `var/test-2`,
    and so on. Call it once per run (in the controller of xdist) from the main thread. The servers die with
    the caller.

    :param durable: have PostgreSQL sync what it commits to the disk, as it does outside tests.
    :raises CannotStart: with one sentence, if a server is missing or does not come up.
    """
    with contextlib.ExitStack() as ending:
        directory = ending.enter_context(_slot(var))
        postgres = ending.enter_context(_running_postgres(directory, durable=durable))
        # What a killed run left in the queues would be executed by this one, so nothing of it is kept.
        shutil.rmtree(directory / "valkey", ignore_errors=True)
        valkey = Valkey(directory=directory / "valkey", port=free_port(), durable=False)
        ending.enter_context(_running(valkey.service(), directory / "log"))
        return TestServers(
            postgres.url(roles.OWNER),
            postgres.url(roles.APP),
            valkey.url,
            postgres.superuser_url(),
            ending.pop_all(),
        )


@contextlib.contextmanager
def _running_postgres(directory: Path, *, durable: bool) -> Iterator[Postgres]:
    """A running cluster; one that cannot be opened (it may be torn by a crash) is made anew, once."""
    for last_try in (False, True):
        try:
            data = directory / "postgres"
            secrets = load_secrets(directory, data_exists=is_cluster(data))
            postgres = Postgres(directory=data, port=free_port(), secrets=secrets, durable=durable)
            with contextlib.ExitStack() as opening:
                postgres.prepare()
                opening.enter_context(_running(postgres.service(), directory / "log"))
                postgres.bootstrap()
                running = opening.pop_all()
            break
        except (CannotStart, psycopg.Error):
            if last_try:
                raise
            for name in ("postgres", "postgres.half-made", "log"):
                shutil.rmtree(directory / name, ignore_errors=True)
            (directory / "secrets.json").unlink(missing_ok=True)
    with running:
        yield postgres


@contextlib.contextmanager
def _running(service: Service, log_directory: Path) -> Iterator[None]:
    (log_directory / f"{service.name}.log").unlink(missing_ok=True)
    process = start(service, log_directory)
    try:
        wait_ready(process, service, log_directory)
        yield
    finally:
        stop(process, service)


@contextlib.contextmanager
def _slot(var: Path) -> Iterator[Path]:
    """A directory under `var` that no other run uses, locked until the end."""
    for number in range(1, _SLOTS + 1):
        directory = var / ("test" if number == 1 else f"test-{number}")
        descriptor = try_lock(directory / "lock")
        if descriptor is not None:
            try:
                yield directory
            finally:
                os.close(descriptor)
            return
    raise CannotStart(f"{_SLOTS} test runs already use the directories {var}/test….")
