"""Which faults come in which order: the same for the same seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

SERVICES = ("attendance", "attendance.2", "reporting", "scheduling", "notifications")
SERVERS = ("kafka", "postgres")
DATABASES = ("attendance", "reporting", "scheduling", "notifications")
TARGETS: dict[str, tuple[str, ...]] = {
    "kill": (*SERVICES, *SERVERS),
    "pause": (*SERVICES, *SERVERS),
    "stop": SERVERS,
    "sessions": DATABASES,
    **dict.fromkeys(("cut", "delay", "silent", "halves", "torn"), SERVERS),
    "disk full": SERVERS,
    "clock": ("forward", "back"),
    "topic": ("max.message.bytes", "retention.ms"),
    "transaction": ("attendance.recorded.v1", "schedule.changed.v1"),
}
"""Each kind of fault, and what it may happen to."""
SECONDS: dict[str, tuple[float, float]] = {
    "kill": (0.1, 1.0),
    "clock": (1.0, 4.0),
    "delay": (5.0, 15.0),
    "transaction": (8.0, 25.0),
    "pause": (3.0, 20.0),
    "disk full": (6.0, 15.0),
}
"""How long a fault lasts, from and to; others SHORT."""
SHORT = (3.0, 12.0)
TOGETHER = 0.25
"""Of so many faults a second one, of something else, begins before the first has ended."""


@dataclass(frozen=True, slots=True)
class Planned:
    kind: str
    target: str
    seconds: float
    share: float
    """From 0 to 1: how far it goes, where that is a question."""

    def __str__(self) -> str:
        return f"{self.kind} {self.target} {self.seconds:.1f} s"


def schedule(seed: int, kinds: frozenset[str] | None = None) -> Iterator[tuple[Planned, ...]]:
    """Without an end, one or two at a time; each fault comes once before any comes again. `kinds`: no others."""
    dice = random.Random(f"nemesis:{seed}")
    while True:
        every = [
            (kind, target) for kind, targets in TARGETS.items() if not kinds or kind in kinds for target in targets
        ]
        dice.shuffle(every)
        while every:
            first = every.pop()
            chosen = [first]
            if every and dice.random() < TOGETHER and every[-1][1] != first[1]:
                chosen.append(every.pop())
            yield tuple(
                Planned(kind, target, dice.uniform(*SECONDS.get(kind, SHORT)), dice.random())
                for kind, target in chosen
            )
