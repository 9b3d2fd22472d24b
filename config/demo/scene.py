"""What the story does not bring about by itself: a meter on hold, a night's proof, a day's bills."""

import os
import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from config.demo.plan import ROOT


def set_the_scene(demo: dict[str, Any], var: Path, today: date) -> None:
    """Let one meter of the first landlord count energy nobody bought, prove all, and ask for yesterday's bills.

    :param today: in Beijing, where the platforms' days begin.
    """
    meter = f"{demo['simulator_url']}/meters/{held_meter(demo)['serial']}"
    counted = Decimal(requests.get(meter, timeout=10).json()["purchased_kwh"])
    requests.patch(
        meter, json={"purchased_kwh": str(counted + Decimal("0.01"))}, timeout=10
    ).raise_for_status()
    # It differs, and says so with its status.
    _manage(var, "prove_meters", "--wait", "40")
    _manage(var, "frozen", "probe", held_meter(demo)["serial"], "--wait", "40")
    _manage(var, "reconcile", "--day", str(today - timedelta(days=1)))


def held_meter(demo: dict[str, Any]) -> dict[str, str]:
    """Return the last meter of the first landlord, which the story leaves alone."""
    first = demo["landlords"][0]["id"]
    found: dict[str, str] = [meter for meter in demo["meters"] if meter["landlord"] == first][-1]
    return found


def _manage(var: Path, *arguments: str) -> None:
    lines = (var / "environment").read_text("utf-8").splitlines()
    told = dict(line.split("=", 1) for line in lines if line)
    environment = {**os.environ, **{name: value.strip("'") for name, value in told.items()}}
    # A server's own login serves; the owner's is for migrations.
    environment.pop("OWNER_DATABASE_URL", None)
    with (var / "screenshots.log").open("a") as log:
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=120,
        )
