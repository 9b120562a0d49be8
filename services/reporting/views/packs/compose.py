"""A pack's document in one language: what is said, in which order, beside which tables and drawings. Pure."""

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import partial

from services.reporting.domain.packs import fewest_shown, whole_months
from services.reporting.views import charts, words
from services.reporting.views.packs.content import Tables, metrics
from services.reporting.views.packs.document import Block, Chart, Document, Heading, Terms, Text, printed
from services.reporting.views.packs.figures import Line, PackFigures, Tried
from services.reporting.views.packs.tables import date_short
from shared.dates import date_text, moment_text
from shared.events import DUTIES
from shared.messages import Language, heading, text

WORST = 30
"""So many counters are printed; all of them stand in the CSV."""
_TERMS = (
    "person_day",
    "rate",
    "bounds",
    "wilson",
    *DUTIES,
    "attainment",
    "fill",
    "budget",
    "output_rate",
    "rework",
    "unknown",
    "few",
)
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


def composed(figures: PackFigures, tables: Tables, language: Language) -> Document:
    say = partial(_say, language)
    first, last = (date_text(date, language) for date in (figures.period.first, figures.period.last))
    vintage = figures.vintage
    return Document(
        language=language,
        title=say("title"),
        subtitle=say("subtitle", first=first, last=last),
        basis=say("basis", as_of=_moment(vintage.as_of, language), digest=vintage.facts_digest),
        foot=say(
            "foot",
            first=date_short(figures.period.first, language),
            last=date_short(figures.period.last, language),
            digest=vintage.facts_digest[:16],
        ),
        contents=say("contents"),
        blocks=list(_blocks(figures, tables, language)),
    )


def _say(language: Language, code: str, **params: object) -> str:
    return text(f"pack.{code}", language, **params)


def _moment(instant: dt.datetime, language: Language) -> str:
    return f"{moment_text(instant, language, seconds=True)} WIB"


def _blocks(figures: PackFigures, tables: Tables, language: Language) -> Iterator[Block]:
    say = partial(_say, language)

    def section(name: str) -> Iterator[Block]:
        yield Heading(name, 1, say(f"section.{name}"))
        yield Text(say(f"lead.{name}"))

    yield from section("summary")
    yield Text(_in_words(figures, language), note=True)
    yield printed(tables.summary, language)

    yield from section("duties")
    yield _bars(figures.city, language)
    yield printed(tables.duties, language)
    if len(figures.weeks) > 1:
        yield _weeks(figures.weeks, language)
        yield printed(tables.weeks, language)
    yield printed(tables.duties_by_opd, language)
    if figures.together_names:
        yield Text(_together(figures, language), note=True)
    yield printed(tables.modes, language)

    yield from section("service")
    if figures.counters:
        yield _spent(figures, language)
        yield printed(tables.service_by_opd, language)
        yield printed(tables.counters, language, most=WORST)
    else:
        yield Text(say("no_counters"))

    yield from section("output")
    yield printed(tables.output_by_opd, language)

    yield from section("checked")
    yield printed(tables.checked, language)

    if figures.pilots:
        yield from section("pilots")
        yield printed(tables.pilots, language)
        for one in figures.pilots:
            yield Text(_verdict(one, language), note=True)

    yield from section("outages")
    yield printed(tables.outages, language) if figures.outages else Text(say("no_outages"))

    yield from section("terms")
    yield Terms([(say(f"term.{term}"), say(f"meaning.{term}")) for term in _TERMS])

    yield from section("vintage")
    yield Terms(list(_vintage(figures, language)))
    yield printed(tables.rules, language)
    if figures.checkpoints:
        yield Text(say("lead.checkpoints"))
        yield printed(tables.checkpoints, language)

    yield from section("verify")


def _in_words(figures: PackFigures, language: Language) -> str:
    """The period in one sentence for each question that the council asks."""
    known = metrics(figures.city)
    percent = partial(words.percent, language=language)

    def three(name: str) -> dict[str, str]:
        metric = known[name]  # pyright: ignore[reportArgumentType] - names of METRICS
        return {"value": percent(metric.value), "low": percent(metric.low), "high": percent(metric.high)}

    over = sum(1 for one in figures.counters if (one.spent or 0) > 1)
    return " ".join(
        (
            _say(language, "words.on_time", **three("on_time_rate")),
            _say(language, "words.output", **three("output_accept_rate")),
            _say(
                language,
                "words.service",
                **three("coverage_attainment"),
                over=words.number(over, language),
                counters=words.number(len(figures.counters), language),
            ),
        )
    )


def _bars(city: Line, language: Language) -> Chart:
    title = _say(language, "chart.duties")
    duties = city.figures.duties
    items = [
        charts.Bar(heading(f"duty.{duty}", language), duties[duty].rate, duties[duty].low, duties[duty].high)
        for duty in DUTIES
    ]
    return Chart(str(charts.bars("duties", title, items, language).svg), title)


def _weeks(weeks: Sequence[tuple[dt.date, Line]], language: Language) -> Chart:
    title = _say(language, "chart.weeks")
    along = [
        charts.Point(date_short(monday, language), duty.rate, duty.low, duty.high)
        for monday, duty in ((monday, line.figures.duties["on_time"]) for monday, line in weeks)
    ]
    legend = charts.Legend(
        over=heading("pack.column.week_from", language),
        value=heading("duty.on_time", language),
        band=_say(language, "chart.band"),
    )
    return Chart(str(charts.line_with_band("weeks", title, along, legend, language).svg), title)


def _spent(figures: PackFigures, language: Language) -> Chart:
    title = _say(language, "chart.spent")
    items = [
        charts.Bar(one.point.name, one.spent, one.spent, one.spent)
        for one in figures.counters[:10]
        if one.spent is not None
    ]
    return Chart(str(charts.bars("spent", title, items, language).svg), title)


def _together(figures: PackFigures, language: Language) -> str:
    code = "together.months" if whole_months(figures.period) else "together.dates"
    names = "; ".join(figures.together_names)
    return _say(language, code, few=fewest_shown(figures.period), names=names)


def _verdict(tried: Tried, language: Language) -> str:
    """What may be said of a pilot, and why."""
    verdict = tried.verdict
    why = "; ".join(_say(language, f"because.{code}") for code in verdict.because)
    amended = f" {_say(language, 'amended')}" if verdict.amended_after_start else ""
    return f"{tried.title}: {_say(language, f'verdict.{verdict.verdict}')} ({why}).{amended}"


def _vintage(figures: PackFigures, language: Language) -> Iterator[tuple[str, str]]:
    say, vintage = partial(_say, language), figures.vintage
    newest = vintage.last_fact_at
    yield (
        say("vintage.as_of"),
        f"{_moment(vintage.as_of, language)} ({vintage.as_of.astimezone(dt.UTC):{_INSTANT}})",
    )
    yield say("vintage.facts_digest"), vintage.facts_digest
    yield say("vintage.last_fact_at"), _moment(newest, language) if newest else "–"
    yield say("vintage.rules"), ", ".join(vintage.rules_versions) or say("vintage.no_rules")
    yield say("vintage.policies"), ", ".join(vintage.policy_versions) or "–"
