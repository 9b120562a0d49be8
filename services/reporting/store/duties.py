"""The duties as SQL lists them: a column for each, named after it."""

from shared.events import DUTIES


def each_duty(template: str = "{duty}") -> str:
    """`template` for every duty, with commas between: of `said.{duty}` it makes `said.on_time, said.place, ...`.

    `{place}` stands for the duty's place in the contract's order, 1 the first.
    """
    return ", ".join(template.format(duty=duty, place=place) for place, duty in enumerate(DUTIES, 1))
