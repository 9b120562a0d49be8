"""What is aimed at, and whether a run has reached it; what may not be lost from one build to the next."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator

from bench.results import Figure, Results

FILE = Path(__file__).with_name("reach.toml")
LOST = 0.10
"""A figure whose ratio got worse by more than this share has been lost."""

Verdict = Literal["reached", "not reached", "not measured"]


class Aim(BaseModel):
    """One bound of one figure: of the figure itself, or of its ratio against the base of the same run."""

    model_config = ConfigDict(extra="forbid")

    figure: str
    at_most: float | None = None
    at_least: float | None = None
    ratio_at_most: float | None = None
    ratio_at_least: float | None = None
    why: str

    @model_validator(mode="after")
    def _one_bound(self) -> "Aim":
        bounds = (self.at_most, self.at_least, self.ratio_at_most, self.ratio_at_least)
        if sum(bound is not None for bound in bounds) != 1:
            raise ValueError(f"{self.figure}: give one bound")
        return self

    @property
    def of_ratio(self) -> bool:
        return self.ratio_at_most is not None or self.ratio_at_least is not None

    @property
    def wanted(self) -> str:
        """The bound in words, such as `ratio <= 0.125`."""
        upper = self.ratio_at_most if self.of_ratio else self.at_most
        lower = self.ratio_at_least if self.of_ratio else self.at_least
        bound = f"<= {upper:g}" if upper is not None else f">= {lower:g}"
        return f"ratio {bound}" if self.of_ratio else bound

    def measured(self, figures: Mapping[str, Figure]) -> float | None:
        """The value that the bound is about; None where it was not measured."""
        known = figures.get(self.figure)
        return None if known is None else known.ratio if self.of_ratio else known.median

    def verdict(self, figures: Mapping[str, Figure]) -> Verdict:
        value = self.measured(figures)
        if value is None:
            return "not measured"
        upper = self.ratio_at_most if self.of_ratio else self.at_most
        lower = self.ratio_at_least if self.of_ratio else self.at_least
        kept = (upper is None or value <= upper) and (lower is None or value >= lower)
        return "reached" if kept else "not reached"


def aims(text: str) -> list[Aim]:
    """The aims of reach.toml's text; raises ValueError where one has not exactly one bound."""
    return TypeAdapter(list[Aim]).validate_python(tomllib.loads(text)["reach"])


def higher_is_better(name: str) -> bool | None:
    """What a figure's name says by its unit: rates and comparisons rise, times and memory fall; None for neither.

    `_vs_` compares a rate with another's, except where the unit is what is used up.
    """
    if name.endswith(("_per_s", "_per_cpu_s")) or "_vs_" in name:
        return True
    if name.endswith(("_s", "_ms", "_us", "_mib", "_bytes")):
        return False
    return None


def got_worse(name: str, before: float, after: float) -> bool:
    """Whether a value or ratio of the figure got worse by more than LOST."""
    rises = higher_is_better(name)
    if rises is None or before <= 0:
        return False
    return after < before * (1 - LOST) if rises else after > before / (1 - LOST)


@dataclass(frozen=True, slots=True)
class Loss:
    """A figure that got worse: its ratio, what it was compared with, and where that stands."""

    figure: str
    ratio: float
    before: float
    against: str


def losses(latest: Results, earlier: Iterable[Results]) -> list[Loss]:
    """Figures whose ratio against their base is worse than 1, or than an earlier file's against the same base.

    earlier: newest first; of each figure the first file that has it with the same base counts.
    """
    known = [one for one in earlier if one.commit != latest.commit]
    found: list[Loss] = []
    for name, now in sorted(latest.figures.items()):
        if now.ratio is None or now.base is None:
            continue
        if got_worse(name, 1.0, now.ratio):
            found.append(Loss(name, now.ratio, 1.0, f"its base {now.base[:7]}"))
        for results in known:
            then = results.figures.get(name)
            if then is not None and then.base == now.base and then.ratio is not None:
                if got_worse(name, then.ratio, now.ratio):
                    found.append(Loss(name, now.ratio, then.ratio, f"{results.commit[:7]} against the same base"))
                break
    return found
