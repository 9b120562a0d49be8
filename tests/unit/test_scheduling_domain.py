"""The plain rules of scheduling: NIP, CSV, superiors, conflicts, readiness, what a change costs a counter."""

import ast
import datetime as dt
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduling.domain import changes
from services.scheduling.domain.changes import Short, Standing
from services.scheduling.domain.conflicts import conflicts
from services.scheduling.domain.nip import fault_of, kind_doubt
from services.scheduling.domain.policies import Policy, PolicyIn
from services.scheduling.domain.readiness import AssessmentIn, Weights, recommended_share, score
from services.scheduling.domain.records import Opening, RequirementSet
from services.scheduling.domain.superiors import loops
from services.scheduling.domain.timetable import Pattern, hours_on, instant
from shared import csvfile
from shared.csvfile import Rejected
from shared.messages import catalogue

DAY = dt.date(2025, 11, 6)


@pytest.mark.parametrize(
    ("nip", "code"),
    [
        ("198704122010121003", None),
        ("199009132025242014", None),
        ("19870412201012100", "nip.length"),
        ("1987041220101210034", "nip.length"),
        ("19870412201012100x", "nip.length"),
        ("١٩٨٧٠٤١٢٢٠١٠١٢١٠٠٣", "nip.length"),
        ("198702302010121003", "nip.birth_date"),
        ("198704121990121003", "nip.start_year"),
        ("198704122010123003", "nip.sex"),
    ],
)
@pytest.mark.fault(28)
def test_a_nip_is_judged_by_its_parts(nip: str, code: str | None) -> None:
    fault = fault_of(nip)
    assert (fault and fault.code) == code


@pytest.mark.fault(29)
def test_the_form_of_a_nip_raises_a_doubt_and_never_an_error() -> None:
    assert kind_doubt("198704122010121003", "PNS") is None
    assert kind_doubt("199009132025242014", "PPPK") is None
    for nip, employment in (("199009132025242014", "PNS"), ("198704122010121003", "PPPK")):
        doubt = kind_doubt(nip, employment)  # pyright: ignore[reportArgumentType]
        assert doubt is not None
        assert doubt.code in catalogue()


def rejected(
    body: bytes | str, required: tuple[str, ...] = ("a", "b"), optional: tuple[str, ...] = ()
) -> list[Any]:
    with pytest.raises(Rejected) as caught:
        csvfile.read(body.encode() if isinstance(body, str) else body, required, optional)
    return [(error.row, error.column, error.code) for error in caught.value.errors]


def test_a_file_that_cannot_be_read_says_where() -> None:
    assert rejected("") == [(1, "", "import.empty")]
    assert rejected("a,c\n1,2\n") == [(1, "b", "import.column_missing"), (1, "c", "import.column_unknown")]
    assert rejected("a,b,b\n1,2,3\n") == [(1, "b", "import.column_twice")]
    assert rejected("a,b\n1,2\n1\n1,2,3\n") == [(3, "", "import.cells"), (4, "", "import.cells")]
    assert rejected(b"a,b\n1,2\n\xff,2\n") == [(3, "", "import.encoding")]
    assert rejected("a,b\n1,\0\n") == [(2, "", "import.nul")]
    assert rejected('a,b\n1,"2\n3,4\n') == [(2, "", "import.quotes")]


def test_rows_are_numbered_by_the_line_they_begin_on() -> None:
    rows = csvfile.read(b'a,b\n1,"two\nlines"\n\n2,x\n', ("a", "b"))
    assert [(row.number, row.cells["a"]) for row in rows] == [(2, "1"), (5, "2")]


def test_lists_keep_their_semicolons_in_both_kinds_of_file() -> None:
    for body in (b"a,b\n1;2,x\n", b'a;b\n"1;2";x\n'):
        [row] = csvfile.read(body, ("a", "b"))
        assert csvfile.Cells(row, []).items("a") == ["1", "2"]


