"""The duties as SQL lists them: a column for each, named after it, or all in one number."""

from services.reporting.domain.figures import STATES
from shared.events import DUTIES


def each_duty(template: str = "{duty}") -> str:
    """`template` for every duty, with commas between: of `said.{duty}` it makes `said.on_time, said.place, ...`.

    `{place}` stands for the duty's place in the contract's order, 1 the first.
    """
    return ", ".join(template.format(duty=duty, place=place) for place, duty in enumerate(DUTIES, 1))


def all_pending(code: str) -> str:
    """The number of `code`, an expression for a number of domain/figures.py, before any of its duties that is due
    had left `pending`."""
    base, pending, not_due = len(STATES), STATES.index("pending"), STATES.index("not_due")
    return " + ".join(
        f"case when {code} / {base**place} % {base} = {not_due} then {not_due} else {pending} end * {base**place}"
        for place in range(len(DUTIES))
    )
