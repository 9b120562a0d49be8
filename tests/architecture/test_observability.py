"""Alerts and dashboard: each rule is valid and fires as meant, and each metric they use exists."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.core
import typer.main
import yaml

from deploy import cli
from shared.events.base import SERVICES
from shared.telemetry import DECODE_REASONS, Metrics
from tests.debian import debian_tool

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "hadir.json"
GIVEN_BY_PROMETHEUS = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"}
GIVEN_LABELS = {"service", "instance", "job", "le"}
OF_OBJECTIVES = {"slo", "window"}
WORDS = re.compile(r"\b(?:hadir|process)_[a-z_]+\b|\bup\b")
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")


FILES = ("alerts", "slo")


def rules() -> list[dict[str, Any]]:
    """All rules that Prometheus evaluates: those that alert, and those that record."""
    groups = [
        group for file in FILES for group in yaml.safe_load((PROMETHEUS / f"{file}.yml").read_text())["groups"]
    ]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def expressions() -> list[tuple[str, str]]:
    """(where it stands, PromQL) of everything that asks for a metric."""
    asked = [(f"rule {rule.get('alert') or rule['record']}", rule["expr"]) for rule in rules()]
    return asked + [(f"panel {one['title']}", target["expr"]) for one in panels() for target in one["targets"]]


def exposed() -> dict[str, set[str]]:
    """Sample name -> labels, of every metric of the typed list."""
    found: dict[str, set[str]] = {}
    for name, metric in vars(Metrics("attendance")).items():
        if name in ("service", "registry"):
            continue
        for family in metric.describe():
            labels = set(metric._labelnames)
            if family.type == "counter":
                found[f"{family.name}_total"] = labels
            elif family.type == "histogram":
                found |= {f"{family.name}_{part}": labels for part in ("bucket", "sum", "count")}
            else:
                found[family.name] = labels
    return found


def runbook() -> dict[str, str]:
    """The part of the runbook of each alert."""
    _, _, section = RUNBOOK.partition("\n## 3. Alerts\n")
    _, *parts = re.split(r"^### (\w+)\n\n", section, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def blocks(text: str) -> list[str]:
    """Its blocks of commands, a command that goes on in the next line as one line."""
    return [block.replace("\\\n", " ") for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]


def typed_queries() -> list[tuple[str, str]]:
    """What the runbook says to ask of Prometheus."""
    typed = r"promtool query instant \S+ '([^']+)'"
    return [(f"runbook {name}", query) for name, part in runbook().items() for query in re.findall(typed, part)]


@pytest.mark.parametrize(("where", "expression"), [*expressions(), *typed_queries()])
def test_every_metric_and_label_that_is_asked_for_exists(where: str, expression: str) -> None:
    known = exposed()
    labels = GIVEN_LABELS | OF_OBJECTIVES
    outside_strings = re.sub(r'"[^"]*"', '""', expression)
    for name in WORDS.findall(outside_strings):
        assert name in known or name in GIVEN_BY_PROMETHEUS, f"{where}: there is no metric {name}"
        labels |= known.get(name, set())
    used = {label for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in re.split(r",\s*", group)}
    used |= set(re.findall(r"(\w+)=~?\"", expression))
    assert used <= labels, f"{where}: no label {used - labels}"


def test_every_metric_that_tells_of_trouble_is_shown_or_alerted() -> None:
    asked = {name for _, expression in expressions() for name in WORDS.findall(expression)}
    unseen = {name for name in exposed() if not name.endswith(("_sum", "_count", "_bucket")) and name not in asked}
    assert unseen == set()


def test_the_panels_of_dead_letters_show_what_the_alert_judges() -> None:
    (alert,) = [rule["expr"] for rule in alerts() if rule["alert"] == "DeadLetters"]
    judged = alert.removesuffix(" > 0")
    shown = [
        target["expr"]
        for panel in panels()
        for target in panel["targets"]
        if "dead_letters_waiting" in target["expr"]
    ]
    assert len(shown) == 2
    assert all(judged in expression for expression in shown)


def test_the_counters_of_a_group_begin_at_zero() -> None:
    """`increase` does not see a series begin: the first dead letter must not be the first sample."""
    metrics = Metrics("reporting")
    metrics.know_group("reporting.facts")
    for reason in DECODE_REASONS:
        told = {"group": "reporting.facts", "reason": reason}
        assert metrics.registry.get_sample_value("hadir_dead_letters_total", told) == 0
    told = {"group": "reporting.facts"}
    assert metrics.registry.get_sample_value("hadir_dead_letter_stops_total", told) == 0
    assert metrics.registry.get_sample_value("hadir_consumer_stopped_partitions", told) == 0


def test_every_reason_for_which_a_record_cannot_be_read_is_known_beforehand() -> None:
    source = (ROOT / "shared" / "events" / "envelope.py").read_text(encoding="utf-8")
    assert set(re.findall(r"InvalidEvent\(\s*\"(\w+)\"", source)) == set(DECODE_REASONS)


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["do"].endswith(".")


def test_every_alert_fires_in_a_test_and_keeps_silent_in_one() -> None:
    fires, silent = set[str](), set[str]()
    for file in FILES:
        for test in yaml.safe_load((PROMETHEUS / f"{file}.test.yml").read_text())["tests"]:
            for one in test["alert_rule_test"]:
                (fires if one.get("exp_alerts") else silent).add(one["alertname"])
    names = {rule["alert"] for rule in alerts()}
    assert (names - fires, names - silent) == (set(), set())
    assert fires | silent == names, "a test of no alert"


def test_every_alert_points_to_its_own_part_of_the_runbook_and_each_part_has_an_alert() -> None:
    assert {rule["alert"]: rule["annotations"].get("runbook") for rule in alerts()} == {
        name: f"docs/runbook.md#{name.lower()}" for name in runbook()
    }


@pytest.mark.parametrize("name", runbook())
def test_the_runbook_says_of_an_alert_what_it_means_what_to_type_first_and_when_it_is_over(name: str) -> None:
    assert re.match(
        r"\*Means\*: [^\n]+\.\n\n```sh\n.+?\n```\n\n\*Over\*: [^\n]+\.\n\n\S", runbook()[name], re.DOTALL
    ), "begin it with *Means*: one line, a block of commands, *Over*: one line"


@pytest.mark.parametrize("name", runbook())
def test_what_the_runbook_says_to_type_for_an_alert_stands_on_no_variable_of_the_shell(name: str) -> None:
    assert re.findall(r"\$\{?([A-Za-z_]+)", "\n".join(blocks(runbook()[name]))) == []


def commands_of_hadir() -> list[list[str]]:
    """Each call of `hadir` that the runbook shows, as words."""
    shown = [*blocks(RUNBOOK), *re.findall(r"`([^`\n]*hadir [^`\n]*)`", RUNBOOK)]
    lines = [line.partition(" #")[0] for block in shown for line in block.splitlines()]
    calls = [call for line in lines for call in re.findall(r"(?:^|[\s/])hadir ((?:[\w.=*-]+ ?)+)", line)]
    return [call.split() for call in calls]


@pytest.mark.parametrize("words", commands_of_hadir(), ids=" ".join)
def test_every_command_of_hadir_in_the_runbook_exists_with_its_options(words: list[str]) -> None:
    command: Any = typer.main.get_command(cli.app)
    while words and words[0] in getattr(command, "commands", ()):
        command, words = command.commands[words[0]], words[1:]
    assert not hasattr(command, "commands") or not words or words[0].startswith("--"), f"hadir has no {words}"
    if command.name in ("demo", "run"):
        return  # their options are the demonstration's own
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known | {"--help"}


def typed_of_hadir() -> list[str]:
    """Each call of `hadir` in the runbook's blocks of commands, from its first word on."""
    typed = "\n".join(blocks(RUNBOOK))
    return re.findall(r"^(?:[^#\n]*[\s/])?hadir ([a-z][^#|>)\n]*)", typed, re.MULTILINE)


