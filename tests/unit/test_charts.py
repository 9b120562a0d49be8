"""Charts as SVG: well formed, named, inside their frame, read without colour, always the same bytes."""

import datetime as dt
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import reporting
from services.reporting.domain.counters import Segment, Status
from services.reporting.views.charts import (
    Bar,
    Chart,
    Day,
    Difference,
    Legend,
    Point,
    bars,
    heat,
    interval,
    line_with_band,
    strip,
)
from services.reporting.views.svg import WIDTH
from services.reporting.views.words import points
from shared.dates import midnight

assert reporting  # brings its messages

DAY = dt.date(2025, 11, 6)
LEGEND = Legend("minggu", "angka", "dari sampai", "hari biasa")
SVG = "{http://www.w3.org/2000/svg}"


def segment(  # noqa: PLR0917 - a row
    begin: float, end: float, required: int, low: int, high: int, status: Status
) -> Segment:
    """A piece of the day between two hours."""
    start = midnight(DAY)
    return Segment(
        from_at=start + dt.timedelta(hours=begin),
        until_at=start + dt.timedelta(hours=end),
        required=required,
        present_low=low,
        present_high=high,
        status=status,
    )


WORKING_DAY = [
    segment(0, 8, 0, 0, 0, "closed"),
    segment(8, 8.5, 2, 1, 1, "short"),
    segment(8.5, 12, 2, 1, 2, "unknown"),
    segment(12, 15, 2, 3, 3, "met"),
    segment(15, 24, 0, 0, 0, "closed"),
]
MONTH = [
    Day(dt.date(2025, 11, 3), 0.9996, 1.0, 0.99),
    Day(dt.date(2025, 11, 4), 0.97, 0.97, 0.99),
    Day(dt.date(2025, 11, 5), 0.97, 0.99, 0.99),
    Day(dt.date(2025, 11, 8), None, None, 0.99),
]
ALL = [
    strip("hari", "Loket KTP-el", WORKING_DAY, "id"),
    heat("bulan", "November", MONTH, "id"),
    bars("opd", "OPD", [Bar("Satu", 0.5, 0.4, 0.6), Bar("Dua", None, None, None)], "id"),
    line_with_band("pekan", "Tepat waktu", [Point("3/11", 0.9, 0.85, 0.95, 0.9)], LEGEND, "id"),
    interval("uji", "Selisih", Difference(-0.004, -0.017, 0.009, 0.02), "id"),
]


def read(chart: Chart) -> ET.Element:
    return ET.fromstring(str(chart.svg))  # noqa: S314 - our own


def said(chart: Chart) -> list[str]:
    """The words that are drawn."""
    return [one.text or "" for one in read(chart).iter(f"{SVG}text")]


