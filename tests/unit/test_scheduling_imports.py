"""The checks of the CSV imports: every error by row and column, and nothing that hides another."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from services.scheduling.commands.imports.kind import Checked
from services.scheduling.commands.imports.kinds import KINDS, Kind
from services.scheduling.domain.records import Absence, Employee, Known
from shared import csvfile
from shared.csvfile import Rejected

ANI, BUDI = "198704122010121001", "198704122010121002"
IDS = {ANI: UUID(int=1), BUDI: UUID(int=2)}
KNOWN = Known(
    opds=frozenset({"1.01", "4.01"}),
    unit_opd={"A": "1.01", "J": "4.01"},
    unit_sizes={"A": 3},
    ids_by_nip=IDS,
)
EMPLOYEES = "employee_id,nip,name,opd_code,unit_id,supervisor_nip,employment,timetable"


def checked(kind: Kind, lines: Sequence[str], known: Known = KNOWN, *stored: Any) -> Checked[Any]:
    of = KINDS[kind]
    rows = csvfile.read("\n".join(lines).encode(), of.required, of.optional)
    return of.check(rows, known, of.records.by_key(stored))


def errors(kind: Kind, lines: Sequence[str], known: Known = KNOWN, *stored: Any) -> set[tuple[int, str, str]]:
    with pytest.raises(Rejected) as caught:
        checked(kind, lines, known, *stored)
    found = [(error.row, error.column, error.code) for error in caught.value.errors]
    assert len(found) == len(set(found))
    return set(found)


def nip(number: int) -> str:
    """A well-formed number for each of some tens of thousands of people."""
    born = dt.date(1970, 1, 1) + dt.timedelta(number // 900)
    return f"{born:%Y%m%d}2010121{100 + number % 900}"


def test_every_fault_of_a_row_is_named_at_once() -> None:
    assert errors("employees", [EMPLOYEES, ",123,,1.01,X,,PNSX,five_day"]) == {
        (2, "nip", "nip.length"),
        (2, "name", "import.required"),
        (2, "unit_id", "import.unknown_unit"),
        (2, "employment", "import.choice"),
    }


def test_every_empty_cell_of_a_row_is_named() -> None:
    assert errors("employees", [EMPLOYEES, "x,,,,,,,"]) == {
        (2, "employee_id", "import.uuid"),
        *(
            (2, column, "import.required")
            for column in ("nip", "name", "opd_code", "unit_id", "employment", "timetable")
        ),
    }


def test_a_cell_that_is_too_long_is_named_once() -> None:
    row = f",{nip(1)},{'n' * 301},1.01,A,,PNS,five_day"
    assert errors("employees", [EMPLOYEES, row]) == {(2, "name", "import.too_long")}


def test_a_broken_row_at_the_end_of_the_city_is_named_by_its_line() -> None:
    rows = [f",{nip(number)},Pegawai,1.01,A,,PNS,five_day" for number in range(24_000)]
    rows[23_997] = rows[23_997].replace("five_day", "five_days").replace("1.01", "9.99")
    assert errors("employees", [EMPLOYEES, *rows]) == {
        (23_999, "timetable", "import.choice"),
        (23_999, "opd_code", "import.unknown_opd"),
    }


def test_a_nip_twice_is_named_whatever_else_its_row_has_wrong() -> None:
    rows = [f",{nip(1)},A,1.01,A,,PNS,five_day", f"x,{nip(1)},A,1.01,A,,PNS,five_day"]
    assert errors("employees", [EMPLOYEES, *rows]) == {
        (3, "nip", "import.twice"),
        (3, "employee_id", "import.uuid"),
    }


def test_a_ring_of_superiors_is_named_beside_the_errors_of_other_rows() -> None:
    rows = [
        f",{ANI},Ani,1.01,A,{BUDI},PNS,five_day",
        f",{BUDI},Budi,1.01,A,{ANI},PNS,five_day",
        f",{nip(3)},,1.01,A,,PNS,five_day",
    ]
    assert errors("employees", [EMPLOYEES, *rows]) == {
        (2, "supervisor_nip", "import.supervisor_loop"),
        (3, "supervisor_nip", "import.supervisor_loop"),
        (4, "name", "import.required"),
    }


def test_a_superior_whose_own_row_is_wrong_makes_no_ring_of_what_was_stored() -> None:
    known = Known(KNOWN.opds, KNOWN.unit_opd, {}, IDS, supervisors={IDS[ANI]: IDS[BUDI]})
    rows = [f",{ANI},,1.01,A,,PNS,five_day", f",{BUDI},Budi,1.01,A,{ANI},PNS,five_day"]
    assert errors("employees", [EMPLOYEES, *rows], known) == {(2, "name", "import.required")}


REQUIREMENTS = "unit_id,effective_from,weekdays,opens,closes,min_staff,on_holidays"


def test_a_minimum_above_the_active_people_of_a_unit_is_named_and_an_empty_unit_may_wait_for_them() -> None:
    rows = ["A,2025-01-01,0,08:00,15:00,4,false", "J,2025-01-01,0,08:00,15:00,4,false"]
    assert errors("requirements", [REQUIREMENTS, *rows]) == {(2, "min_staff", "import.minimum_above_size")}


def test_reversed_hours_are_named_beside_an_unknown_unit() -> None:
    assert errors("requirements", [REQUIREMENTS, "X,2025-01-01,0,15:00,08:00,1,false"]) == {
        (2, "unit_id", "import.unknown_unit"),
        (2, "closes", "import.closes_before_opens"),
    }
    assert errors("requirements", [REQUIREMENTS, "A,2025-01-01,0,25:00,08:00,1,false"]) == {
        (2, "opens", "import.time")
    }


LEAVE = "nip,from,to,kind"


@pytest.mark.fault(35)
def test_reversed_dates_are_named() -> None:
    assert errors("leave", [LEAVE, f"{ANI},2025-11-10,2025-11-07,annual"]) == {(2, "to", "import.to_before_from")}


@pytest.mark.fault(35)
def test_each_row_that_overlaps_an_earlier_and_longer_one_is_named() -> None:
    rows = [
        f"{ANI},2025-11-01,2025-11-30,annual",
        f"{ANI},2025-11-05,2025-11-06,annual",
        f"{ANI},2025-11-10,2025-11-12,nonsense",
    ]
    assert errors("leave", [LEAVE, *rows]) == {
        (3, "from", "import.overlaps_row"),
        (4, "from", "import.overlaps_row"),
        (4, "kind", "import.choice"),
    }


def test_an_overlap_with_a_stored_trip_is_named() -> None:
    trip = Absence(IDS[ANI], "duty_travel", dt.date(2025, 11, 12), dt.date(2025, 11, 14), None, "800/1")
    row = f"{ANI},2025-11-10,2025-11-12,annual"
    assert errors("leave", [LEAVE, row], KNOWN, trip) == {(2, "from", "import.overlaps_stored")}


def test_a_good_file_gives_one_record_a_person() -> None:
    found: list[Any] = [
        one.record for one in checked("employees", [EMPLOYEES, f",{ANI},Ani,1.01,A,,PNS,five_day"]).taken
    ]
    [record] = found
    assert isinstance(record, Employee)
    assert (record.employee_id, record.unit_id, record.active) == (IDS[ANI], "A", True)
