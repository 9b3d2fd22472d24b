"""Whoever is rung exists, and is told what it needs: tasks, the schedule, the gateway's letters and the sweeps."""

import ast
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Task
from django.conf import settings
from django.utils.module_loading import import_string

from apps.common.queue import QUEUES, LandlordTask
from config.celery import app as celery_app
from config.schedule import SCHEDULE
from meter_gateway.tray import Kind
from tests.sources import parsed, python_files, relative


def rings() -> Iterator[tuple[str, ast.Call]]:
    """Every place in the apps that rings a task, with where it stands."""
    for path in python_files("apps"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("ring_after_commit"):
                yield f"{relative(path)}:{node.lineno}", node


@pytest.fixture(scope="module")
def tasks() -> dict[str, Task]:
    celery_app.loader.import_default_modules()
    celery_app.finalize()
    return {name: task for name, task in celery_app.tasks.items() if not name.startswith("celery.")}


def cannot_take(task: Task, told: set[str]) -> str:
    """Return what is wrong with telling a task these arguments, or an empty text."""
    parameters = inspect.signature(task.run).parameters.values()
    named = {p.name: p for p in parameters if p.kind is not p.VAR_KEYWORD}
    must = {name for name, parameter in named.items() if parameter.default is parameter.empty}
    may = set(named)
    if isinstance(task, LandlordTask):
        must, may = must | {"landlord_id"}, may | {"landlord_id"}
    if must - told:
        return f"{task.name} is not told {sorted(must - told)}"
    if told - may and len(named) == len(parameters):
        return f"{task.name} does not take {sorted(told - may)}"
    return ""


def test_a_task_that_is_told_the_wrong_things_is_seen(tasks: dict[str, Any]) -> None:
    take_turn = tasks["meters.take_turn"]
    assert not cannot_take(take_turn, {"landlord_id", "meter_id"})
    assert "landlord_id" in cannot_take(take_turn, {"meter_id"})
    assert "meter_id" in cannot_take(take_turn, {"landlord_id", "meter"})


def test_every_doorbell_rings_a_task_that_exists_with_what_it_needs(tasks: dict[str, Any]) -> None:
    found = list(rings())
    assert found
    for where, call in found:
        told = {str(keyword.arg): keyword.value for keyword in call.keywords}
        name = ast.literal_eval(call.args[0])
        assert name in tasks, f"{where}: nobody answers to {name}"
        assert ast.literal_eval(told.pop("queue_name")) in QUEUES, where
        assert not cannot_take(tasks[name], set(told)), where


def test_every_scheduled_task_exists(tasks: dict[str, Any]) -> None:
    for name, entry in SCHEDULE.items():
        assert entry["task"] in tasks, name
        assert entry["options"]["queue"] in QUEUES, name
        assert not cannot_take(tasks[entry["task"]], set(entry.get("kwargs", {}))), name


def test_every_task_the_gateway_rings_exists(tasks: dict[str, Any]) -> None:
    for kind in Kind:
        assert kind.task in tasks, kind
        assert kind.queue in QUEUES, kind
        told = {"gateway", kind.list_name} if kind.list_name else {"gateway", "node", "stream", "at"}
        assert not cannot_take(tasks[kind.task], told), kind


def test_every_sweep_exists_and_is_told_the_time() -> None:
    for path, interval_s in settings.SWEEPS:
        assert list(inspect.signature(import_string(path)).parameters) == ["now"], path
        assert interval_s > 0, path