@pytest.mark.parametrize("chart", ALL)
def test_a_chart_says_what_it_shows_and_has_a_table_whose_rows_fill_its_head(chart: Chart) -> None:
    svg = read(chart)
    title, desc = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")
    assert title is not None
    assert title.text
    assert desc is not None
    assert desc.text
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert chart.rows
    assert {len(row) for row in chart.rows} == {len(chart.head)}
    ids = [one.get("id") for one in svg.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    used = {one.get("fill") for one in svg.iter() if (one.get("fill") or "").startswith("url(")}
    assert used <= {f"url(#{name})" for name in ids}


def test_a_counters_day_shows_its_hours_and_marks_what_was_not_met_with_letters_and_patterns() -> None:
    chart = ALL[0]
    assert said(chart)[:2] == ["3", "0"]
    assert [hour for hour in said(chart) if len(hour) == 2] == ["08", "09", "10", "11", "12", "13", "14", "15"]
    assert {"K", "?"} <= set(said(chart))
    drawn = [one.get("fill") for one in read(chart).iter(f"{SVG}rect")]
    assert "url(#hari-short)" in drawn
    assert "url(#hari-unknown)" in drawn
    assert chart.rows[2] == ("08.30–12.00", "2", "1–2", "tak diketahui")
    assert chart.rows[4][0] == "15.00–24.00"


def test_a_counter_that_is_closed_all_day_or_has_no_day_yet_is_drawn_empty() -> None:
    for segments in ([segment(0, 24, 0, 0, 0, "closed")], []):
        chart = strip("hari", "Loket", segments, "en")
        assert "07" in said(chart)
        assert len(chart.rows) == len(segments)


def test_a_month_gives_each_date_its_share_and_says_whether_it_reaches_what_it_is_to_reach() -> None:
    chart = ALL[1]
    assert {"99,9", "97", "–", "?"} <= set(said(chart))
    assert [row[3] for row in chart.rows] == ["mencapai target", "di bawah target", "belum pasti", "tidak dinilai"]
    assert len(list(read(chart).iter(f"{SVG}polyline"))) == 2  # a date, and the key
    assert len(list(read(chart).iter(f"{SVG}polygon"))) == 2


def test_names_of_others_are_words_and_nothing_else() -> None:
    chart = bars("opd", '"><script>', [Bar("<script>alert(1)</script>&", 0.5, 0.5, 0.5)], "id")
    assert "<script>" not in chart.svg
    assert "<script>alert(1)</script>&" in said(chart)


def test_a_figure_that_is_withheld_is_a_dash_and_no_bar() -> None:
    chart = ALL[2]
    assert chart.rows[1] == ("Dua", "–", "–", "–")
    assert said(chart)[-1] == "–"
    assert len(list(read(chart).iter(f"{SVG}line"))) == 1


def test_a_line_is_broken_where_nothing_is_known() -> None:
    along = [
        Point("a", 0.9, 0.8, 1.0),
        Point("b", None, None, None),
        Point("c", 0.9, 0.8, 1.0),
        Point("d", 0.9, 0.9, 1),
    ]
    chart = line_with_band("pekan", "Tepat waktu", along, Legend("minggu", "angka", "batas"), "id")
    assert len(list(read(chart).iter(f"{SVG}polyline"))) == 2
    assert len(list(read(chart).iter(f"{SVG}circle"))) == 3
    assert said(chart)[:2] == ["100%", "80%"]


def test_the_interval_shows_nothing_of_what_cannot_be_computed_yet() -> None:
    chart = interval("uji", "Selisih", Difference(None, None, None, 0.02), "id")
    assert list(read(chart).iter(f"{SVG}circle")) == []
    assert chart.rows == (("–", "–", "–", "−2,0"),)


def test_points_carry_a_sign_and_no_sign_where_they_round_to_nothing() -> None:
    assert [points(value, "id") for value in (0.012, -0.012, -0.0001, None)] == ["+1,2", "−1,2", "0,0", "–"]


share = st.none() | st.floats(0, 1.5)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), st.integers(0, 9), st.integers(0, 3)), max_size=12),
    st.lists(st.tuples(share, share, share), max_size=31),
    st.lists(st.tuples(share, share, share, share), max_size=16),
    st.booleans(),
)
def test_nothing_is_drawn_outside_the_frame_and_the_same_figures_give_the_same_bytes(
    pieces: list[tuple[float, int, int, int]],
    days: list[tuple[float | None, float | None, float | None]],
    along: list[tuple[float | None, float | None, float | None, float | None]],
    shares: bool,
) -> None:
    ends = sorted(24 * end for end, *_ in pieces)
    status: list[Status] = ["met", "short", "unknown", "closed"]
    segments = [
        segment(begin, end, required, low, low + more, status[more])
        for (begin, end), (_, required, low, more) in zip(
            zip([0.0, *ends], ends, strict=False), pieces, strict=False
        )
    ]
    month = [Day(DAY + dt.timedelta(days=at), *day) for at, day in enumerate(days)]

    def drawn() -> list[Chart]:
        return [
            strip("hari", "x", segments, "id"),
            heat("bulan", "x", month, "en"),
            bars("opd", "x", [Bar("x", *day) for day in days], "id"),
            line_with_band("pekan", "x", [Point("x", *one) for one in along], LEGEND, "id", share=shares),
        ]

    charts = drawn()
    assert charts == drawn()
    for chart in charts:
        svg = read(chart)
        tall = float(svg.get("height") or 0)
        for one in svg.findall(f"{SVG}rect"):
            x, y, wide, high = (float(one.get(name) or 0) for name in ("x", "y", "width", "height"))
            assert -0.2 <= x <= x + wide <= WIDTH + 0.2
            assert -0.2 <= y <= y + high <= tall + 0.2
        for one in svg.findall(f"{SVG}circle"):
            assert 0 <= float(one.get("cx") or 0) <= WIDTH
            assert 0 <= float(one.get("cy") or 0) <= tall
