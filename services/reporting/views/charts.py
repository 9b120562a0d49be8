"""Charts drawn by the server as SVG: the same figures give the same bytes, on a page as in a printed document.

Each is read without colour (patterns, signs, words), says in `<title>` and `<desc>` what it shows, and comes with
the table behind it. Colours stand in attributes, which a style sheet (static/charts.css) may override: a page in
dark mode does, a printer need not know it. `name` is the chart's id: the only one of its page, of letters.
"""

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from services.reporting.domain.counters import Segment, Status
from services.reporting.views.svg import (
    WIDTH,
    area,
    document,
    dot,
    line,
    polygon,
    polyline,
    rect,
    samples,
    words,
)
from services.reporting.views.words import number, percent, points
from shared.dates import WIB, date_text, time_text, weekdays
from shared.messages import Language, heading, text

_HOUR = dt.timedelta(hours=1)

Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, and the table behind it as people read it: its head, and a row for each thing drawn."""

    svg: Markup
    head: Cells
    rows: tuple[Cells, ...]


class Day(NamedTuple):
    """A date of `heat`: a share of one, its upper bound, what it is to reach; None where nothing was due."""

    date: dt.date
    value: float | None
    high: float | None
    target: float | None = None


class Bar(NamedTuple):
    """A bar of `bars`: solid to `low`, hatched to `high`, a tick at `value`; all None where it is withheld."""

    label: str
    value: float | None
    low: float | None
    high: float | None


class Point(NamedTuple):
    """A place on the line: the band goes from `low` to `high`, a dashed line through `middle`."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    middle: float | None = None


class Legend(NamedTuple):
    """What line, band and dashed line are called; `over` is what the points are, as a column's head."""

    over: str
    value: str
    band: str
    middle: str | None = None


class Difference(NamedTuple):
    """What `interval` shows: shares of one; `margin` is greater than 0."""

    estimate: float | None
    lower: float | None
    upper: float | None
    margin: float


# --- A service point's date -----------------------------------------------------------------------------------


def strip(name: str, title: str, segments: Sequence[Segment], language: Language) -> Chart:
    """One date of a service point: required as a line, present as an area, and below what holds by time.

    Drawn from the first hour that is not closed and quiet to the last; `segments` follow each other.
    """
    begin, end = _hours(segments)
    top, bottom, left, right = 14.0, 92.0, 22.0, WIDTH - 6.0
    most = max([1, *(max(one.required, one.present_high) for one in segments)])

    def x(at: dt.datetime) -> float:
        return left + (right - left) * ((min(max(at, begin), end) - begin) / (end - begin))

    def y(people: int) -> float:
        return bottom - (bottom - top) * people / most

    body = [words(left - 4, y(most) + 4, str(most), anchor="end"), words(left - 4, bottom + 4, "0", anchor="end")]
    body += [line(left, y(most), right, y(most), "grid"), line(left, bottom, right, bottom, "grid")]
    required: list[tuple[float, float]] = []
    seen = [one for one in segments if one.until_at > begin and one.from_at < end]
    for one in seen:
        x0, x1 = x(one.from_at), x(one.until_at)
        if one.present_high > one.present_low:
            high = y(one.present_high)
            body.append(rect(x0, high, x1 - x0, y(one.present_low) - high, name, "maybe"))
        if one.present_low:
            body.append(rect(x0, y(one.present_low), x1 - x0, bottom - y(one.present_low), name, "people"))
        required += [(x0, y(one.required)), (x1, y(one.required))]
        body += _status(name, x0, x1, one.status, language)
    body.append(polyline(required, "required"))
    step = _HOUR * next(hours for hours in (1, 2, 3, 4, 6) if (end - begin) / (_HOUR * hours) <= 8 or hours == 6)
    at = begin
    while at <= end:
        body.append(line(x(at), bottom, x(at), bottom + 3, "axis"))
        body.append(words(x(at), 128, f"{at.astimezone(WIB).hour:02}", anchor="middle"))
        at += step
    key = [
        (line(0, -4, 16, -4, "required"), text("chart.required", language)),
        (rect(0, -9, 16, 9, name, "people"), text("chart.present", language)),
        (rect(0, -9, 16, 9, name, "maybe"), text("chart.maybe_present", language)),
    ]
    drawn, height = samples(key, 148)
    spans = {status: dt.timedelta() for status in ("met", "short", "unknown", "closed")}
    for one in segments:
        spans[one.status] += one.until_at - one.from_at
    minutes = {status: number(span / dt.timedelta(minutes=1), language) for status, span in spans.items()}
    return Chart(
        document(name, height, title, text("chart.strip", language, **minutes), [*body, *drawn]),
        tuple(heading(f"chart.{word}", language) for word in ("time", "required", "present", "status")),
        tuple(
            (
                f"{_clock(one.from_at, language)}–{_clock(one.until_at, language, end=True)}",
                str(one.required),
                _range(one.present_low, one.present_high),
                text(f"chart.status.{one.status}", language),
            )
            for one in segments
        ),
    )


