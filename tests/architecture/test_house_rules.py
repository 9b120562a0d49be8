"""The rules of the house that a reviewer should not have to look for."""

import ast
import re
import subprocess
import sys
from pathlib import PurePosixPath

from tests.architecture.source import ROOT, calls, imports, python, strings, tracked

LONGEST = 500
CODE = {".py", ".sql", ".js", ".css", ".html", ".sh"}
SQL = re.compile(
    r"\b(select\s.+\sfrom\s|select\s+\w+\(|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|truncate\s+\w"
    r"|(create|alter|drop)\s+(table|index|function|view|type|database|role)\b)",
    re.IGNORECASE | re.DOTALL,
)
SQL_ALLOWED = (
    "shared/outbox.py",
    "shared/database.py",
    "shared/facts.py",
    "shared/disowned.py",
    "shared/audit.py",
    "shared/requests.py",
    "shared/set_aside.py",
    "shared/under_way.py",
)
NOW_IN_SQL = re.compile(r"\bnow\(\)|\bcurrent_(timestamp|date|time)\b|\blocaltimestamp\b", re.IGNORECASE)
KAFKA_ALLOWED = (
    "shared/batch.py",
    "shared/bus.py",
    "shared/consumer.py",
    "shared/dead_letters.py",
    "shared/gone.py",
    "shared/heartbeat.py",
    "shared/lag.py",
    "shared/log.py",
    "shared/outbox.py",
)


def may_hold_sql(name: str) -> bool:
    path = PurePosixPath(name)
    return name in SQL_ALLOWED or path.name == "store.py" or bool({"store", "migrations"} & set(path.parts))


def is_domain(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[0] == "services" and (path.name.startswith("domain") or "domain" in path.parts)


def test_import_linter_agrees_who_may_import_whom() -> None:
    checked = subprocess.run(
        [str(ROOT / ".venv/bin/lint-imports") if (ROOT / ".venv/bin/lint-imports").exists() else "lint-imports"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_no_file_is_longer_than_two_files() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in tracked()
        if path.suffix in CODE
        and path != ROOT / "docs" / "events" / "index.html"  # written by `make schemas`
        and (lines := path.read_text(encoding="utf-8").count("\n")) > LONGEST
    }
    assert long == {}


def test_the_pattern_tells_sql_from_prose() -> None:
    for sql in ("select 1 from x", "select count(*)", "INSERT INTO t", "update t set a = 1", "delete from t where",
                "create table t", "with x as (\n select a\nfrom b)"):  # fmt: skip
        assert SQL.search(sql), sql
    for prose in ("select one of these", "updated by", "Delete the row, from the list", "create tables of people"):
        assert not SQL.search(prose), prose


def test_sql_is_written_in_the_store_only() -> None:
    found = [
        f"{name}:{line}"
        for name, tree in python("shared", "services")
        if not may_hold_sql(name)
        for line, text in strings(tree)
        if SQL.search(text)
    ]
    assert found == []


def test_the_database_is_never_asked_what_time_it_is() -> None:
    """Business time comes from the clock, or a day played at sixty times the speed would be judged wrongly."""
    found = [
        f"{name}:{line}"
        for name, tree in python("services")
        for line, text in strings(tree)
        if NOW_IN_SQL.search(text) and (SQL.search(text) or may_hold_sql(name))
    ]
    for path in tracked():
        if path.suffix == ".sql" and "services" in path.parts:
            without_comments = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
            found += [path.name] if NOW_IN_SQL.search(without_comments) else []
    assert found == []


def test_only_the_database_module_commits() -> None:
    """The consumer and Kafka's clients of the deploy folder commit offsets, not transactions: not meant."""
    found = [
        f"{name}:{call.lineno}"
        for name, tree in python("shared", "services")
        for called, call in calls(tree)
        if called in ("commit", "rollback") and name not in ("shared/database.py", "shared/consumer.py")
    ]
    assert found == []


def test_kafka_is_spoken_in_the_bus_the_outbox_and_handlers_only() -> None:
    found = [
        f"{name}: {module}"
        for name, tree in python("shared", "services")
        for module in imports(tree)
        if module.split(".")[0] in ("aiokafka", "faststream")
        and name not in KAFKA_ALLOWED
        and PurePosixPath(name).name != "handlers.py"
    ]
    assert found == []


_PURE = (
    "shared.access",
    "shared.csvfile",
    "shared.dates",
    "shared.events",
    "shared.mailbox",
    "shared.personal",
    "shared.refusals",
)


def test_the_domain_is_pure() -> None:
    """The standard library, pydantic, the contract, what computes purely: no clock, no files, no framework."""
    found: list[str] = []
    for name, tree in python("services"):
        if not is_domain(name):
            continue
        own = f"services.{PurePosixPath(name).parts[1]}.domain"
        for module in imports(tree):
            top = module.split(".")[0]
            known = top in sys.stdlib_module_names or top in {
                "pydantic",
                "annotated_types",
                "numpy",
                "rfc8785",
                "yarl",
            }
            if not known and not module.startswith((*_PURE, own)) and module not in ("shared",):
                found.append(f"{name}: {module}")
        found += [
            f"{name}:{call.lineno}: {called}"
            for called, call in calls(tree)
            if called in ("now", "utcnow", "today", "open", "print")
        ]
    assert found == []


def test_nothing_but_the_clock_knows_the_time() -> None:
    """`datetime.now` in a service would be wall time where business time is meant."""
    found = [
        f"{name}:{call.lineno}"
        for name, tree in python("services")
        for _, call in calls(tree)
        if re.search(r"\bdate(time)?\.(now|utcnow|today)$", ast.unparse(call.func))
    ]
    assert found == []


def test_a_fact_is_a_class_of_facts_py_and_nobody_else_folds() -> None:
    """The class is table, key, types and mapping; which of two rows stays is decided in one statement."""
    found: list[str] = []
    for name, tree in python("shared", "services"):
        if name in ("shared/facts.py", "shared/disowned.py"):
            continue
        if PurePosixPath(name).name != "facts.py":
            classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
            found += [f"{name}: {node.name}" for node in classes if "Fact" in map(ast.unparse, node.bases)]
        found += [f"{name}:{line}" for line, text in strings(tree) if "excluded.ce_id" in text]
    assert found == []


def test_handlers_are_declarations() -> None:
    """Which topics, which group, and the one function that takes the batch; what it does stands elsewhere."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in python("services")
        if PurePosixPath(name).name == "handlers.py"
        for node in tree.body
        if not isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.Expr)
    ]
    assert found == []


def test_the_city_lies_in_one_time_zone_that_is_named_once() -> None:
    """SQL names it where a query or an index needs it; the demonstration has its own, for it checks ours."""
    found = [
        f"{name}:{line}"
        for name, tree in python("shared", "services", "deploy", "bench")
        for line, text in strings(tree)
        if "Asia/Jakarta" in text and not may_hold_sql(name) and name != "shared/dates.py"
    ]
    assert found == []


def test_no_commit_names_a_folder_of_the_machine_it_was_made_on() -> None:
    own = re.compile(r"(?<![\w.])/(?:root|home/\w+|work)/")
    found: list[str] = []
    for path in tracked():
        if path.suffix in {".png", ".lock", ".ico", ".woff2", ".gz"}:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if own.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert found == []


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    found = [
        f"{name}:{call.lineno}: {called}"
        for name, tree in python("tests")
        for called, call in calls(tree)
        if called in ("skip", "skipif", "xfail", "importorskip")
    ]
    assert found == []
