"""Each command says in one line what is wrong and what to do, at once, and leaves everything as it was."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy import cli
from deploy.local import state as state_module
from deploy.local.hosted import ensure_key
from deploy.local.state import State, Unusable
from services.reporting.commands import facts, rebuild
from tests.integration.conftest import Says


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (
            stat.S_IMODE(path.lstat().st_mode),
            path.read_bytes() if path.is_file() else b"",
        )
        for path in [folder, *folder.rglob("*")]
    }


# --- the state directory ---------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["up", "erase"])
@pytest.mark.parametrize(
    "names", [["thesis.txt"], ["passwords.json", "lock", "thesis.txt"], [".git/config"], ["lock"]]
)
def test_a_folder_with_somebodys_files_is_refused_and_left_as_it_was(
    says: Says, tmp_path: Path, command: str, names: list[str]
) -> None:
    folder = tmp_path / "mine"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    folder.chmod(0o750)
    before = snapshot(folder)
    code, said = says(command, HADIR_STATE_DIR=str(folder))
    assert code == 1
    assert said.startswith(f"hadir: {folder} ")
    assert "HADIR_STATE_DIR" in said
    assert snapshot(folder) == before


@pytest.mark.parametrize("command", ["up", "erase"])
def test_the_root_the_home_and_a_file_are_no_state_directories(
    says: Says, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for path in ("/", str(file), str(file / "below")):
        code, said = says(command, HADIR_STATE_DIR=path)
        assert (code, said.count("\n")) == (1, 1) or command == "erase", (path, said)
        assert "HADIR_STATE_DIR" in said or path.endswith("below"), (path, said)
    assert file.read_text() == "mine"
    if command == "up":
        assert says("up", HADIR_STATE_DIR=str(home))[0] == 1
    assert list(home.iterdir()) == []


def test_a_place_where_nothing_can_be_made_is_said_at_once(says: Says) -> None:
    code, said = says("up", HADIR_STATE_DIR="/proc/hadir")
    assert code == 1
    assert "/proc/hadir cannot be used" in said


def test_an_empty_folder_is_taken_with_its_mode_and_erased_with_what_was_made_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir(mode=0o700)
    state = State(folder)
    state.create()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    state.password("attendance")
    state.remember_port("http", 1)
    (state.kafka / "data" / "topic-0").mkdir(parents=True)
    (state.logs / "kafka").mkdir()
    (state.logs / "kafka" / "server.log.1").touch()
    state.create()
    assert state.erase() == []
    assert not folder.exists()
    assert state.erase() == []


def test_what_somebody_put_beside_the_state_stays_and_is_named(says: Says, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "data").mkdir()
    (elsewhere / "data" / "photo").touch()
    state = State(tmp_path / "state")
    state.create()
    state.password("attendance")
    mine = [
        state.root / "notes.txt",
        state.logs / "mine.log",
        state.root / "clock.json.backup",
        state.root / "link",
    ]
    for path in mine[:3]:
        path.touch()
    mine[3].symlink_to(elsewhere)
    (state.root / "postgres").symlink_to(elsewhere)
    code, said = says("erase")
    assert code == 0
    assert "notes.txt" in said or "more" in said
    assert all(path.is_symlink() or path.exists() for path in mine)
    assert (elsewhere / "data" / "photo").exists()
    assert not (state.root / "passwords.json").exists()
    assert not (state.root / "postgres").is_symlink()
    state.create()  # it is still ours, and can be used again


def test_a_state_directory_behind_a_link_is_emptied_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "disk")
    state = State(tmp_path / "state")
    state.create()
    assert state.erase() == []
    assert (tmp_path / "state").is_symlink()
    assert list((tmp_path / "disk").iterdir()) == []


def test_a_state_directory_of_before_the_marker_is_known_and_one_with_other_files_is_not(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.create()
    state.password("attendance")
    (state.root / ".hadir-state").unlink()
    state.create()
    assert (state.root / ".hadir-state").exists()
    (state.root / ".hadir-state").unlink()
    (state.root / "thesis.txt").touch()
    with pytest.raises(Unusable, match="not empty"):
        state.create()
    with pytest.raises(Unusable):
        state.erase()
    assert (state.root / "passwords.json").exists()


def test_the_data_made_for_the_database_servers_account_elsewhere_is_erased_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "UNREACHABLE_HOME", tmp_path / "open")
    state = State(tmp_path / "state")
    state.create()
    home = state_module.outside(state.root / "postgres")
    (home / "data").mkdir(parents=True)
    (state.root / "postgres").symlink_to(home)
    assert state.erase() == []
    assert not home.exists()


# --- settings, ports, servers that are away --------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"HADIR_CLOCK": "garbage"}, "HADIR_CLOCK"),
        ({"HADIR_CLOCK": "2025-11-06T06:45"}, "HADIR_CLOCK"),
        ({"HADIR_CLOCK": "0001-01-01T00:00+14:00"}, "HADIR_CLOCK"),
        ({"HADIR_CLOCK": "2025-02-30T00:00+07:00"}, "HADIR_CLOCK"),
        ({"HADIR_CLOCK": "2025-11-06T06:45+07:00@nan"}, "HADIR_CLOCK"),
        ({"HADIR_CLOCK": "2025-11-06T06:45+07:00@-1"}, "HADIR_CLOCK"),
        ({"HADIR_LOG_LEVEL": "loud"}, "HADIR_LOG_LEVEL"),
        ({"HADIR_BATCH_MAX_RECORDS": "0"}, "HADIR_BATCH_MAX_RECORDS"),
        ({"HADIR_DATABASE_POOL_SIZE": "many"}, "HADIR_DATABASE_POOL_SIZE"),
        ({"HADIR_POSTGRES_URL": "mysql://127.0.0.1/x"}, "HADIR_POSTGRES_URL"),
        ({"HADIR_POSTGRES_URL": "postgresql://a:b@127.0.0.1:1/postgres"}, "HADIR_POSTGRES_URL"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_starts(
    says: Says, variables: Mapping[str, str], named: str, tmp_path: Path
) -> None:
    code, said = says("up", **variables)
    assert code == 1
    assert named in said
    assert "starting" not in said
    assert not (tmp_path / "state" / "kafka" / "data").exists()


@pytest.mark.parametrize("option", ["--port", "--kafka-port", "--postgres-port"])
def test_a_port_that_is_taken_is_named_with_its_option_before_anything_starts(
    says: Says, taken: int, option: str
) -> None:
    code, said = says("up", option, str(taken))
    assert code == 1
    assert f"port {taken}" in said
    assert option in said
    assert "starting" not in said


def test_one_port_for_two_servers_and_no_port_at_all_are_refused(says: Says) -> None:
    assert "chosen twice" in says("up", "--kafka-port", "5", "--postgres-port", "5")[1]
    assert says("up", "--port", "99999")[0] == 2


def test_a_damaged_clock_file_is_named(says: Says, tmp_path: Path) -> None:
    State(tmp_path / "state").create()
    (tmp_path / "state" / "clock.json").write_text("{")
    code, said = says("up")
    assert code == 1
    assert "clock.json is damaged" in said


@pytest.mark.parametrize(
    "command", [("tail", "rules.changed.v1"), ("topics",), ("create-topics",)], ids=lambda c: str(c[0])
)
def test_kafka_away_is_one_line(says: Says, command: tuple[str, ...]) -> None:
    code, said = says(*command, HADIR_KAFKA_BOOTSTRAP="127.0.0.1:1")
    assert (code, said.count("\n")) == (1, 1)
    assert "Kafka does not answer" in said


@pytest.mark.parametrize("command", [("digest",), ("migrate", "reporting"), ("check-config", "reporting")])
@pytest.mark.parametrize("url", ["garbage", "mysql://a:b@127.0.0.1/x", "postgresql://a:b@127.0.0.1:port/x"])
def test_an_address_that_is_none_is_named(says: Says, command: tuple[str, ...], url: str) -> None:
    code, said = says(*command, HADIR_REPORTING_DATABASE_URL=url)
    assert code == 1
    assert "HADIR_REPORTING_DATABASE_URL: write it as" in said


def test_a_host_that_nobody_knows_is_one_line(says: Says) -> None:
    code, said = says("digest", HADIR_REPORTING_DATABASE_URL="postgresql://a:b@nobody.invalid/x")
    assert (code, said.count("\n")) == (1, 1)
    assert "PostgreSQL does not answer" in said


@pytest.mark.parametrize("command", [("digest",), ("digest", "--steps"), ("migrate", "reporting")], ids=" ".join)
def test_postgresql_away_is_one_line(says: Says, command: tuple[str, ...]) -> None:
    code, said = says(*command, HADIR_REPORTING_DATABASE_URL="postgresql://a:b@127.0.0.1:1/x")
    assert (code, said.count("\n")) == (1, 1)
    assert "PostgreSQL does not answer" in said


def test_a_damaged_signing_key_is_named(says: Says, tmp_path: Path) -> None:
    State(tmp_path / "state").create()
    (tmp_path / "state" / "token-key.pem").write_text("not a key")
    code, said = says("token", "--role", "bkpsdm")
    assert (code, said.count("\n")) == (1, 1)
    assert "token-key.pem" in said


def test_a_token_says_what_it_cannot_do(says: Says, tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.create()
    ensure_key(state)
    code, said = says("token", "--role", "opd_admin")
    assert (code, "--opd" in said) == (2, True)
    code, said = says("token", "--role", "bkpsdm")
    assert (code, said.count("\n")) == (0, 1)
    assert "--employee" in said
    assert says("token", "--role", "bkpsdm", "--employee", "00000000-0000-4000-8000-000000000001") == (0, "")
    assert says("token", "--role", "bkpsdm", "--ttl", "2592001")[0] == 2


# --- interrupts ------------------------------------------------------------------------------------------

DEAF = 'trap "" INT; exec "$0" "$@"'


def test_a_command_that_a_shell_put_into_the_background_still_stops_by_sigint(tmp_path: Path) -> None:
    """A shell without job control starts `command &` with SIGINT ignored, and every child inherits that."""
    with socket.socket() as silent:  # a Kafka that takes the connection and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        environment = {
            **os.environ,
            "HADIR_STATE_DIR": str(tmp_path / "state"),
            "HADIR_KAFKA_BOOTSTRAP": f"127.0.0.1:{silent.getsockname()[1]}",
        }
        hadir = [sys.executable, "-c", "from deploy.entry import main; main()", "tail", "rules.changed.v1"]
        process = subprocess.Popen(["sh", "-c", DEAF, *hadir], env=environment, stderr=subprocess.PIPE)
        silent.settimeout(60)
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        connection.close()
    assert process.returncode != 0
    assert b"Traceback" not in said


def test_a_program_on_the_leash_of_a_deaf_parent_hears_its_stop_signal() -> None:
    program = (
        "import os, signal, subprocess, sys\n"
        "from deploy.local.processes import leashed\n"
        "child = subprocess.Popen(leashed(['sh', '-c', 'echo go; exec sleep 60'], signal.SIGINT), stdout=-1)\n"
        "child.stdout.readline()\n"
        "child.send_signal(signal.SIGINT)\n"
        "sys.exit(0 if child.wait(30) == -signal.SIGINT else 1)\n"
    )
    assert (
        subprocess.run(["sh", "-c", DEAF, sys.executable, "-c", program], check=False, timeout=60).returncode == 0
    )


@pytest.mark.parametrize("before", ["trap - INT", 'trap "" INT'], ids=["heard", "deaf"])
def test_an_interrupt_while_the_command_is_still_being_loaded_says_nothing(before: str, tmp_path: Path) -> None:
    environment = {**os.environ, "HADIR_STATE_DIR": str(tmp_path / "state")}
    # A module that takes its time, and tells when it is being loaded.
    (tmp_path / "typer.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    environment["PYTHONPATH"] = f"{tmp_path}:{Path(cli.__file__).parents[1]}"
    hadir = [sys.executable, "-c", "from deploy.entry import main; main()", "up"]
    process = subprocess.Popen(
        ["sh", "-c", f'{before}; exec "$0" "$@"', *hadir], env=environment, stdout=-1, stderr=-1, cwd=tmp_path
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"loading\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (-signal.SIGINT, b"")
    assert not (tmp_path / "state").exists()


def test_a_second_rebuild_is_told_that_the_first_one_runs(says: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy(*_: object) -> str:
        raise rebuild.RebuildRunning("another `hadir rebuild` of this database is running; wait for it to end")

    monkeypatch.setattr(facts, "digest", busy)
    code, said = says("digest", HADIR_REPORTING_DATABASE_URL="postgresql://a:b@127.0.0.1:1/x")
    assert (code, said.count("\n")) == (1, 1)
    assert "wait for it to end" in said
