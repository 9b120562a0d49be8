"""What a local system makes in its state directory, by name: this, and nothing else, is its to remove."""

import re
import shutil
from pathlib import Path

MARKER = ".hadir-state"

FILES = (
    # .PID: being replaced
    r"(lock|restoring|(clock|demo|passwords|ports|system)\.json|(token-key(\.pub)?|receipt-key|proof-key|message-key)\.pem)(\.\d+)?",
    r"clock\.json[a-z0-9_]{8}",
)
FOLDERS: dict[str, str] = {
    "pids": r"\w+\.json",
    "logs": r"(postgres|initdb|scheduling|attendance|reporting|notifications)\.log|kafka\.out",
    "logs/kafka": r"server\.log(\.\d+)?",
    "kafka": r"server\.properties",
    "postgres": r"initial-password",
    "evidence": r"\.new-.*",
}
"""The files of each folder; the folder itself goes when nothing else is in it."""

DATA = {
    "kafka": r"data",
    "postgres": r"wal|data(\.(part|new|new\.part|dump|\d+))?",
    "evidence": r"[0-9a-f]{2}",
}
"""The servers' own folders and those of evidence files, by the folder that they stand in; they go as a whole."""


def foreign(root: Path) -> list[str]:
    """The names in a state directory that no system makes."""
    return sorted(p.name for p in root.iterdir() if p.name not in (MARKER, *FOLDERS) and not is_our_file(p.name))


def remove(root: Path) -> list[Path]:
    """Remove what a system made under `root`; return what is left, in order. Links are removed, never followed.

    The marker goes last: what was broken off can be done again.
    """
    for name, ours in DATA.items():
        folder = root / name
        for path in folder.iterdir() if folder.is_dir() and not folder.is_symlink() else ():
            if re.fullmatch(ours, path.name):
                _remove_tree(path)
    for name, ours in reversed(FOLDERS.items()):
        folder = root / name
        if folder.is_symlink():
            folder.unlink()
        elif folder.is_dir():
            for path in folder.iterdir():
                if re.fullmatch(ours, path.name):
                    _unlink(path)
            if not any(folder.iterdir()):
                folder.rmdir()
    for path in root.iterdir():
        if is_our_file(path.name):
            _unlink(path)
    left = [path for path in sorted(root.iterdir()) if path.name != MARKER]
    if not left:
        (root / MARKER).unlink(missing_ok=True)
    return left


def some(names: list[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def is_our_file(name: str) -> bool:
    """Whether a system makes a file of this name in its state directory itself."""
    return any(re.fullmatch(pattern, name) for pattern in FILES)


def _remove_tree(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def _unlink(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
