"""Who may do what is said in one place."""

import ast

from shared.access import ROLES
from tests.architecture.source import python

HOME = "shared/access.py"
# The command line and the demonstration act as someone: they name whom, and permit nothing.
CALLERS = (
    "deploy/cli.py",
    "deploy/dead_messages.py",
    "deploy/dlq.py",
    "deploy/run.py",
    "deploy/repair.py",
    "demo/",
)


def test_a_role_is_named_nowhere_but_where_permissions_are() -> None:
    found: list[str] = []
    for name, tree in python("shared", "services", "demo", "deploy"):
        if name == HOME or name.startswith(CALLERS):
            continue
        found += [
            f"{name}:{node.lineno}: {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and node.value in ROLES
        ]
    assert found == []


def test_no_service_judges_by_a_role_itself() -> None:
    """`who.role == ...` or `who.role in (...)` would be a permission without a name."""
    found: list[str] = []
    for name, tree in python("services"):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Compare):
                continue
            if any(
                isinstance(side, ast.Attribute) and side.attr == "role" for side in (node.left, *node.comparators)
            ):
                found.append(f"{name}:{node.lineno}")
    assert found == []


def test_nobody_else_says_who_a_superior_is() -> None:
    """A second rule would drift from the first: whoever needs it imports it."""
    found = [
        f"{name}: {node.name}"
        for name, tree in python("shared", "services")
        if name != HOME
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("is_superior")
    ]
    assert found == []
