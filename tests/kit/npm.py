"""Programs of npm that tests use: fetched once, then taken from the cache."""

import hashlib
import shutil
import subprocess
from functools import cache
from pathlib import Path

from deploy.local import tools
from deploy.local.tools import cache_dir


@cache
def installed(name: str, home: Path) -> Path:
    """A folder with the packages that `home/package.json` names, under `node_modules`."""
    package = (home / "package.json").read_bytes()
    folder = cache_dir() / f"{name}-{hashlib.sha256(package).hexdigest()[:8]}"
    if not folder.is_dir():
        if not shutil.which("npm"):
            tools._install("npm", "npm")  # pyright: ignore[reportPrivateUsage] - as Java and Maven are
        for program in ("node", "npm"):
            assert shutil.which(program), f"{program} is missing. Install it: sudo apt-get install -y nodejs npm"
        unfinished = folder.with_name(f"{folder.name}.part")
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
        unfinished.rename(folder)
    return folder
