"""The conventions that no single feature's test would miss. Each rule is shown a violation first."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.apps import apps as registry
from django.db import models

from tests.sources import ROOT, content, parsed, python_files, relative

SOURCES = ("apps", "config", "meter_gateway", "tests")
APPS = sorted(path.parent.name for path in (ROOT / "apps").glob("*/__init__.py"))

# Seconds are floats because operating systems take them so; no money or energy is near them.
SECONDS = {
    ("apps/common/queue.py", "DATABASE_BACK_WITHIN_S"),
    ("apps/common/queue.py", "_LOOK_AGAIN_S"),
    ("apps/common/broker.py", "_ROLL_CALL_S"),
    ("apps/common/platforms.py", "TIMEOUT_S"),
}
FLOATS_ARE_FINE_IN = {
    "apps/landing/paper/labels.py": "millimetres on paper",
    "apps/landing/paper/sheet.py": "millimetres on paper",
    "apps/common/management/commands/sweep.py": "paces itself by the monotonic clock",
}
# Who may look at a clock: what begins an act. Everything behind it is told the time.
EDGES = {"api", "desk", "join", "page", "management", "tasks.py", "health.py", "middleware.py"}
CLOCKS_ARE_FINE_IN = {
    "apps/common/queue.py": "begins every task, and waits for its database",
    "apps/common/alipay_gateway.py": "the platform demands the time of sending, signed",
    "apps/income/platforms/wechat.py": "the platform's SDK is told the time of sending, signed",
    "apps/landing/old_form.py": "a view: a form that is refused begins its own keeping",
    "apps/readings/apps.py": "a migration that has run begins the act of making months",
    "meter_gateway/conformance/live.py": "tells its clauses when each byte was heard",
    "meter_gateway/publisher.py": "waits for its batch to fill",
    "meter_gateway/server.py": "hands its sessions the loop's time",
    "meter_gateway/simulator/app.py": "hands its meters the time",
}
FALLS_WITH_ITS_PARENT = {
    "accounts.AccessToken.user": "a token is nothing without its login",
    "meters.Presence.gateway": "a gateway's start is forgotten, the meter's presence is not",
}

Rule = Callable[[ast.AST], Iterator[tuple[int, str]]]


# Words without which a rule cannot be broken: most files need no parsing for it.
HINTS = {
    "banned_identifiers": re.compile("tenant", re.I),
    "long_sleeps": re.compile("sleep|wait_for_timeout"),
}


def found_by(rule: Rule, paths: list[Path]) -> list[str]:
    assert paths
    hint = HINTS.get(rule.__name__, re.compile(""))
    hinted = [path for path in paths if hint.search(content(path))]
    return [f"{relative(path)}:{line}: {what}" for path in hinted for line, what in rule(parsed(path))]


def banned_identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name", "asname", "module"):
            name = getattr(node, field, None)
            if isinstance(name, str) and "tenant" in name.lower():
                yield getattr(node, "lineno", 0), name


def floats(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, repr(node.value)
        elif isinstance(node, ast.Name) and node.id == "float":
            yield node.lineno, "float"
        elif isinstance(node, ast.Attribute) and node.attr in ("FloatField", "from_float"):
            yield node.lineno, node.attr


def clocks(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Calls of a clock, and clocks handed over as a default."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if re.search(
                r"(^|\.)(timezone\.now|date(time)?\.(now|utcnow|today)|time\.(time|monotonic|perf_counter)(_ns)?)$",
                name,
            ):
                yield node.lineno, name
        elif isinstance(node, ast.keyword) and node.arg in ("auto_now", "auto_now_add"):
            yield node.value.lineno, node.arg
        elif isinstance(node, ast.ImportFrom):
            told = {("time", "time"), ("time", "monotonic"), ("django.utils.timezone", "now")}
            told |= {("django.db.models.functions", "Now")}
            for alias in node.names:
                if (node.module, alias.name) in told:
                    yield node.lineno, f"{node.module}.{alias.name}"


def long_sleeps(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Sleeps over 0.2 s, and sleeps whose length cannot be read where they stand."""
    per_second = {"sleep": 1, "wait_for_timeout": 1000}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in per_second:
            length = node.args[0]
            value = length.value if isinstance(length, ast.Constant) else None
            if not isinstance(value, int | float) or value > 0.2 * per_second[name]:
                yield node.lineno, ast.unparse(node)


def lasting_settings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """SQL that sets something for the whole connection: the next request on it would inherit the scope."""
    lasting = re.compile(
        r"set_config\s*\([^)]*,\s*false\s*\)"
        r"|(?:^|;)\s*SET\s+(?!LOCAL\b)(?:SESSION\b|ROLE\b|TIME\s+ZONE\b|[\w.]+\s*(?:=|\bTO\b))",
        re.I,
    )
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
        if not isinstance(text, ast.Constant) or not isinstance(text.value, str) or id(text) in docstrings:
            continue
        if lasting.search(text.value):
            yield text.lineno, text.value.strip()[:60]


