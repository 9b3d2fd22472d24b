"""What refuses to start, and says why in one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from apps.common.owner import as_owner
from apps.common.startup import WrongLogin, refuse_wrong_login

ROOT = Path(__file__).resolve().parent.parent


def test_the_applications_login_may_serve(transactional_db: None) -> None:
    refuse_wrong_login()


def test_the_owners_login_may_not_serve(transactional_db: None) -> None:
    with as_owner(), pytest.raises(WrongLogin, match="owns tables"):
        refuse_wrong_login()


def _settings(**variables: str) -> subprocess.CompletedProcess[str]:
    kept = {
        k: v
        for k, v in os.environ.items()
        if k not in ("SECRET_KEY", "FIELD_KEYS", "SANDBOX_URL", "BROKER_URL")
    }
    return subprocess.run(
        [sys.executable, "-c", "import config.settings.production"],
        cwd=ROOT,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"SANDBOX_URL": "http://127.0.0.1:6452"}, "SANDBOX_URL"),
        ({"FIELD_KEYS": "1:x"}, "SECRET_KEY"),
        ({"SECRET_KEY": "s", "DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
        ({"SECRET_KEY": "s"}, "FIELD_KEYS"),
        ({"SECRET_KEY": "s", "FIELD_KEYS": ""}, "FIELD_KEYS"),
        ({"SECRET_KEY": "s", "FIELD_KEYS": "1:x"}, "PUBLIC_BASE_URL"),
        ({"SECRET_KEY": "s", "FIELD_KEYS": "1:x", "PUBLIC_BASE_URL": "https://a.example"}, "BROKER_URL"),
    ],
)
def test_production_refuses_what_belongs_to_the_demo_or_is_missing(
    variables: dict[str, str], named: str
) -> None:
    ended = _settings(**{"DATABASE_URL": "postgresql://rm_app@db/rentmeter", **variables})
    assert ended.returncode != 0
    assert named in ended.stderr.splitlines()[-1]