def test_every_code_that_scheduling_gives_has_a_text() -> None:
    refusals = dict.fromkeys(("Forbidden", "Missing", "Conflict", "Invalid"), 0)
    places = {**refusals, "FieldError": 1, "Problem": 1, "wrong": 1, "_wrong": 1, "RowError": 2, "NipFault": 0}
    codes: set[str] = set()
    for path in (Path(csvfile.__file__), *Path(changes.__file__).parents[1].rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = places.get(name, 99)
            if len(node.args) > place and isinstance(code := node.args[place], ast.Constant):
                codes.add(str(code.value))
    assert len(codes) > 50
    assert codes <= set(catalogue())


@given(st.dictionaries(st.integers(0, 12), st.integers(0, 12), max_size=12))
def test_a_ring_is_found_exactly_when_somebody_is_their_own_superior(edges: dict[int, int]) -> None:
    bosses = {UUID(int=one): UUID(int=other) for one, other in edges.items()}

    def own_superior(start: UUID) -> bool:
        here, steps = bosses.get(start), 0
        while here is not None and here != start and steps <= len(bosses):
            here, steps = bosses.get(here), steps + 1
        return here == start

    members = {person for ring in loops(bosses) for person in ring}
    assert members == {person for person in bosses if own_superior(person)}


def test_hours_of_the_three_timetables() -> None:
    friday, saturday = DAY + dt.timedelta(1), DAY + dt.timedelta(2)
    assert hours_on(Pattern("five_day"), DAY, holiday=False) == (450, 960)
    assert hours_on(Pattern("five_day"), friday, holiday=False) == (450, 990)
    assert hours_on(Pattern("five_day"), saturday, holiday=False) is None
    assert hours_on(Pattern("six_day"), saturday, holiday=False) == (450, 780)
    assert hours_on(Pattern("six_day"), DAY, holiday=True) is None
    week = sum(
        end - start
        for n in range(6)
        if (hours := hours_on(Pattern("six_day"), dt.date(2025, 11, 3) + dt.timedelta(n), holiday=False))
        for start, end in [hours]
    )
    assert week == 37.5 * 60
    group = next(n for n in range(4) if (DAY.toordinal() + n) % 4 == 2)
    assert hours_on(Pattern("shift", group), DAY, holiday=True) == (1380, 1860)
    assert instant(DAY, 1860).isoformat() == "2025-11-07T07:00:00+07:00"


def policy(name: str, start: str, end: str | None, scope: dict[str, Any]) -> Policy:
    content = {
        "policy_id": name,
        "effective_from": start,
        "effective_to": end,
        "scope": scope,
        "kind": "weekday",
        "parameters": {"weekdays": [3]},
    }
    return Policy(name, 1, PolicyIn.model_validate(content))


def test_conflicts_name_the_shared_dates_the_opd_and_the_winner() -> None:
    city = policy("city", "2025-11-01", "2025-11-30", {"all": True})
    mine = policy("mine", "2025-11-01", None, {"opd_codes": ["1"]})
    later = policy("later", "2025-12-01", None, {"all": True})
    [one] = conflicts(mine, [city], ["1", "2"])
    assert (one.first, one.last, one.opd_codes) == (dt.date(2025, 11, 1), dt.date(2025, 11, 30), ("1",))
    assert (one.winner, one.because) == ("mine/1", "narrower_scope")
    assert conflicts(later, [city], ["1", "2"]) == []
    [two] = conflicts(later, [mine], ["1", "2"])
    assert (two.winner, two.because) == ("later/1", "later_start")


@pytest.mark.parametrize("name", ["remote_tasks", "connection", "minimum_staff"])
def test_no_recommended_share_exceeds_what_one_criterion_allows(name: str) -> None:
    full = dict.fromkeys(("remote_tasks", "digital_service", "supervision", "connection", "minimum_staff"), 1.0)
    found = AssessmentIn.model_validate(
        {"subject_kind": "opd", "subject_id": "1", "assessed_on": "2025-11-03", **full, name: 0.3}
    )
    assert recommended_share(found, Weights(least_score=0)) <= 0.3
    assert recommended_share(found, Weights(least_score=1)) == 0
    assert score(found, Weights(**{**dict.fromkeys(full, 0), name: 1})) == 0.3  # pyright: ignore[reportArgumentType]


def plan(number: int, mode: str, start: int = 450, end: int = 960) -> Standing:
    return Standing(UUID(int=number), DAY, "U", mode, instant(DAY, start), instant(DAY, end))


NEEDS_TWO = [RequirementSet("U", dt.date(2025, 1, 1), (Opening((3,), "08:00", "15:00", 2, False),))]


def test_a_change_is_charged_only_with_the_shortage_it_makes() -> None:
    plans = [plan(1, "WFO"), plan(2, "WFO", 450, 720), plan(3, "WFH")]
    before = changes.shortages(NEEDS_TWO, plans, "U", [DAY], frozenset())
    assert before == [Short(DAY, 720, 900, 2, 1)]
    after = changes.shortages(NEEDS_TWO, [plans[0], plans[2]], "U", [DAY], frozenset())
    assert after == [Short(DAY, 480, 900, 2, 1)]
    assert changes.worse(before, before) == []
    assert changes.worse(before, after) == after
    assert changes.worse(after, before) == []


def test_substitutes_are_ranked_by_what_they_mend_and_then_by_days_at_home() -> None:
    short = [Short(DAY, 480, 900, 2, 1)]
    plans = [plan(1, "WFH", 450, 700), plan(2, "WFH"), plan(3, "WFH"), plan(4, "WFO"), plan(5, "WFH")]
    home = {UUID(int=2): 3, UUID(int=3): 7}
    found = changes.substitutes(short, plans, "U", home_days=home, leave_out=frozenset({UUID(int=5)}))
    assert [(one.employee_id.int, one.minutes) for one in found] == [(3, 420), (2, 420), (1, 220)]