def vague_name(path: str) -> bool:
    """Say whether a path promises nothing about what is inside."""
    return bool(re.search(r"(^|[/_])(utils?|helpers?|managers?|handlers?)(_|\.py$|/)", path))


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (banned_identifiers, "tenant = 1"),
        (banned_identifiers, "def f(tenant_id): pass"),
        (banned_identifiers, "class TenantScope: pass"),
        (banned_identifiers, "x.tenant"),
        (banned_identifiers, "f(tenant=1)"),
        (banned_identifiers, "from a import b as tenant"),
        (floats, "price_yuan = 0.65"),
        (floats, "x = float(amount_yuan)"),
        (floats, "def f(energy_kwh: float): pass"),
        (floats, "models.FloatField()"),
        (clocks, "timezone.now()"),
        (clocks, "django.utils.timezone.now()"),
        (clocks, "datetime.now(UTC)"),
        (clocks, "datetime.datetime.utcnow()"),
        (clocks, "date.today()"),
        (clocks, "time.time()"),
        (clocks, "time.monotonic()"),
        (clocks, "models.DateTimeField(default=timezone.now)"),
        (clocks, "models.DateTimeField(auto_now_add=True)"),
        (clocks, "from django.db.models.functions import Now"),
        (clocks, "from time import monotonic"),
        (long_sleeps, "time.sleep(0.3)"),
        (long_sleeps, "sleep(1)"),
        (long_sleeps, "asyncio.sleep(5)"),
        (long_sleeps, "time.sleep(WAIT_S)"),
        (long_sleeps, "page.wait_for_timeout(500)"),
        (lasting_settings, "execute(\"SELECT set_config('app.landlord_id', %s, false)\")"),
        (lasting_settings, "execute('SET ROLE rm_everything')"),
        (lasting_settings, "execute(f'SET app.landlord_id = {x}')"),
        (lasting_settings, "execute('SELECT 1; set session app.landlord_id = 1')"),
    ],
)
def test_a_rule_sees_its_violation(rule: Rule, source: str) -> None:
    assert list(rule(ast.parse(source)))


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (banned_identifiers, "headers['X-Tenant'] = renter"),
        (floats, "Decimal('0.65')"),
        (clocks, "now = datetime.fromisoformat(text); loop.time()"),
        (long_sleeps, "time.sleep(0.2); asyncio.sleep(0); page.wait_for_timeout(200)"),
        (lasting_settings, "execute(\"SELECT set_config('role', %s, true)\"); execute('SET LOCAL ROLE x')"),
        (lasting_settings, "execute('UPDATE t SET a = 1'); execute('SET CONSTRAINTS ALL IMMEDIATE')"),
    ],
)
def test_a_rule_leaves_the_innocent_alone(rule: Rule, source: str) -> None:
    assert not list(rule(ast.parse(source)))


def test_a_landlord_is_called_landlord_and_a_renter_renter() -> None:
    sources = python_files(*SOURCES)
    assert found_by(banned_identifiers, sources) == []
    assert [relative(path) for path in sources if "tenant" in relative(path).lower()] == []


def test_money_energy_and_prices_never_touch_a_float() -> None:
    listed = set()
    wrong = []
    for path in python_files(*(f"apps/{app}" for app in APPS if app != "sandbox")):
        if relative(path) in FLOATS_ARE_FINE_IN:
            continue
        seconds: set[int] = set()
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                place = (relative(path), node.targets[0].id)
                if place in SECONDS:
                    assert place[1].lower().endswith("_s")
                    listed.add(place)
                    seconds |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        wrong += [f"{relative(path)}:{at}: {what}" for at, what in floats(parsed(path)) if at not in seconds]
    assert wrong == []
    assert listed == SECONDS
    assert all((ROOT / path).exists() for path in FLOATS_ARE_FINE_IN)


def test_only_what_begins_an_act_looks_at_a_clock() -> None:
    inside = [
        path
        for path in python_files("apps", "meter_gateway")
        if not EDGES & set(path.relative_to(ROOT).parts[1:])
        and relative(path) not in CLOCKS_ARE_FINE_IN
        and "sandbox" not in path.parts
    ]
    assert found_by(clocks, inside) == []
    assert {
        part for part in ("services", "deciding", "protocol") if any(part in p.parts for p in inside)
    } == {
        "services",
        "deciding",
        "protocol",
    }
    unused = [path for path in CLOCKS_ARE_FINE_IN if not found_by(clocks, [ROOT / path])]
    assert unused == []


def test_no_test_sleeps_longer_than_a_fifth_of_a_second() -> None:
    # The chaos is a program of minutes, whose pauses are drawn from its seed; its own tests are held to the rule.
    program = {f"tests/chaos/{name}.py" for name in ("killing", "payers", "proxy")}
    tests = [path for path in python_files("tests") if relative(path) not in program]
    assert found_by(long_sleeps, tests) == []
    assert all(found_by(long_sleeps, [ROOT / path]) for path in program)


