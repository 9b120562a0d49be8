"""What is missing on the machine is installed when we may, else named with the exact command."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from deploy.drills import nodes
from deploy.local import tools
from deploy.local.tools import Missing


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on whose PATH there is nothing but what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HADIR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return folder


def program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\nexport PATH=/usr/bin:/bin\n{body}\n")
    path.chmod(0o755)


def java_program(folder: Path, version: str) -> None:
    program(folder, "java", f"echo 'openjdk version \"{version}\" 2025-04-15' >&2")


def become(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)


@pytest.mark.parametrize("version", ["17.0.15", "21.0.1", "25"])
def test_a_java_that_is_new_enough_is_used(machine: Path, version: str) -> None:
    java_program(machine, version)
    assert tools.java() == str(machine / "java")


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.22"])
def test_an_old_java_is_not_used_and_the_command_for_a_new_one_is_named(
    machine: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    become(monkeypatch, 1000)
    java_program(machine, version)
    with pytest.raises(Missing, match="sudo apt-get install -y --no-install-recommends default-jre-headless"):
        tools.java()


def test_java_home_comes_before_the_path(machine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java_program(machine, "17.0.1")
    home = tmp_path / "jdk"
    (home / "bin").mkdir(parents=True)
    java_program(home / "bin", "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert tools.java() == str(home / "bin" / "java")


def test_root_installs_what_is_missing(machine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    become(monkeypatch, 0)
    log = tmp_path / "apt"
    made = f'printf \'#!/bin/sh\\necho "openjdk version \\\\"17.0.15\\\\"" >&2\\n\' > {machine}/java'
    program(machine, "apt-get", f'echo "$@" >> {log}\n[ "$1" = update ] || {{ {made}; chmod +x {machine}/java; }}')
    assert tools.java() == str(machine / "java")
    assert log.read_text().splitlines() == [
        "update -qq",
        "install -y --no-install-recommends default-jre-headless",
    ]


def test_what_is_missing_is_installed_in_turn(
    machine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As apt-get itself does, this one refuses a second beside it."""
    become(monkeypatch, 0)
    made = f'printf \'#!/bin/sh\\necho "openjdk version \\\\"17.0.15\\\\"" >&2\\n\' > {machine}/java'
    held = f"mkdir {tmp_path}/held || exit 100\nsleep 0.1\n{made}; chmod +x {machine}/java\nrmdir {tmp_path}/held"
    program(machine, "apt-get", held)
    failed = list[Missing]()

    def start() -> None:
        try:
            tools.java()
        except Missing as missing:
            failed.append(missing)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_failed_install_says_what_failed(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, 0)
    program(machine, "apt-get", "exit 100")
    with pytest.raises(Missing, match=r"`apt-get update -qq` failed \(100\)"):
        tools.java()


def test_the_jars_are_fetched_once_by_systems_that_start_together(machine: Path, tmp_path: Path) -> None:
    log = tmp_path / "mvn"
    fetch = 'for word; do case "$word" in -DoutputDirectory=*) touch "${word#*=}/kafka.jar";; esac; done'
    program(machine, "mvn", f"echo fetched >> {log}\n{fetch}")
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(tools.kafka_jars())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert (found[0] / "kafka.jar").exists()
    assert log.read_text().splitlines() == ["fetched"]


def test_a_fetch_that_failed_leaves_nothing_that_looks_finished(machine: Path) -> None:
    program(machine, "mvn", "exit 1")
    with pytest.raises(Missing, match="mvn"):
        tools.kafka_jars()
    program(machine, "mvn", ":")
    assert [path.name for path in tools.kafka_jars().iterdir()] == ["pom.xml"]


def test_a_postgresql_too_old_is_passed_over(
    machine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folders: list[Path] = []
    for version in ("13.14", "16.2", "15.9"):
        folder = tmp_path / version
        folder.mkdir()
        program(folder, "initdb", ":")
        program(folder, "postgres", f"echo 'postgres (PostgreSQL) {version} (Debian {version}-1)'")
        folders.append(folder)
    monkeypatch.setattr(tools, "postgres_folders", lambda: iter(folders))
    assert tools.postgres_bin(None) == tmp_path / "16.2"


def test_the_poms_ask_for_the_version_that_the_runtime_names() -> None:
    for pom in (tools.POM, nodes.POM):
        assert f"<version>{tools.KAFKA_VERSION}</version>" in pom.read_text()


def test_make_help_lists_every_target_that_a_person_may_call() -> None:
    root = Path(__file__).parents[2]
    shown = subprocess.run(["make", "-s", "help"], cwd=root, capture_output=True, text=True, check=True).stdout
    for target in ("setup", "up", "run", "test", "lint", "schemas", "bench", "clean"):
        assert f"make {target} " in shown