def _hours(segments: Sequence[Segment]) -> tuple[dt.datetime, dt.datetime]:
    """Whole hours around what is to be seen; office hours where nothing is."""
    lively = [one for one in segments if one.status != "closed" or one.present_high]
    if not lively:
        noon = (segments[0].from_at if segments else dt.datetime(2000, 1, 1, tzinfo=WIB)).astimezone(WIB)
        midnight = noon.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + 7 * _HOUR, midnight + 17 * _HOUR
    first = lively[0].from_at.astimezone(WIB).replace(minute=0, second=0, microsecond=0)
    last = lively[-1].until_at.astimezone(WIB)
    whole = last.replace(minute=0, second=0, microsecond=0)
    return first, max(whole + _HOUR if last > whole else whole, first + _HOUR)


def _status(name: str, x0: float, x1: float, status: Status, language: Language) -> list[str]:
    if status == "closed":
        return [line(x0, 108, x1, 108, "grid")]
    drawn = [rect(x0, 101, x1 - x0, 14, name, status)]
    if x1 - x0 >= 12 and status != "met":
        letter = text(f"chart.status.{status}.letter", language)
        middle = (x0 + x1) / 2
        drawn.append(rect(middle - 5, 102.5, 10, 11, name, "card", rx=2))
        drawn.append(words(middle, 112, letter, anchor="middle", strong=True))
    return drawn


# --- A month of dates -----------------------------------------------------------------------------------------


def heat(name: str, title: str, days: Sequence[Day], language: Language) -> Chart:
    """Dates as a calendar, a row for each week: the share, and a sign whether it reaches what it is to reach.

    A tick: reached. A triangle: not reached. A question mark: it may be, the upper bound reaches it.
    """
    names = [day[:3] for day in weekdays(language)]
    wide, tall = (WIDTH - 4) / 7, 40.0
    body = [words(2 + wide * (at + 0.5), 11, day, anchor="middle") for at, day in enumerate(names)]
    monday = days[0].date - dt.timedelta(days=days[0].date.weekday()) if days else None
    weeks = 0
    for day in days:
        assert monday is not None  # noqa: S101 - there are days
        week, weekday = divmod((day.date - monday).days, 7)
        weeks = max(weeks, week + 1)
        x, y = 2 + wide * weekday, 17 + (tall + 2) * week
        reached = _reached(day)
        body.append(rect(x + 1, y, wide - 2, tall, name, f"day-{reached}", rx=4))
        body.append(words(x + 5, y + 13, str(day.date.day), size=9))
        body += _sign(x + wide - 10, y + 9, reached)
        written = _short(percent(day.value, language)).removesuffix("%")
        body.append(words(x + wide / 2, y + 32, written, anchor="middle", strong=day.value is not None))
    counts = {word: sum(_reached(day) == word for day in days) for word in ("met", "short", "unknown", "none")}
    key = [
        ("".join(_sign(8, -4, word)), text(f"chart.day.{word}", language)) for word in ("met", "short", "unknown")
    ]
    drawn, height = samples(key, 17 + (tall + 2) * weeks + 16)
    said = text("chart.heat", language, **{word: number(n, language) for word, n in counts.items()})
    return Chart(
        document(name, height, title, said, [*body, *drawn]),
        tuple(heading(f"chart.{word}", language) for word in ("date", "value", "at_most", "status")),
        tuple(
            (
                date_text(day.date, language),
                percent(day.value, language),
                percent(day.high, language),
                text(f"chart.day.{_reached(day)}", language),
            )
            for day in days
        ),
    )


def _reached(day: Day) -> str:
    if day.value is None or day.target is None:
        return "none"
    if day.value >= day.target:
        return "met"
    return "unknown" if day.high is not None and day.high >= day.target else "short"


def _sign(x: float, y: float, reached: str) -> list[str]:
    """A tick, a triangle or a question mark about a point; drawn, for not every font has them."""
    if reached == "met":
        return [polyline([(x - 4, y), (x - 1, y + 3.5), (x + 4.5, y - 3.5)], "reached")]
    if reached == "short":
        return [polygon([(x - 4.5, y - 3.5), (x + 4.5, y - 3.5), (x, y + 4)], "fallen")]
    return [words(x, y + 4, "?", anchor="middle", strong=True)] if reached == "unknown" else []


