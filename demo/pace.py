"""How fast the day runs: slow enough at the peaks that the machine keeps up, fast in the quiet hours.

All that is still to be done is known beforehand, so the speed follows from it: the next second of wall time shall
bring no more than `rate` steps. The rate itself follows what the machine answers: a little more while answers are
quick, a third less when they are slow. And an answer that takes a while must not make its sender late: the clock
moves at most a business minute in the time that most answers take.
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

from shared.clock import write_anchor

BIN_S = 20
LEAST_SPEED, BUSY_SPEED, QUIET_SPEED = 1.0, 900.0, 7200.0
LEAST_RATE, FIRST_RATE, MOST_RATE = 50.0, 250.0, 500.0
QUICK_S, SLOW_S = 0.25, 0.60
ADJUST_EVERY_S = 0.2
SLACK_BUSINESS_S = 60.0


class Pace:
    """The business clock of a demonstration, written to the anchor file that every service reads."""

    def __init__(self, anchor: Path, *, start: datetime, most_speed: float | None = None) -> None:
        self._anchor = anchor
        self._most = most_speed or QUIET_SPEED
        self._pending: Counter[int] = Counter()
        self._business, self._wall, self.speed = start, time.time(), 1.0
        self.rate = FIRST_RATE
        self.fastest = 1.0
        self._adjusted = 0.0
        self.run_at(1.0)

    def now(self) -> datetime:
        """The business instant, by the same formula as every service."""
        return self._business + timedelta(seconds=(time.time() - self._wall) * self.speed)

    def run_at(self, speed: float) -> None:
        """Go on from now at this speed, everywhere."""
        now, wall = self.now(), time.time()
        write_anchor(self._anchor, business=now, wall=wall, speed=speed)
        self._business, self._wall, self.speed = now, wall, speed
        self.fastest = max(self.fastest, speed)

    def expect(self, at: datetime) -> None:
        self._pending[self._bin(at)] += 1

    def done(self, at: datetime) -> None:
        self._pending[self._bin(at)] -= 1

    def adjust(self, *, slow_share_s: float, behind: int, until: datetime) -> None:
        """Set rate and speed anew, a few times a second. `slow_share_s` is the 95th percentile of the latest
        answers, `behind` the steps that are due and not answered; near `until` the clock slows down."""
        if time.monotonic() - self._adjusted < ADJUST_EVERY_S:
            return
        self._adjusted = time.monotonic()
        if slow_share_s > SLOW_S or behind > self.rate:
            self.rate = max(LEAST_RATE, self.rate * 0.67)
        elif slow_share_s < QUICK_S and behind < self.rate / 4:
            self.rate = min(MOST_RATE, self.rate * 1.05)
        now = self.now()
        speed = self.speed_for(now, behind, slow_share_s)
        left = max(1.0, (until - now).total_seconds())
        speed = max(LEAST_SPEED, min(speed, self._most, 4 * left))
        if not 0.9 < speed / self.speed < 1.1:
            self.run_at(speed)

    def speed_for(self, now: datetime, behind: int, slow_share_s: float = 0.0) -> float:
        """Business seconds in which the next `rate` steps fall due (less what is behind), within the limits."""
        room = self.rate - behind
        if room <= 0:
            return LEAST_SPEED
        start = self._bin(now)
        seconds = start * BIN_S - now.timestamp()  # up to the end of a bin; the first one has begun already
        first: float | None = None
        for n in range(start, start + int(QUIET_SPEED / BIN_S) + 2):
            steps = self._pending[n]
            if steps > 0 and first is None:
                first = max(0.0, seconds)
            if steps >= room:
                seconds += BIN_S * room / steps
                break
            room -= steps
            seconds += BIN_S
        busy = min(BUSY_SPEED, SLACK_BUSINESS_S / max(slow_share_s, 0.001))
        limit = QUIET_SPEED if first is None else max(busy, first)
        return max(LEAST_SPEED, min(seconds, limit, QUIET_SPEED))

    @staticmethod
    def _bin(at: datetime) -> int:
        return int(at.timestamp()) // BIN_S
