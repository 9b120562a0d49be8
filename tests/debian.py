"""Programs that only some tests need: on the machine, else from Debian's package, unpacked beside the caches."""

import os
import shutil
import subprocess
from pathlib import Path

from deploy.local.tools import alone, cache_dir


def debian_tool(package: str, path: str) -> str:
    """The program at `path` of a Debian package, without installing it; AssertionError says what to do."""
    name = Path(path).name
    found = shutil.which(name)
    if found:
        return found
    home = cache_dir() / "debian" / package
    tool = home / path
    with alone(cache_dir() / "apt-get"):
        if not tool.exists():
            fetch(package, home, name)
    return str(tool)


def fetch(package: str, home: Path, name: str) -> None:
    assert shutil.which("apt-get"), f"{name} is missing. Install it, then run the tests again"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    if os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=True, capture_output=True)
    got = subprocess.run(
        ["apt-get", "download", "-qq", package], cwd=home, check=False, capture_output=True, text=True
    )
    assert got.returncode == 0, f"{name} is missing. Install it: sudo apt-get install -y {package}\n{got.stderr}"
    for archive in home.glob("*.deb"):
        subprocess.run(["dpkg", "-x", archive, home], check=True, capture_output=True)