@pytest.mark.parametrize("typed", typed_of_hadir())
def test_every_command_of_hadir_that_the_runbook_says_to_type_is_whole(typed: str) -> None:
    command, words = typer.main.get_command(cli.app), shlex.split(typed)
    while isinstance(command, typer.core.TyperGroup):
        command, words = command.commands[words[0]], words[1:]
    given, _, _ = command.make_parser(command.context_class(command)).parse_args(words)
    needed = [parameter.name for parameter in command.params if parameter.required]
    assert [name for name in needed if not isinstance(given.get(name), str | list | tuple)] == []


def test_every_replica_of_every_service_is_scraped_at_its_own_prefix() -> None:
    """By name: a fixed target would be one replica at a time, another at each scrape."""
    jobs = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    assert {job["job_name"]: job["metrics_path"] for job in jobs} == {
        name: f"/{name}/metrics" for name in SERVICES
    }
    for job in jobs:
        assert "static_configs" not in job
        (found,) = job["dns_sd_configs"]
        assert (found["names"], found["type"], found["port"]) == ([job["job_name"]], "A", 8080)
        assert job["relabel_configs"] == [{"target_label": "service", "replacement": job["job_name"]}]


@pytest.mark.parametrize(
    "command",
    [
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "alerts.test.yml"),
        ("test", "rules", "slo.test.yml"),
    ],
)
def test_promtool_agrees(command: tuple[str, ...]) -> None:
    promtool = debian_tool("prometheus", "usr/bin/promtool")
    checked = subprocess.run([promtool, *command], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_panels_do_not_overlap_and_have_ids_of_their_own() -> None:
    every = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    cells: set[tuple[int, int]] = set()
    for panel in every:
        place = panel["gridPos"]
        mine = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not mine & cells, panel["title"]
        assert all(x < 24 for x, _ in mine)
        cells |= mine
