"""Programs of Node's that tests talk to: fetched by npm once, then taken from the cache."""

import hashlib
import shutil
import subprocess
from functools import cache
from pathlib import Path

from deploy.local import tools
from deploy.local.tools import cache_dir


@cache
def npm_home(folder: Path) -> Path:
    """A folder with what the package.json of `folder` names; every version there is exact."""
    package = (folder / "package.json").read_bytes()
    home = cache_dir() / f"{folder.name}-{hashlib.sha256(package).hexdigest()[:8]}"
    with tools.alone(home):
        if not home.is_dir():
            fetch(package, home, folder.name)
    return home


def fetch(package: bytes, home: Path, name: str) -> None:
    if not shutil.which("npm"):
        tools._install("npm", "npm")  # pyright: ignore[reportPrivateUsage] - as Java and Maven are
    for program in ("node", "npm"):
        assert shutil.which(program), f"{program} is missing. Install it: sudo apt-get install -y nodejs npm"
    unfinished = home.with_name(f"{home.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    (unfinished / "package.json").write_bytes(package)
    command = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--ignore-scripts",
        "--silent",
    ]
    got = subprocess.run(command, cwd=unfinished, check=False, capture_output=True, text=True)
    assert got.returncode == 0, f"npm could not fetch {name}: {got.stderr}{got.stdout}"
    unfinished.rename(home)
