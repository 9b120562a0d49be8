"""`python -m services.scheduling.planning.planner`: plans the units that come in on standard input.

A process of its own, so that planning a city holds nobody up; it imports the rules and nothing of the service.
Pickles go both ways through pipes that only its parent holds.
"""

import pickle
import sys
from collections.abc import Sequence

from services.scheduling.domain.frame import UnitRoster
from services.scheduling.domain.planning import Method, Span, UnitInput
from services.scheduling.domain.roster import plan_unit

LENGTH_BYTES = 8


def plan_units(units: Sequence[UnitInput], span: Span, method: Method) -> list[UnitRoster]:
    """The rosters of `units`, in order."""
    if method == "direct":
        return [plan_unit(unit, span) for unit in units]
    from services.scheduling.planning import solver  # half a second and 60 MB that most rosters do not need

    return [
        solver.solve_unit(unit, span)
        if method == "solver" or solver.needs_solver(unit, span)
        else plan_unit(unit, span)
        for unit in units
    ]


def main() -> None:
    """First (span, method), then lists of units until the input ends; to each its length and its rosters."""
    span, method = pickle.load(sys.stdin.buffer)  # noqa: S301 - our parent wrote it
    while True:
        try:
            units = pickle.load(sys.stdin.buffer)  # noqa: S301
        except EOFError:
            return
        answer = pickle.dumps(plan_units(units, span, method), protocol=5)
        sys.stdout.buffer.write(len(answer).to_bytes(LENGTH_BYTES) + answer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
