"""The table of forty faults, and the tests that it names, say the same."""

import ast
import re
from collections import defaultdict

from tests.architecture.source import ROOT, python

ROW = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")

Test = tuple[str, str]


def table() -> dict[int, set[Test]]:
    rows = ROW.findall((ROOT / "docs" / "faults.md").read_text())
    assert len({number for number, _ in rows}) == len(rows), "a fault has one row"
    return {int(number): set(NAMED.findall(row)) for number, row in rows}


def marked() -> dict[int, set[Test]]:
    """The tests that carry `@pytest.mark.fault(n)`, by n."""
    found: dict[int, set[Test]] = defaultdict(set)
    for path, tree in python("tests"):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for mark in node.decorator_list:
                    match mark:
                        case ast.Call(func=ast.Attribute(attr="fault"), args=[ast.Constant(value=int(number))]):
                            found[number].add((path, node.name))
                        case _:
                            pass
    return dict(found)


def test_each_of_the_forty_faults_has_a_row_that_names_exactly_its_tests() -> None:
    rows = table()
    assert list(rows) == list(range(1, 41))
    assert all(rows.values()), "a fault without a test is a hope"
    assert marked() == rows


def test_a_row_and_a_mark_are_seen() -> None:
    assert ROW.findall("| 7 | a | `tests/a/b.py::test_c` |") == [("7", " a | `tests/a/b.py::test_c` ")]
    assert NAMED.findall("`tests/a/b.py::test_c` `tests/d.py::test_e`") == [
        ("tests/a/b.py", "test_c"),
        ("tests/d.py", "test_e"),
    ]
