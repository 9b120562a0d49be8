"""Programs of Node's that tests talk to: fetched by npm once, then taken from the cache."""

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from deploy.local import tools
from deploy.local.tools import cache_dir


@cache
def npm_home(folder: Path) -> Path:
    """A folder with what the package.json of `folder` names; every version is exact, there or in a lock file."""
    files = {name: (folder / name).read_bytes() for name in _FILES if (folder / name).is_file()}
    home = cache_dir() / f"{folder.name}-{hashlib.sha256(b''.join(files.values())).hexdigest()[:8]}"
    with tools.alone(home):
        if not home.is_dir():
            fetch(files, home, folder.name)
    return home


_FILES = ("package.json", "package-lock.json")


def fetch(files: Mapping[str, bytes], home: Path, name: str) -> None:
    if not shutil.which("npm"):
        tools._install("npm", "npm")  # pyright: ignore[reportPrivateUsage] - as Java and Maven are
    for program in ("node", "npm"):
        assert shutil.which(program), f"{program} is missing. Install it: sudo apt-get install -y nodejs npm"
    unfinished = home.with_name(f"{home.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for file, content in files.items():
        (unfinished / file).write_bytes(content)
    how = ["ci"] if "package-lock.json" in files else ["install", "--no-package-lock"]
    command = ["npm", *how, "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    got = subprocess.run(command, cwd=unfinished, check=False, capture_output=True, text=True)
    assert got.returncode == 0, f"npm could not fetch {name}: {got.stderr}{got.stdout}"
    unfinished.rename(home)
