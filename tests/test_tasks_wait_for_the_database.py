"""A worker whose database restarts keeps what it holds, and fails at once where waiting is no help."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection

from apps.common.queue import PatientTask, broker_app

pytestmark = pytest.mark.django_db
APPS = ("accounts", "alerts", "common", "income", "meters", "readings")


def _as_a_worker_would(act: Callable[[int], str]) -> tuple[list[int], str]:
    """Run a task in a thread with a connection of its own; return which runs there were, and how it ended."""
    runs: list[int] = []

    def body() -> str:
        runs.append(len(runs) + 1)
        return act(len(runs))

    task = broker_app().task(body, base=PatientTask, name=f"tests.{act.__name__}", shared=False)

    def work() -> str:
        try:
            return str(task())
        except OperationalError as error:
            return f"raised: {error}"
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as worker:
        return runs, worker.submit(work).result()


def _ask(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return str(cursor.fetchone()[0])


def test_a_task_that_loses_its_connection_begins_anew() -> None:
    def cut_off(run: int) -> str:
        return _ask("SELECT pg_terminate_backend(pg_backend_pid())" if run == 1 else "SELECT 'done'")

    assert _as_a_worker_would(cut_off) == ([1, 2], "done")


def test_a_task_that_the_database_refuses_is_not_run_again() -> None:
    def too_slow(run: int) -> str:
        _ask("SELECT set_config('statement_timeout', '20', false)")
        return _ask("SELECT pg_sleep(5)::text")

    runs, ended = _as_a_worker_would(too_slow)
    assert runs == [1]
    assert "statement timeout" in ended


def test_every_task_of_ours_waits() -> None:
    broker_app().loader.import_default_modules()
    ours = {name: task for name, task in broker_app().tasks.items() if name.split(".")[0] in APPS}
    assert {"meters.meters_logged_in", "meters.letters_answered", "income.settle_recharge"} <= ours.keys()
    assert [name for name, task in ours.items() if not isinstance(task, PatientTask)] == []
