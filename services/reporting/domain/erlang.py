"""How long people wait at a counter: Erlang C, the queue M/M/c. Pure.

A = arrivals per second x mean service in seconds is the load, in erlangs: how many are served at once on average.
Who finds every one of c people busy waits. It holds for arrivals at random and of one kind; that nobody gives up
makes it err on the side of those who wait.

Source: A. K. Erlang, Solution of some problems in the theory of probabilities of significance in automatic
telephone exchanges (1917); B by recursion on c, so that nothing overflows.
"""

import math
from collections.abc import Iterator


def waiting(load: float, staff: int) -> float:
    """The probability that somebody has to wait: 1 where no more are there than the load, and the queue grows."""
    if staff <= load:
        return 1.0
    *_, blocked = _blocked(load, staff)
    return _waits(load, staff, blocked)


def within(load: float, staff: int, service_s: float, target_s: float) -> float:
    """The probability that somebody waits at most `target_s`. 0 where the queue only grows."""
    return 0.0 if staff <= load else _within(load, staff, waiting(load, staff), target_s / service_s)


def needed(load: float, service_s: float, target_s: float, share: float) -> int:
    """The fewest people with whom at least `share` (below 1) of those who come wait at most `target_s`; 0 without
    load."""
    if load == 0:
        return 0
    staff = 0
    for staff, blocked in enumerate(_blocked(load, None)):
        if staff > load and _within(load, staff, _waits(load, staff, blocked), target_s / service_s) >= share:
            break
    return staff


def _blocked(load: float, most: int | None) -> Iterator[float]:
    """Erlang B of 0, 1, 2 ... people, up to `most`: who finds all of them busy, if nobody waits."""
    staff, blocked = 0, 1.0
    while most is None or staff <= most:
        yield blocked
        staff += 1
        blocked = load * blocked / (staff + load * blocked)


def _waits(load: float, staff: int, blocked: float) -> float:
    return blocked / (1 - load / staff * (1 - blocked))


def _within(load: float, staff: int, waits: float, target: float) -> float:
    """`target` is a multiple of the mean service."""
    return 1 - waits * math.exp(-(staff - load) * target)
