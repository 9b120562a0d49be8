"""How the board writes figures, in Bahasa Indonesia or English."""

import math
from collections.abc import Mapping
from functools import partial

from services.reporting.domain.figures import DutyFigures
from shared.dates import WIB, date_text, moment_text, time_text
from shared.messages import Language, heading


def number(value: float | None, language: Language) -> str:
    """Whole number with thousands marked; a dash where there is none."""
    if value is None:
        return "–"
    grouped = f"{value:,.0f}"
    return grouped.replace(",", ".") if language == "id" else grouped


def amount(value: float | None, language: Language) -> str:
    """A quantity as people write it, without needless zeros; a dash where there is none."""
    if value is None:
        return "–"
    written = f"{value:g}"
    return written.replace(".", ",") if language == "id" else written


def percent(value: float | None, language: Language) -> str:
    """A share of one as per cent with one decimal. Only a whole is written as 100; more than that is as it is."""
    if value is None:
        return "–"
    if value < 0:  # a difference of shares
        return f"−{percent(-value, language)}"
    # 99.96 % must not read as 100 %, nor 0.04 % as 0 %.
    shown = min(max(value * 100, 0.1 if value > 0 else 0.0), 99.9 if value < 1 else math.inf)
    written = f"{shown:.1f}%"
    return written.replace(".", ",") if language == "id" else written


def points(value: float | None, language: Language) -> str:
    """A difference of shares of one in percentage points with its sign; a dash where there is none."""
    if value is None:
        return "–"
    written = f"{value * 100:+.1f}"
    if written in {"+0.0", "-0.0"}:
        written = "0.0"
    written = written.replace("-", "−")
    return written.replace(".", ",") if language == "id" else written


def interval(duty: DutyFigures, language: Language) -> str:
    """Wilson's 95 % interval of a duty's rate; a dash where nobody has been judged."""
    if not duty.n:
        return percent(None, language)
    return f"{percent(duty.wilson_low, language)}–{percent(duty.wilson_high, language)}"


def writers(language: Language) -> Mapping[str, object]:
    """What the templates write with."""
    return {
        "number": partial(number, language=language),
        "amount": partial(amount, language=language),
        "percent": partial(percent, language=language),
        "interval": partial(interval, language=language),
        "clock": partial(time_text, language=language),
        "date_words": partial(date_text, language=language),
        "moment_words": partial(moment_text, language=language),
        "heading": partial(heading, language=language),
        "zone": WIB.key,
    }
