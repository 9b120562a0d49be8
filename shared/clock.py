"""Business time. Everything a rule judges by comes from a Clock; nothing else asks what time it is.

Token times, leases, timeouts, retries, metrics and Kafka record timestamps are wall time and do not come here.
"""

import contextlib
import json
import os
import re
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The business instant, aware, in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that moves only when told: for tests."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at

    def set(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        self._at += by


_SETTING = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(Z|[+-][0-9]{2}:[0-9]{2})?(?:@([0-9]+(?:\.[0-9]+)?))?"
)


def parse(text: str) -> tuple[datetime, float]:
    """`2025-11-06T06:45+07:00@60` as (business start, speed). Raises ValueError that says what is wrong."""
    known = _SETTING.fullmatch(text)
    if known is None:
        raise ValueError(f"clock {text!r}: write it as 2025-11-06T06:45+07:00@60")
    local, offset, speed = known[1], known[2], float(known[3] or 1)
    if offset is None:
        raise ValueError(f"clock {text!r}: the time needs an offset, such as +07:00")
    if not 0 <= speed <= 100_000:
        raise ValueError(f"clock {text!r}: the speed must be between 0 and 100000")
    try:
        business = datetime.fromisoformat(local + offset)
    except ValueError as error:
        raise ValueError(f"clock {text!r}: there is no such time: {error}") from error
    if not 1900 <= business.year <= 2999:
        raise ValueError(f"clock {text!r}: the year must be between 1900 and 2999")
    return business.astimezone(UTC), speed


def write_anchor(path: Path, *, business: datetime, wall: float, speed: float) -> None:
    """Say to every process that reads `path`: at wall time `wall` (Unix seconds) it was `business`.

    The file is replaced in one step: a reader sees the old anchor or the new one, never half of one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    body = json.dumps({"business": business.astimezone(UTC).isoformat(), "wall": wall, "speed": speed})
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(body)
    Path(name).replace(path)


SET_BACK = timedelta(minutes=10)
"""A new anchor so much earlier was set on purpose; less than that is the slack of a change of speed."""


class BrokenAnchor(Exception):
    """The file that says what time it is cannot be read; the message says what to do."""


class AnchoredClock:
    """Business time = anchor.business + (wall now - anchor.wall) x anchor.speed, anchor read from a file.

    The file is looked at on each call (one stat), so a new anchor reaches every process at once; without a file
    it is the system's time. Time goes backwards within a process only where a new anchor sets it back.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._business = self._latest = datetime.fromtimestamp(0, UTC)
        self._wall = 0.0
        self._speed = 1.0

    @classmethod
    def anchored(cls, path: Path, setting: str) -> "AnchoredClock":
        """The clock of a state directory, anchored by `setting` unless an earlier start has done so."""
        if not path.exists():
            business, speed = parse(setting)
            write_anchor(path, business=business, wall=time.time(), speed=speed)
        return cls(path)

    def _read(self) -> None:
        status = self._path.stat()
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp == self._stamp:
            return
        try:
            anchor = json.loads(self._path.read_text(encoding="utf-8"))
            business = datetime.fromisoformat(anchor["business"]).astimezone(UTC)
            wall, speed = float(anchor["wall"]), float(anchor["speed"])
        except (ValueError, TypeError, KeyError) as error:
            if self._stamp is not None:
                return  # the anchor in hand serves
            raise BrokenAnchor(f"{self._path} is damaged: remove it, then start again with HADIR_CLOCK") from error
        self._business, self._wall, self._speed = business, wall, speed
        self._stamp = stamp
        if self._latest - self._at(time.time()) > SET_BACK:
            self._latest = self._business

    @property
    def speed(self) -> float:
        """Business seconds in a wall second, as last read."""
        return self._speed

    def _at(self, wall: float) -> datetime:
        return self._business + timedelta(seconds=(wall - self._wall) * self._speed)

    def now(self) -> datetime:
        # Between two replacements of the file, or after the directory is gone, the anchor in hand serves.
        with contextlib.suppress(FileNotFoundError):
            self._read()
        self._latest = max(self._latest, self._at(time.time()))
        return self._latest


def wall_s(clock: Clock, since: datetime) -> float:
    """Wall seconds since a business instant, as fast as the clock goes now; 0 for one ahead, or if it stands."""
    now = clock.now()
    speed = clock.speed if isinstance(clock, AnchoredClock) else 1.0
    return max(0.0, (now - since).total_seconds()) / speed if speed else 0.0


def clock_for(state_dir: Path, setting: str | None) -> Clock:
    """The clock of a process: that of the state directory, which `setting` anchors at the first start."""
    path = state_dir / "clock.json"
    return AnchoredClock.anchored(path, setting) if setting else AnchoredClock(path)
