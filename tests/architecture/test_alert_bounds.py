"""Just below an alert nobody is woken: the cases stand close to each threshold, and to the end of each time."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.test_observability import PROMETHEUS
from tests.debian import debian_tool

COMPARED = re.compile(r"(>=|>|==) (\d+(?:\.\d+)?)\b")
MOST_COMPARED = 6
OF_OBJECTIVES = pytest.param("slo", marks=pytest.mark.long)
FILES = ["alerts", OF_OBJECTIVES]


def loosened(found: re.Match[str]) -> str:
    """The comparison that a tenth less satisfies too; where nothing is allowed, one that nothing satisfies."""
    operator, bound = found[1], float(found[2])
    if operator == "==":
        return f"<= {bound + 1}"
    return f">= {bound}" if bound == 0 else f"{operator} {bound * 0.9}"


def waking(folder: Path, file: str, change: Callable[[dict[str, Any]], bool]) -> tuple[set[str], set[str]]:
    """(alerts that were changed, those of them that fire in the cases, which want all silent)."""
    rules = yaml.safe_load((PROMETHEUS / f"{file}.yml").read_text())
    changed = {
        rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule and change(rule)
    }
    (folder / f"{file}.yml").write_text(yaml.safe_dump(rules))
    cases = shutil.copy(PROMETHEUS / f"{file}.bounds.test.yml", folder)
    promtool = debian_tool("prometheus", "usr/bin/promtool")
    tested = subprocess.run([promtool, "test", "rules", cases], capture_output=True, text=True, check=False)
    said = tested.stdout + tested.stderr
    fired = set(re.findall(r"alertname: (\w+)", said))
    assert tested.returncode == (1 if fired else 0), said
    return changed, fired


@pytest.mark.parametrize("file", FILES)
def test_nothing_that_is_just_below_an_alert_fires_it(file: str, tmp_path: Path) -> None:
    assert waking(tmp_path, file, lambda _: False) == (set(), set())


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("place", range(MOST_COMPARED))
def test_a_threshold_a_tenth_lower_would_fire(file: str, place: int, tmp_path: Path) -> None:
    def loosen(rule: dict[str, Any]) -> bool:
        compared = list(COMPARED.finditer(rule["expr"]))
        assert len(compared) <= MOST_COMPARED, rule["alert"]
        assert compared or "absent(" in rule["expr"], rule["alert"]
        if place >= len(compared):
            return False
        one = compared[place]
        rule["expr"] = rule["expr"][: one.start()] + loosened(one) + rule["expr"][one.end() :]
        return True

    changed, fired = waking(tmp_path, file, loosen)
    assert fired == changed


@pytest.mark.parametrize("file", FILES)
def test_an_alert_that_does_not_wait_would_fire(file: str, tmp_path: Path) -> None:
    changed, fired = waking(tmp_path, file, lambda rule: rule.pop("for", None) is not None)
    assert fired == changed
    assert changed
