"""The containers: valid, complete, without secrets, and of the same Kafka and PostgreSQL as the tests."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from shared.auth import Authenticator, session_key
from shared.events.base import SERVICES
from shared.proof_keys import ProofKeys
from shared.receipts import ReceiptKeys
from tests.kit.backing import KAFKA_IMAGE, POSTGRES_IMAGE

ROOT = Path(__file__).parents[2]
FILES = [
    "docker-compose.yml",
    "deploy/ha/compose.yml",
    "deploy/mail/compose.yml",
    "deploy/oidc/compose.yml",
    "deploy/prometheus/compose.yml",
    "deploy/replicas/compose.yml",
]
JOBS = {"topics", "migrations", "access"}


async def nowhere(*_: object) -> None:
    """An application that is never called."""


def compose(file: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / file).read_text())


def services() -> dict[str, dict[str, Any]]:
    """Every service that some file defines (an overlay only adds to those it does not define)."""
    return {name: body for file in FILES for name, body in compose(file)["services"].items() if "image" in body}


def test_compose_accepts_the_files_and_refuses_to_start_without_secrets() -> None:
    checked = subprocess.run(
        ["sh", str(ROOT / "deploy" / "check_compose.sh")], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert [line.split()[-3] for line in checked.stdout.splitlines()] == [*FILES, FILES[-1]]  # at last all at once


def test_three_brokers_are_told_what_the_one_is_told_and_two_of_them_acknowledge() -> None:
    one, overlay = compose("docker-compose.yml")["services"]["kafka"], compose("deploy/ha/compose.yml")["services"]
    told = {**one["environment"], **overlay["kafka"]["environment"]}
    for name in ("kafka-2", "kafka-3"):
        theirs = overlay[name]["environment"]
        assert theirs == {
            **told,
            "KAFKA_NODE_ID": name[-1],
            "KAFKA_ADVERTISED_LISTENERS": theirs["KAFKA_ADVERTISED_LISTENERS"],
        }
        assert theirs["KAFKA_ADVERTISED_LISTENERS"].startswith(f"CLIENTS://{name}:9092,EXTERNAL://")
        assert {part: overlay[name][part] for part in ("image", "mem_limit", "healthcheck", "group_add")} == {
            part: one[part] for part in ("image", "mem_limit", "healthcheck", "group_add")
        }
    copies = {name: value for name, value in told.items() if name.endswith("REPLICATION_FACTOR")}
    assert set(copies.values()) == {"3"}
    assert {told[name] for name in told if name.endswith(("MIN_ISR", "MIN_INSYNC_REPLICAS"))} == {"2"}


def test_the_overlay_of_replicas_has_two_of_each_service() -> None:
    assert compose("deploy/replicas/compose.yml")["services"] == {name: {"scale": 2} for name in SERVICES}


def test_all_services_jobs_and_stores_are_there() -> None:
    assert {"kafka", "postgres", "proxy", "topics", "migrations", *SERVICES} <= set(services())


def test_a_setting_of_one_service_reaches_its_container_and_no_other_one() -> None:
    """By the runbook, whose description of such a setting begins with the names of those that it is for."""
    rows = re.findall(r"^\| `(HADIR_\w+)`.*?\| ([a-z, ]+): ", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    stated = {setting: set(whose.split(", ")) for setting, whose in rows if set(whose.split(", ")) <= {*SERVICES}}
    reached = {
        setting: {name for name, body in services().items() if setting in body.get("environment", {})}
        for setting in stated
    }
    assert len(stated) > 7
    assert reached == stated


@pytest.mark.parametrize("name", sorted(services()))
def test_every_container_is_bounded_pinned_and_watched(name: str) -> None:
    body = services()[name]
    assert "mem_limit" in body
    assert set(body["logging"]["options"]) == {"max-size", "max-file"}
    assert "no-new-privileges:true" in body["security_opt"]
    assert not body.get("privileged")
    _, _, tag = body["image"].partition(":")
    assert tag
    assert tag != "latest"
    if name in JOBS:
        assert body["restart"] == "no"
    else:
        assert "test" in body["healthcheck"]
        assert body["restart"] == "unless-stopped"


def test_our_own_containers_cannot_write_nor_gain_rights() -> None:
    for name in (*SERVICES, *JOBS):
        body = services()[name]
        assert body["read_only"] is True
        assert body["cap_drop"] == ["ALL"]


def test_a_service_starts_after_topics_and_migrations_and_the_door_after_the_services() -> None:
    for name in SERVICES:
        waits = services()[name]["depends_on"]
        assert {job: waits[job]["condition"] for job in ("topics", "migrations")} == {
            "topics": "service_completed_successfully",
            "migrations": "service_completed_successfully",
        }
    door = services()["proxy"]["depends_on"]
    assert {name: door[name]["condition"] for name in SERVICES} == dict.fromkeys(SERVICES, "service_healthy")


def test_a_service_knows_the_address_of_its_own_database_and_of_no_other() -> None:
    for name in SERVICES:
        known = {key for key in services()[name]["environment"] if key.endswith("_DATABASE_URL")}
        assert known == {f"HADIR_{name.upper()}_DATABASE_URL"}


def test_the_key_of_sessions_is_given_to_reporting_alone_and_the_key_of_tokens_to_nobody() -> None:
    having = [name for name, body in services().items() if "session_key" in body.get("secrets", ())]
    assert having == ["reporting"]
    having = [name for name, body in services().items() if "receipt_key" in body.get("secrets", ())]
    assert having == ["attendance"]
    having = [name for name, body in services().items() if "proof_key" in body.get("secrets", ())]
    assert having == ["reporting"]
    having = [name for name, body in services().items() if "kafka_tls" in body.get("secrets", ())]
    assert having == ["kafka", "kafka-2", "kafka-3"]
    assert "token-key.pem" not in "".join((ROOT / file).read_text() for file in FILES)


def test_the_citys_account_is_reached_by_reporting_alone_and_keeps_what_the_service_is_told_besides() -> None:
    outside("deploy/oidc/compose.yml", "reporting")


def test_the_mail_server_is_reached_by_notifications_alone() -> None:
    outside("deploy/mail/compose.yml", "notifications")


def outside(file: str, name: str) -> None:
    """An overlay lets one service reach what is outside, and takes nothing from it that it is told besides."""
    overlay = compose(file)
    assert set(overlay["services"]) == {name}
    asking, known = overlay["services"][name], services()[name]
    assert asking["networks"] == ["inside", "outside"]
    assert set(known["secrets"]) < set(asking["secrets"]) == set(overlay["secrets"]) | set(known["secrets"])


def test_services_believe_the_door_about_https_and_only_the_inside_reaches_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in SERVICES:
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", services()[name]["environment"].get("FORWARDED_ALLOW_IPS", ""))
        assert (
            "172.18.0.9"
            in ProxyHeadersMiddleware(nowhere, uvicorn.Config(nowhere).forwarded_allow_ips).trusted_hosts
        )
        # Messages leave the house; nothing listens outside, since no port is published.
        outside = ["outside"] if name == "notifications" else []
        assert services()[name]["networks"] == ["inside", *outside]
    assert compose("docker-compose.yml")["networks"]["inside"] == {"internal": True}


def test_only_doors_dashboards_and_kafkas_encrypted_listener_are_reached_and_only_from_this_machine() -> None:
    published = {name: body["ports"] for name, body in services().items() if "ports" in body}
    brokers = {"kafka", "kafka-2", "kafka-3"}
    assert set(published) == {"proxy", "grafana", *brokers}
    assert all(published[broker][0].endswith(":9094") for broker in brokers)
    listeners = services()["kafka"]["environment"]["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    assert sorted(listeners) == ["CLIENTS:SASL_PLAINTEXT", "CONTROLLER:SASL_PLAINTEXT", "EXTERNAL:SASL_SSL"]
    for ports in published.values():
        assert all(re.fullmatch(r"\$\{HADIR_\w+_ADDRESS:-127\.0\.0\.1:\d+\}:\d+", port) for port in ports)


def test_no_secret_has_a_default() -> None:
    for file in FILES:
        text = (ROOT / file).read_text()
        used = re.findall(r"\$\{?(HADIR_\w*(?:PASSWORD|KEY)\w*)(:?[-?])?", text)
        # A `$$` is a variable of the container's own shell, set from a required one.
        in_shell = set(re.findall(r"\$\$(HADIR_\w+)", text))
        assert [name for name, operator in used if operator != ":?" and name not in in_shell] == []
        for word in re.findall(r"^ *\w*PASSWORD: *(\S+)", text, re.MULTILINE):
            assert word.startswith("${"), word


def test_compose_runs_the_same_kafka_and_postgresql_as_the_tests() -> None:
    assert services()["kafka"]["image"] == KAFKA_IMAGE
    assert re.fullmatch(rf"{POSTGRES_IMAGE}\.\d+", services()["postgres"]["image"])


def test_the_image_runs_as_nobody_in_particular_and_holds_what_is_copied() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    last_stage = lines[max(n for n, line in enumerate(lines) if line.startswith("FROM")) :]
    users = [line.split()[1] for line in last_stage if line.startswith("USER")]
    assert users
    assert users[-1] not in ("0", "root")
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            *sources, _ = line.split()[1:]
            for source in sources:
                assert (ROOT / source).exists(), source
                assert source in kept, f"{source} is kept out by .dockerignore"


def test_the_secrets_that_compose_asks_for_are_those_that_the_script_makes(tmp_path: Path) -> None:
    asked = set(re.findall(r"\$\{(HADIR_\w+):\?", "".join((ROOT / file).read_text() for file in FILES)))
    asked = {
        name for name in asked if not name.startswith(("HADIR_OIDC_", "HADIR_SMTP_", "HADIR_MAIL_"))
    }  # the provider's and the mail server's: nobody makes them here
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "new_env.sh"
    script.write_text((ROOT / "deploy" / "new_env.sh").read_text())
    first = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    made = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines() if "=" in line)
    assert set(made) == asked
    assert len(set(made.values())) == len(made)
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert (tmp_path / ".keys" / "token-key.pem").stat().st_mode & 0o077 == 0
    sessions = tmp_path / made["HADIR_TOKEN_PRIVATE_KEY_FILE"]
    assert sessions.stat().st_mode & 0o777 == 0o640
    receipts = tmp_path / made["HADIR_RECEIPT_KEY_FILE"]
    assert receipts.stat().st_mode & 0o777 == 0o640
    assert len(ReceiptKeys.from_file(receipts).jwks()) == 1
    proofs = tmp_path / made["HADIR_PROOF_KEY_FILE"]
    assert proofs.stat().st_mode & 0o777 == 0o640
    assert len(ProofKeys.from_file(proofs).jwks()) == 1
    assert (tmp_path / made["HADIR_KAFKA_TLS_FILE"]).stat().st_mode & 0o777 == 0o640
    assert "PRIVATE" not in (tmp_path / ".keys" / "kafka-ca.pem").read_text()
    assert str(sessions.stat().st_gid) == made["HADIR_KEYS_GROUP"]
    token = subprocess.run(
        [sys.executable, "-c", "from deploy.cli import main; main()", "token", "--role", "bkpsdm"],
        env={**os.environ, "HADIR_STATE_DIR": str(tmp_path / ".keys")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert token.returncode == 0, token.stderr
    authenticator = Authenticator.from_file(tmp_path / made["HADIR_TOKEN_PUBLIC_KEY_FILE"])
    assert authenticator.verify(token.stdout.strip()).role == "bkpsdm"
    assert session_key(sessions, authenticator) is not None
    again = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "move it away" in again.stderr