# --- Shares beside each other ---------------------------------------------------------------------------------


def bars(name: str, title: str, items: Sequence[Bar], language: Language, *, most: float = 1.0) -> Chart:
    """Bars one under the other, each with its name and figure above it: shares, up to `most` of one."""
    left, right = 2.0, WIDTH - 2.0
    most = max([most, *(one.high or one.value or 0.0 for one in items)]) or 1.0
    body: list[str] = []

    def x(value: float) -> float:
        return left + (right - left) * min(max(value / most, 0.0), 1.0)

    for at, one in enumerate(items):
        y = 14.0 + 34 * at
        body.append(words(left, y, one.label))
        body.append(words(right, y, percent(one.value, language), anchor="end", strong=True))
        body.append(rect(left, y + 5, right - left, 10, name, "track"))
        if one.value is None:
            continue
        low, high = one.low if one.low is not None else one.value, one.high if one.high is not None else one.value
        body.append(rect(left, y + 5, x(low) - left, 10, name, "met"))
        if high > low:
            body.append(rect(x(low), y + 5, x(high) - x(low), 10, name, "unknown"))
        body.append(line(x(one.value), y + 3, x(one.value), y + 17, "tick"))
    known = sorted((one.value, one.label) for one in items if one.value is not None)
    said = "–"
    if known:
        lowest, highest = (f"{label} {percent(value, language)}" for value, label in (known[0], known[-1]))
        said = text("chart.bars", language, n=len(items), lowest=lowest, highest=highest)
    return Chart(
        document(name, 34.0 * len(items) + 4, title, said, body),
        ("", *(heading(f"chart.{word}", language) for word in ("value", "at_least", "at_most"))),
        tuple(
            (one.label, *(percent(value, language) for value in (one.value, one.low, one.high))) for one in items
        ),
    )


# --- Over time ------------------------------------------------------------------------------------------------