def test_nothing_is_set_for_a_whole_connection() -> None:
    assert found_by(lasting_settings, python_files("apps", "config", "meter_gateway")) == []


def too_long(path: Path) -> bool:
    return len(content(path).splitlines()) > 400


def test_a_file_ends_before_its_reader_is_lost(tmp_path: Path) -> None:
    longest = tmp_path / "longest.py"
    longest.write_text("pass\n" * 401)
    assert too_long(longest)
    sources = [path for path in python_files(*SOURCES, "bench") if "migrations" not in path.parts]
    assert [relative(path) for path in sources if too_long(path)] == []


def test_modules_are_named_for_what_they_do() -> None:
    assert vague_name("apps/income/utils.py")
    assert vague_name("apps/helpers/x.py")
    assert vague_name("apps/meters/connection_manager.py")
    assert not vague_name("apps/common/management/commands/sweep.py")
    assert [p for p in map(relative, python_files("apps", "config", "meter_gateway")) if vague_name(p)] == []


def test_no_row_that_others_point_at_can_be_deleted_from_under_them() -> None:
    loose = {
        f"{model._meta.app_label}.{model.__name__}.{field.name}"
        for app in APPS
        if registry.is_installed(f"apps.{app}")
        for model in registry.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.remote_field.on_delete is not models.PROTECT
    }
    assert loose == set(FALLS_WITH_ITS_PARENT)


@pytest.mark.parametrize("app", APPS)
def test_every_app_explains_itself_on_one_screen(app: str) -> None:
    readme = ROOT / "apps" / app / "README.md"
    assert readme.exists()
    assert 5 <= len(readme.read_text(encoding="utf-8").splitlines()) <= 60


def rule_table(text: str) -> list[tuple[str, list[str]]]:
    """Return each rule of the table `Rule | File | Test` with the paths named for it."""
    rules: list[tuple[str, list[str]]] = []
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells == ["Rule", "File", "Test"]:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not set(line) <= set("|-: "):
            rules.append((cells[0], re.findall(r"`([^`]+)`", " ".join(cells[1:]))))
    return rules


def is_there(name: str) -> bool:
    path, _, test = name.partition("::")
    return any(
        not test or re.search(rf"def {test}\(", found.read_text(encoding="utf-8"))
        for found in ROOT.glob(path.rstrip("/"))
    )


def test_every_rule_for_contributors_names_a_file_and_a_test_that_exist() -> None:
    assert not is_there("tests/test_nothing.py")
    assert not is_there("tests/test_consistency.py::test_nothing")
    assert is_there("tests/test_consistency.py::test_modules_are_named_for_what_they_do")
    rules = rule_table((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert len(rules) >= 15
    for rule, paths in rules:
        assert len(paths) >= 2, rule
        assert [path for path in paths if not is_there(path)] == [], rule


def files_missing_from(folder: Path, readme: str) -> list[str]:
    """Files in the rows of a README's table that stand neither beside it nor at the root."""
    rows = [line for line in readme.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`([\w/]+\.(?:py|md|html))`", row)]
    return [name for name in named if not any((place / name).exists() for place in (folder, ROOT))]


def test_every_file_that_a_readme_lists_is_there() -> None:
    assert files_missing_from(ROOT / "tests", "| `conftest.py`, `gone.py` | two |") == ["gone.py"]
    readmes = sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("README.md"))
    assert len(readmes) >= len(APPS)
    missing = {relative(path): files_missing_from(path.parent, path.read_text("utf-8")) for path in readmes}
    assert {where: names for where, names in missing.items() if names} == {}


def acts_written() -> Iterator[tuple[str, list[str]]]:
    """Every place that writes a line of the audit, with the acts it may write; none where they cannot be read."""
    for path in python_files("apps"):
        if "audit" not in content(path).lower():
            continue
        for node in ast.walk(parsed(path)):
            named: list[ast.AST] = []
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.record":
                named = [node.args[0]]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("AuditLine.objects"):
                named = [keyword.value for keyword in node.keywords if keyword.arg == "act"]
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "acts":
                named = [node.value]
            for expression in named:
                texts = [inner.value for inner in ast.walk(expression) if isinstance(inner, ast.Constant)]
                acts = [text for text in texts if isinstance(text, str) and re.fullmatch(r"\w+\.\w+", text)]
                if acts or not isinstance(node, ast.Assign):
                    yield relative(path), acts


def test_every_act_of_the_audit_has_words_for_people() -> None:
    """A new act gets its line in apps/landing/desk/acts.py."""
    from apps.landing.desk.acts import known_acts

    written = list(acts_written())
    # They hand over what they are told, or the `acts` of their classes.
    assert {where for where, acts in written if not acts} == {
        "apps/accounts/audit.py",
        "apps/landing/desk/places.py",
        "apps/meters/services/places.py",
    }
    all_acts = {act for _where, acts in written for act in acts}
    assert len(all_acts) > 20
    assert all_acts - known_acts() == set(), "without words"
    assert known_acts() - all_acts == set(), "written nowhere"
