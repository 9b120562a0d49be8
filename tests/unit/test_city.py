import csv
import io
from collections import Counter
from datetime import date, datetime, timedelta

import pytest

from demo.city import SHORT_COUNTER, TODAY, City, Employee, build
from demo.imports import ORDER, imports
from demo.units import SHIFT_GROUPS


@pytest.fixture(scope="module")
def city() -> City:
    return build(3000)


def superiors(city: City, person: Employee) -> list[Employee]:
    chain = [person]
    while (above := chain[-1].supervisor) is not None:
        assert len(chain) <= 8, f"no end above {person.employee_id}"
        chain.append(city.employees[above])
    return chain[1:]


def test_the_city_has_its_44_agencies_56_kelurahan_desks_and_some_300_service_points(city: City) -> None:
    assert len(city.opds) == 44
    desks = [u for u in city.service_points() if u.name.startswith("Loket Kelurahan ")]
    assert len(desks) == 56
    assert 290 <= len(city.service_points()) <= 330


def test_every_agency_that_serves_the_public_in_full_has_a_service_point(city: City) -> None:
    served = {u.opd_code for u in city.service_points()}
    assert {o.opd_code for o in city.opds.values() if o.direct_service == "full"} <= served


@pytest.mark.parametrize("staff", [600, 3000, 24000])
def test_the_population_has_exactly_the_size_that_was_asked_for(staff: int) -> None:
    made = build(staff)
    assert len(made.employees) == staff
    assert {e.unit_id for e in made.employees.values()} == set(made.units)


@pytest.mark.parametrize("staff", [-1, 0, 10, 49])
def test_a_population_smaller_than_the_agencies_and_a_counter_is_refused(staff: int) -> None:
    with pytest.raises(ValueError, match="at least 50"):
        build(staff)


@pytest.mark.parametrize(
    "sizes", [*(range(first, first + 59, 2) for first in range(50, 522, 59)), range(523, 2400, 131)]
)
def test_a_city_of_any_small_size_has_its_agencies_heads_and_counters_that_can_be_staffed(sizes: range) -> None:
    """From the smallest to where every unit has as many as it would like."""
    for staff in sizes:
        made = build(staff)
        assert len(made.employees) == staff
        people = Counter(e.unit_id for e in made.employees.values())
        assert set(people) == set(made.units), staff
        assert Counter(
            code for e in made.employees.values() for code in e.heads if code in made.opds
        ) == dict.fromkeys(made.opds, 1)
        assert [e for e in made.employees.values() if e.supervisor is None] == [
            e for e in made.employees.values() if "SETDA" in e.heads
        ]
        for unit in made.units.values():
            assert unit.parent is None or unit.parent in made.units, (staff, unit.unit_id)
        assert SHORT_COUNTER in made.units
        for unit in made.service_points():
            assert people[unit.unit_id] > unit.min_staff, (staff, unit.unit_id)


def test_a_small_city_has_files_without_empty_ones_and_is_the_same_each_time() -> None:
    for staff in (50, 60, 300):
        files = imports(build(staff))
        assert all(text.count("\n") > 1 for text in files.values())
        assert {"opds", "units", "requirements", "employees", "holidays"} <= set(files)
        assert files == imports(build(staff))


def test_absences_of_two_days_never_meet_and_none_begins_before_its_day() -> None:
    days = [date(2025, 11, 6) + timedelta(days=n) for n in range(15)]
    away = [
        (a.employee_id, a.starts, a.ends)
        for d in days
        for c in [build(300, today=d)]
        for a in c.leave + c.duty_travel
    ]
    assert len(away) > 100
    assert {starts for _, starts, _ in away} <= set(days)
    by_person: dict[object, list[tuple[date, date]]] = {}
    for who, starts, ends in sorted(away, key=lambda one: one[1]):
        assert all(starts > before for _, before in by_person.get(who, [])), who
        by_person.setdefault(who, []).append((starts, ends))


def test_the_same_seed_gives_the_same_files_and_another_seed_does_not() -> None:
    assert imports(build(700, seed=7)) == imports(build(700, seed=7))
    assert imports(build(700, seed=7))["employees"] != imports(build(700, seed=8))["employees"]


def test_the_same_people_work_on_another_date() -> None:
    assert build(700, today=date(2025, 11, 13)).employees == build(700).employees


def test_a_nip_is_unique_and_of_the_form_of_its_employment(city: City) -> None:
    nips = [e.nip for e in city.employees.values()]
    assert len(set(nips)) == len(nips)
    for e in city.employees.values():
        assert len(e.nip) == 18
        assert e.nip.isdigit()
        birth = datetime.strptime(e.nip[:8], "%Y%m%d").date()  # noqa: DTZ007  a birth date has no zone
        assert 20 <= (TODAY - birth).days / 365.25 <= 60
        month = int(e.nip[12:14])
        assert 1 <= month <= 12 if e.employment == "PNS" else month == 21
        assert int(e.nip[8:12]) >= birth.year + 18
        assert e.nip[14] in "12"


def test_every_person_is_marked_as_synthetic(city: City) -> None:
    for e in city.employees.values():
        assert e.email.endswith("@sintetis.invalid")
        assert e.phone.startswith("+62000")
        assert 900 <= int(e.nip[15:]) <= 999


def test_the_superiors_form_a_tree_that_passes_the_agency_head_and_ends_at_the_sekda(city: City) -> None:
    sekda = next(e for e in city.employees.values() if e.supervisor is None)
    head_of = {code: e for e in city.employees.values() for code in e.heads}
    assert "SETDA" in sekda.heads
    for e in city.employees.values():
        if e is sekda:
            continue
        chain = superiors(city, e)
        assert chain[-1] is sekda
        agency_head = head_of[e.opd_code]
        assert e is agency_head or agency_head in chain


def test_every_agency_has_one_head(city: City) -> None:
    heads = Counter(code for e in city.employees.values() for code in e.heads if code in city.opds)
    assert heads == dict.fromkeys(city.opds, 1)


def test_every_shift_has_the_minimum_staff_of_its_post(city: City) -> None:
    posted = Counter((e.unit_id, e.shift_group) for e in city.employees.values())
    for unit in city.service_points():
        if unit.timetable == "shift":
            assert all(posted[unit.unit_id, g] >= unit.min_staff for g in range(SHIFT_GROUPS)), unit.unit_id


def test_some_homes_lie_outside_the_city(city: City) -> None:
    homes = [e.home for e in city.employees.values()]
    outside = [h for h in homes if not (106.88 < h.lon < 107.05 and -6.40 < h.lat < -6.17)]
    assert 0.05 < len(outside) / len(homes) < 0.5


def test_every_import_file_has_rows_and_each_row_has_every_column(city: City) -> None:
    files = imports(city)
    assert tuple(files) == ORDER
    for kind, text in files.items():
        header, *lines = csv.reader(io.StringIO(text))
        assert lines, kind
        assert all(len(line) == len(header) for line in lines), kind


def test_nobody_is_on_leave_and_on_duty_travel_at_once(city: City) -> None:
    leave = {a.employee_id for a in city.leave}
    assert not leave & {a.employee_id for a in city.duty_travel}
    assert all(a.starts <= TODAY and a.ends < date(2025, 11, 14) for a in city.leave)
