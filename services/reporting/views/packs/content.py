"""The tables of a pack: each figure once, the same for the document and for CSV. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.reporting.domain.counters import added
from services.reporting.domain.disclosure import FEW
from services.reporting.domain.figures import MODES, ratio
from services.reporting.domain.periods import DUTY_OF, METRICS, Metric, MetricName, OpdTotals
from services.reporting.store.packs import Bound, Down
from services.reporting.views.packs.figures import Counter, Line, PackFigures, Tried
from services.reporting.views.packs.tables import Cell, Column, Table, of_columns
from shared.events import DUTIES

_MINUTE_US = 60_000_000
_HOUR_US = 60 * _MINUTE_US


@dataclass(frozen=True, slots=True)
class Tables:
    """Every table of a pack."""

    summary: Table
    duties: Table
    weeks: Table
    duties_by_opd: Table
    modes: Table
    service_by_opd: Table
    counters: Table
    output_by_opd: Table
    checked: Table
    outages: Table
    rules: Table
    pilots: Table
    checkpoints: Table

    def all(self) -> Sequence[Table]:
        return [getattr(self, name) for name in self.__slots__]


def tables(figures: PackFigures) -> Tables:
    lines = [*figures.opds, *([figures.together] if figures.together else [])]
    return Tables(
        summary=_summary(figures.city),
        duties=_duties(figures.city),
        weeks=_weeks(figures.weeks),
        duties_by_opd=_duties_by_opd(lines),
        modes=_modes(figures.city),
        service_by_opd=_service_by_opd(figures.counters),
        counters=_counters(figures.counters),
        output_by_opd=_output_by_opd(lines),
        checked=_checked(figures),
        outages=_outages(figures.outages),
        rules=_rules(figures),
        pilots=_pilots(figures.pilots),
        checkpoints=_checkpoints(figures.checkpoints),
    )


def metrics(line: Line) -> Mapping[MetricName, Metric]:
    """Every metric of a line; without value and bounds where what it is made of is withheld."""
    nothing = Metric(None, None, None)
    found = line.output.metrics() if line.output else dict.fromkeys(METRICS, nothing)
    for name, duty in DUTY_OF.items():
        shown = line.figures.duties[duty]
        found[name] = Metric(shown.rate, shown.low, shown.high)
    return found


def _summary(city: Line) -> Table:
    columns = [Column("metric", "metric"), *of_columns("value low high", "share")]
    return Table("summary", columns, [(name, *metric) for name, metric in metrics(city).items()])


def _duties(city: Line) -> Table:
    columns = [
        Column("duty", "duty"),
        *of_columns("rate low high wilson_low wilson_high", "share"),
        *of_columns("n met not_met unknown", "whole"),
        *of_columns("pending not_due", "whole", shown=False),
    ]
    rows = [
        (
            name,
            d.rate,
            d.low,
            d.high,
            d.wilson_low,
            d.wilson_high,
            d.n,
            d.met,
            d.not_met,
            d.unknown,
            d.pending,
            d.not_due,
        )
        for name, d in ((duty, city.figures.duties[duty]) for duty in DUTIES)
    ]
    return Table("duties", columns, rows)


def _rates(line: Line) -> list[Cell]:
    duties = [line.figures.duties[duty] for duty in DUTY_OF.values()]
    return [
        *(duty.rate for duty in duties),
        *(cell for duty in duties for cell in (duty.low, duty.high, duty.wilson_low, duty.wilson_high, duty.n)),
    ]


_RATES = [
    *of_columns(" ".join(DUTY_OF), "share"),
    *(
        Column(f"{rate}_{what}", "whole" if what == "n" else "share", shown=False)
        for rate in DUTY_OF
        for what in ("low", "high", "wilson_low", "wilson_high", "n")
    ),
]


def _weeks(weeks: Sequence[tuple[dt.date, Line]]) -> Table:
    columns = [Column("week_from", "date"), Column("people", "whole"), *_RATES]
    return Table("weeks", columns, [(monday, line.busiest, *_rates(line)) for monday, line in weeks])


def _duties_by_opd(lines: Sequence[Line]) -> Table:
    columns = [*_OPD, Column("people", "whole"), *_RATES]
    return Table("duties-by-opd", columns, [(*_opd(line), line.busiest, *_rates(line)) for line in lines])


_OPD = [Column("opd", "opd"), Column("opd_code", "text", shown=False)]


def _opd(line: Line) -> tuple[Cell, Cell]:
    return line.name, line.code


def _modes(city: Line) -> Table:
    everybody = sum(n or 0 for n in city.figures.modes.values())
    rows = [(mode, n, None if n is None else ratio(n, everybody)) for mode, n in city.figures.modes.items()]
    assert [mode for mode, *_ in rows] == list(MODES)  # noqa: S101 - in the order in which they are counted
    return Table("modes", [Column("mode", "mode"), Column("person_days", "whole"), Column("share", "share")], rows)


_SERVICE = (
    *of_columns("open_hours", "whole"),
    *of_columns("attainment attainment_low attainment_high fill", "share"),
    *of_columns("short_hours short_person_hours budget_hours", "tenth"),
    *of_columns("budget_spent", "share"),
)


def _service(counters: Sequence[Counter]) -> tuple[Cell, ...]:
    """What some counters come to: sums of exact times, then shares of them."""
    times = added(one.times for one in counters)
    budget_us = sum(one.budget_us for one in counters)
    attainment = ratio(times.met_us, times.open_us)
    return (
        times.open_us / _HOUR_US,
        attainment,
        attainment,
        ratio(times.met_us + times.unknown_us, times.open_us),
        ratio(times.filled_us, times.required_us),
        times.short_us / _HOUR_US,
        times.missing_us / _HOUR_US,
        float(budget_us / _HOUR_US),
        float(times.short_us / budget_us) if budget_us else None,
    )


def _service_by_opd(counters: Sequence[Counter]) -> Table:
    of_opds: dict[tuple[str, str], list[Counter]] = {}
    for one in counters:
        of_opds.setdefault((one.opd_name, one.point.opd_code), []).append(one)
    rows = [(*opd, len(of_opd), *_service(of_opd)) for opd, of_opd in sorted(of_opds.items())]
    return Table("service-by-opd", [*_OPD, Column("counters", "whole"), *_SERVICE], rows)


def _counters(counters: Sequence[Counter]) -> Table:
    columns = [Column("counter", "text"), Column("unit_id", "text", shown=False), *_OPD, *_SERVICE]
    rows = [
        (one.point.name, one.point.unit_id, one.opd_name, one.point.opd_code, *_service([one])) for one in counters
    ]
    return Table("counters", columns, rows)


def _output(totals: OpdTotals | None) -> tuple[Cell, ...]:
    if totals is None:
        return (None,) * 8
    known = totals.metrics()
    return (
        totals.person_days,
        float(totals.earned_minutes / 60),
        known["output_rate"].value,
        known["output_rate"].high,
        totals.submitted,
        totals.returned,
        known["rework_rate"].value,
        totals.reports_without_review,
    )


_OUTPUT = (
    Column("person_days", "whole"),
    Column("earned_hours", "whole"),
    *of_columns("output_rate output_high", "share"),
    *of_columns("submitted returned", "whole"),
    Column("rework_rate", "share"),
    Column("without_review", "whole"),
)


def _output_by_opd(lines: Sequence[Line]) -> Table:
    return Table("output-by-opd", [*_OPD, *_OUTPUT], [(*_opd(line), *_output(line.output)) for line in lines])


def _checked(figures: PackFigures) -> Table:
    """Was it checked? By superiors, and by those who looked again."""
    totals, again = figures.city.output, figures.examined
    submitted = totals.submitted if totals else None
    reviewed = totals.submitted - totals.reports_without_review if totals else None
    returned = totals.returned if totals else None
    few = again.examined < FEW
    rows: list[Sequence[Cell]] = [
        ("submitted", submitted, None, None, None),
        ("reviewed", reviewed, ratio(reviewed, submitted) if reviewed and submitted else None, None, None),
        ("returned", returned, ratio(returned, submitted) if returned and submitted else None, None, None),
        ("examined", None if few and again.examined else again.examined, None, None, None),
        (
            ("in_error", None, None, None, None)
            if few
            else ("in_error", again.in_error, again.share, again.wilson_low, again.wilson_high)
        ),
    ]
    columns = [
        Column("what", "checked"),
        Column("number", "whole"),
        *of_columns("share wilson_low wilson_high", "share"),
    ]
    return Table("checked", columns, rows)


def _outages(outages: Sequence[Down]) -> Table:
    columns = [*of_columns("starts_at ends_at", "moment"), Column("scope", "text"), Column("reason", "text")]
    return Table("outages", columns, [(one.starts_at, one.ends_at, _scope(one), one.reason) for one in outages])


def _scope(outage: Down) -> str:
    """`*` for the whole city, else the codes of OPDs and units."""
    named = (codes for codes in outage.scope.values() if not isinstance(codes, bool))
    codes: Iterable[str] = (code for part in named for code in part)
    return ", ".join(codes) or "*"


def _rules(figures: PackFigures) -> Table:
    columns = [
        Column("rules_version", "text"),
        Column("effective_from", "date"),
        Column("tolerance_minutes", "whole"),
        Column("report_modes", "text"),
        Column("report_cutoff", "text"),
        Column("review_sla_working_days", "whole"),
    ]
    rows = [
        (
            one.rules_version,
            one.effective_from,
            one.tolerance_minutes,
            ", ".join(one.report_modes),
            one.report_cutoff,
            one.review_sla_working_days,
        )
        for one in figures.rules
    ]
    return Table("rules", columns, rows)


def _pilots(tried: Sequence[Tried]) -> Table:
    columns = [
        Column("pilot", "text"),
        Column("pilot_id", "text", shown=False),
        *of_columns("trial_from trial_to", "date"),
        Column("metric", "metric"),
        *of_columns("margin estimate lower upper", "share"),
        Column("verdict", "verdict"),
        *of_columns("because protocol_sha256 revision amended_after_start", "text", shown=False),
    ]
    rows = [
        (
            *(one.title, one.verdict.pilot_id, one.trial.first, one.trial.last, one.verdict.metric),
            *(one.verdict.margin, one.verdict.estimate, one.verdict.lower, one.verdict.upper, one.verdict.verdict),
            *(" ".join(one.verdict.because), one.verdict.protocol_sha256),
            *(one.verdict.revision, str(one.verdict.amended_after_start).lower()),
        )
        for one in tried
    ]
    return Table("pilots", columns, rows)


def _checkpoints(checkpoints: Sequence[Bound]) -> Table:
    columns = [
        Column("log", "text"),
        Column("size", "whole"),
        Column("root", "text"),
        Column("made_at", "moment"),
    ]
    rows = [(f"{one.topic}/{one.partition}", one.size, one.root, one.made_at) for one in checkpoints]
    return Table("checkpoints", columns, rows)