def line_with_band(
    name: str, title: str, along: Sequence[Point], legend: Legend, language: Language, *, share: bool = True
) -> Chart:
    """A line with dots, a hatched band, and a dashed line where there is a middle.

    Shares of one, else numbers from 0. What is None is left out, and the line is broken there. The axis says at
    both ends how far it goes.
    """
    write = percent if share else number
    known = [value for one in along for value in one[1:] if value is not None]
    floor, ceiling = _axis(known, share=share)
    top, bottom, left, right = 12.0, 104.0, 44.0, WIDTH - 12.0

    def x(at: int) -> float:
        return left + (right - left) * (at / (len(along) - 1) if len(along) > 1 else 0.5)

    def y(value: float) -> float:
        return bottom - (bottom - top) * ((value - floor) / (ceiling - floor))

    body = [words(left - 5, y(end) + 4, _short(write(end, language)), anchor="end") for end in (ceiling, floor)]
    body += [line(left, y(end), right, y(end), "grid") for end in (ceiling, floor)]
    for run in _runs(at for at, one in enumerate(along) if one.low is not None and one.high is not None):
        wide = 3 if len(run) == 1 else 0  # what holds at one point only is as wide as its dot
        above = [
            (x(at) + side, y(along[at].high or 0)) for at in run for side in ((-wide, wide) if wide else (0,))
        ]
        below = [(x(at) + side, y(along[at].low or 0)) for at in run for side in ((-wide, wide) if wide else (0,))]
        body.append(area([*above, *reversed(below)], name))
    for run in _runs(at for at, one in enumerate(along) if one.middle is not None):
        body.append(polyline([(x(at), y(along[at].middle or 0)) for at in run], "usual"))
    for run in _runs(at for at, one in enumerate(along) if one.value is not None):
        dots = [(x(at), y(along[at].value or 0)) for at in run]
        body.append(polyline(dots, "value"))
        body += [dot(*place) for place in dots]
    every = max(1, -(-len(along) // 5))
    for at, one in enumerate(along):
        if at % every == 0:
            anchor = "start" if at == 0 else "end" if at == len(along) - 1 else "middle"
            body.append(line(x(at), bottom, x(at), bottom + 3, "axis"))
            body.append(words(x(at), bottom + 16, one.label, anchor=anchor if len(along) > 1 else "middle"))
    key = [(line(0, -4, 16, -4, "value"), legend.value), (rect(0, -9, 16, 9, name, "maybe"), legend.band)]
    if legend.middle is not None:
        key.insert(1, (line(0, -4, 16, -4, "usual"), legend.middle))
    drawn, height = samples(key, bottom + 34)
    told = [(one.label, one.value) for one in along if one.value is not None]
    said = "–"
    if told:
        first, last = (f"{label} {write(value, language)}" for label, value in (told[0], told[-1]))
        lowest, highest = (write(pick(value for _, value in told), language) for pick in (min, max))
        said = text("chart.line", language, first=first, last=last, lowest=lowest, highest=highest)
    columns = (legend.value, *((legend.middle,) if legend.middle is not None else ()))
    return Chart(
        document(name, height, title, said, [*body, *drawn]),
        (legend.over, *columns, heading("chart.at_least", language), heading("chart.at_most", language)),
        tuple(
            (
                one.label,
                write(one.value, language),
                *((write(one.middle, language),) if legend.middle is not None else ()),
                write(one.low, language),
                write(one.high, language),
            )
            for one in along
        ),
    )


def _axis(known: Sequence[float], *, share: bool) -> tuple[float, float]:
    """From where to where: whole tenths for shares, from 0 to a round number for others."""
    if not known:
        return 0.0, 1.0
    if share:
        floor = math.floor(min(known) * 10)
        return floor / 10, max(math.ceil(max(known) * 10), floor + 1) / 10
    step = 10.0 ** math.floor(math.log10(max(known))) if max(known) > 1e-9 else 0.1
    return 0.0, next(step * k for k in (1, 2, 4, 5, 8, 10) if step * k >= max(known))


def _runs(places: Iterable[int]) -> list[list[int]]:
    """Whole numbers that follow each other, together."""
    runs: list[list[int]] = []
    for at in places:
        if runs and runs[-1][-1] == at - 1:
            runs[-1].append(at)
        else:
            runs.append([at])
    return runs


# --- A difference against a margin ----------------------------------------------------------------------------


def interval(name: str, title: str, found: Difference, language: Language) -> Chart:
    """A difference of shares with its 95 % interval, where 0 lies, and the margin below which it is worse.

    Higher is better. What cannot be computed yet is None, and not drawn.
    """
    estimate, lower, upper, margin = found
    left, right, middle = 8.0, WIDTH - 8.0, 34.0
    far = 1.15 * max([margin, *(abs(value) for value in (estimate, lower, upper) if value is not None)])

    def x(value: float) -> float:
        return left + (right - left) * (value + far) / (2 * far)

    body = [rect(left, middle - 16, x(-margin) - left, 32, name, "day-short")]
    body += [
        line(left, middle + 16, right, middle + 16, "axis"),
        line(x(0), middle - 16, x(0), middle + 20, "axis"),
    ]
    body.append(line(x(-margin), middle - 20, x(-margin), middle + 20, "limit"))
    if lower is not None and upper is not None:
        body.append(line(x(lower), middle, x(upper), middle, "value"))
        body += [line(x(end), middle - 6, x(end), middle + 6, "value") for end in (lower, upper)]
    if estimate is not None:
        body.append(dot(x(estimate), middle, 4.5))
        body.append(words(x(estimate), middle - 10, points(estimate, language), anchor="middle", strong=True))
    body.append(words(x(-margin), middle + 32, points(-margin, language), anchor="middle"))
    if x(0) - x(-margin) > 50:
        body.append(words(x(0), middle + 32, "0", anchor="middle"))
    key = [
        (line(0, -4, 16, -4, "value"), text("chart.interval_95", language)),
        (line(8, -10, 8, 2, "limit"), text("chart.margin", language)),
        (rect(0, -9, 16, 9, name, "day-short"), text("chart.worse", language)),
    ]
    drawn, height = samples(key, middle + 52)
    written = {
        word: points(value, language)
        for word, value in (("estimate", estimate), ("lower", lower), ("upper", upper), ("margin", -margin))
    }
    return Chart(
        document(name, height, title, text("chart.interval", language, **written), [*body, *drawn]),
        tuple(heading(f"chart.{word}", language) for word in ("difference", "at_least", "at_most", "margin")),
        ((written["estimate"], written["lower"], written["upper"], written["margin"]),),
    )


def _clock(at: dt.datetime, language: Language, *, end: bool = False) -> str:
    """The wall time; the midnight that ends a date is its 24th hour."""
    local = at.astimezone(WIB)
    if end and (local.hour, local.minute, local.second) == (0, 0, 0):
        return "24.00" if language == "id" else "24:00"
    return time_text(at, language, seconds=local.second > 0)


def _short(share: str) -> str:
    """A whole per cent without its decimal."""
    return share.replace(",0%", "%").replace(".0%", "%")


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"
