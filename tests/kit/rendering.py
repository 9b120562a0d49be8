"""The manifests as `kubectl apply -k` would send them, and tools that run from a package, once fetched."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy.local.tools import alone, cache_dir

KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1"


def rendered(overlay: Path) -> str:
    """What kustomize makes of a folder; AssertionError says what it did not like."""
    if shutil.which("kustomize"):
        command = ["kustomize", "build"]
    elif shutil.which("kubectl"):
        command = ["kubectl", "kustomize"]
    else:
        command = [_kustomize(), "build"]
    made = subprocess.run([*command, str(overlay)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return made.stdout


def _kustomize() -> str:
    tool = cache_dir() / "go" / KUSTOMIZE.replace("/", "-") / "kustomize"
    with alone(tool.parent):
        if not tool.exists():
            assert shutil.which("go"), "kustomize is missing. Install kubectl, or Go, then run the tests again"
            made = subprocess.run(
                ["go", "install", KUSTOMIZE],
                env={**os.environ, "GOBIN": str(tool.parent)},
                capture_output=True,
                text=True,
                check=False,
            )
            assert made.returncode == 0, made.stderr
    return str(tool)


def objects(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def packaged(package: str, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of a package from PyPI, in an environment of its own."""
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv, "uv is missing: run the tests with `make test`"
    line: Sequence[str] = [uv, "tool", "run", "-q", "--from", package, *map(str, command)]
    return subprocess.run(line, capture_output=True, text=True, check=False)
