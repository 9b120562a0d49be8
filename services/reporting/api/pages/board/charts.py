"""The charts of the board's pages, from what its views found."""

from collections.abc import Sequence

from services.reporting.api.pages.board.entry import Look
from services.reporting.domain.arrivals import Arrived
from services.reporting.domain.periods import DUTY_OF, MetricName
from services.reporting.views.board import DayOf, WeekOf
from services.reporting.views.charts import Chart, Day, Legend, Point, heat, line_with_band
from shared.dates import midnight, months, time_text
from shared.messages import Language, heading, text

_COVERAGE: MetricName = "coverage_attainment"
_OF_WORK: tuple[MetricName, ...] = ("output_rate", "rework_rate")


def month(days: Sequence[DayOf], language: Language) -> Chart:
    """Attainment by date."""
    last = days[-1].date
    title = text("board.month_of", language, month=months(language)[last.month - 1], year=last.year)
    return heat("bulan", title, [Day(one.date, one.value, one.high, one.target) for one in days], language)


def attainment(found: Sequence[WeekOf], language: Language) -> Chart:
    """Attainment by week."""
    return _weeks("terjaga", text("board.weeks.coverage_attainment", language), found, _COVERAGE, language)


def weeks(found: Sequence[WeekOf], language: Language) -> list[tuple[str, Chart]]:
    """Attainment, each duty and output by week, with what each is called."""
    named: dict[MetricName, str] = {_COVERAGE: text("board.weeks.coverage_attainment", language)}
    named |= {metric: heading(f"duty.{duty}", language) for metric, duty in DUTY_OF.items()}
    named |= {metric: text(f"board.weeks.{metric}", language) for metric in _OF_WORK}
    return [(name, _weeks(f"pekan-{metric}", name, found, metric, language)) for metric, name in named.items()]


def _weeks(name: str, title: str, found: Sequence[WeekOf], metric: MetricName, language: Language) -> Chart:
    legend = Legend(
        text("board.week_of", language), text("board.as_read", language), text("board.may_be", language)
    )
    points = [Point(f"{one.monday.day}/{one.monday.month}", *one.metrics[metric]) for one in found]
    return line_with_band(name, title, points, legend, language)


def morning(came: Sequence[Arrived], here: Look, language: Language) -> Chart:
    """Who has checked in by when, beside the same weekday of the weeks before."""
    legend = Legend(
        text("board.until", language),
        text("board.this_day", language),
        text("board.usual_range", language),
        text("board.usual_day", language),
    )
    start = midnight(here.date)
    points = [
        Point(time_text(start + one.time, language), one.share, one.low, one.high, one.usual) for one in came
    ]
    return line_with_band("pagi", text("board.morning", language), points, legend, language)
