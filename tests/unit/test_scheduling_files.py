"""Files as office programs and people write them: what is certain is taken, the rest is named by its place."""

import csv
import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduling.commands.imports.kind import Checked, Taken
from services.scheduling.commands.imports.kinds import KINDS, Kind
from services.scheduling.domain.records import Absence, Employee, Known, Opening, Place, Unit
from shared import csvfile
from shared.csvfile import Rejected, RowError
from shared.csvtext import as_csv
from shared.messages import catalogue

ANI, BUDI = "198704122010121001", "198503302003121007"
HER, HIM = UUID(int=1), UUID(int=2)
KNOWN = Known(
    opds=frozenset({"1.01", "4.01"}),
    unit_opd={"A": "1.01", "B": "1.01", "J": "4.01"},
    unit_sizes={"A": 3},
    ids_by_nip={ANI: HER, BUDI: HIM},
)
ANI_STORED = Employee(
    employee_id=HER,
    nip=ANI,
    name="Ani",
    opd_code="1.01",
    unit_id="A",
    supervisor_id=HIM,
    acting_supervisor_id=HIM,
    employment="PNS",
    echelon="IV",
    email="ani@bekasi.test",
    phone="0812",
    remote_places=(Place(-6.2, 107.0, 100.0),),
    heads=("A",),
    skills=("akta", "ktp-el"),
    timetable="shift",
    shift_group=2,
    post_since=dt.date(2024, 1, 1),
    discipline_until=dt.date(2026, 1, 1),
    active=False,
)
REQUIRED = "nip,name,opd_code,unit_id,employment,timetable"
OPTIONAL = (
    "supervisor_nip,acting_supervisor_nip,echelon,email,phone,remote_places,heads,skills,shift_group,post_since,"
    "discipline_until,active"
)


def checked(kind: Kind, body: str | bytes, *stored: Any, known: Known = KNOWN) -> Checked[Any]:
    data = body.encode() if isinstance(body, str) else body
    of = KINDS[kind]
    return of.check(csvfile.read(data, of.required, of.optional), known, of.records.by_key(stored))


def only(result: Checked[Any]) -> Taken[Any]:
    [found] = result.taken
    return found


def faults(kind: Kind, body: str | bytes, *stored: Any, known: Known = KNOWN) -> list[tuple[int, str, str]]:
    with pytest.raises(Rejected) as caught:
        checked(kind, body, *stored, known=known)
    assert all(error.code in catalogue() for error in caught.value.errors)
    return [(error.row, error.column, error.code) for error in caught.value.errors]


def warned(result: Checked[Any]) -> set[tuple[str, str]]:
    return {(one.column, one.code) for one in result.doubts}


# --- columns that are absent, cells that are empty ---------------------------------------------------------


def test_a_column_that_the_file_has_not_leaves_what_is_stored_and_nobody_returns_unasked() -> None:
    result = checked("employees", f"{REQUIRED}\n{ANI},Ani,1.01,A,PNS,shift\n", ANI_STORED)
    assert only(result) == Taken(ANI_STORED, (2,))
    assert ("active", "import.still_departed") in warned(result)


def test_an_empty_cell_of_a_present_column_clears_and_is_listed() -> None:
    body = f"{REQUIRED},{OPTIONAL}\n{ANI},Ani,1.01,A,PNS,five_day,,,,,,,,,,,,\n"
    found = only(checked("employees", body, ANI_STORED))
    assert found.record == replace(
        ANI_STORED,
        supervisor_id=None,
        acting_supervisor_id=None,
        echelon=None,
        email=None,
        phone=None,
        remote_places=(),
        heads=(),
        skills=(),
        timetable="five_day",
        shift_group=None,
        post_since=None,
        discipline_until=None,
    )
    assert set(found.cleared) == set(OPTIONAL.split(",")) - {"active"}


def test_skills_are_codes_in_lower_case_each_once() -> None:
    found = only(checked("employees", f"{REQUIRED},skills\n{ANI},Ani,1.01,A,PNS,five_day,KTP-el; akta;ktp-EL\n"))
    record: Any = found.record
    assert record.skills == ("akta", "ktp-el")
    for cell in ("bisa semuanya", ";".join(f"s{n}" for n in range(21)), "a" * 41, "-"):
        body = f"{REQUIRED},skills\n{ANI},Ani,1.01,A,PNS,five_day,{cell}\n"
        assert [fault[:2] for fault in faults("employees", body)] == [(2, "skills")], cell


def test_only_the_word_true_brings_a_departed_person_back() -> None:
    for cell, active in (("true", True), ("TRUE", True), ("benar", True), ("false", False), ("", False)):
        body = f"{REQUIRED},active\n{ANI},Ani,1.01,A,PNS,shift,{cell}\n"
        record: Any = only(checked("employees", body, ANI_STORED)).record
        assert record.active is active


def test_a_shift_keeps_its_group_and_a_new_one_must_have_one() -> None:
    five_day = replace(ANI_STORED, timetable="five_day", shift_group=None)
    assert faults("employees", f"{REQUIRED}\n{ANI},Ani,1.01,A,PNS,shift\n", five_day) == [
        (2, "shift_group", "import.required")
    ]


def test_units_keep_places_and_objective_and_lose_them_to_an_empty_cell_alone() -> None:
    unit = Unit("A", "1.01", "Loket", True, True, (Place(-6.2, 107.0, 100.0),), 0.95)
    required = "unit_id,opd_code,name,is_service_point,direct_service"
    row = "A,1.01,Loket,true,true"
    assert only(checked("units", f"{required}\n{row}\n", unit)) == Taken(unit, (2,))
    found = only(checked("units", f"{required},places,slo\n{row},,\n", unit))
    assert found == Taken(replace(unit, places=(), slo=0.99), (2,), ("places", "slo"))


def test_a_trip_keeps_its_letter_where_the_file_has_no_such_column() -> None:
    trip = Absence(HER, "duty_travel", dt.date(2025, 11, 6), dt.date(2025, 11, 7), None, "800/1")
    row = f"{ANI},2025-11-06,2025-11-07"
    assert only(checked("duty_travel", f"nip,from,to\n{row}\n", trip)) == Taken(trip, (2,))
    assert only(checked("duty_travel", f"nip,from,to,letter\n{row},\n", trip)).cleared == ("letter",)


# --- numbers that a spreadsheet damaged --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("198503302003121000", "nip.serial"),
        ("1.98503E+17", "nip.scientific"),
        ('"1,98503E+17"', "nip.scientific"),
        ("1.98503302003121e17", "nip.scientific"),
        ("198503302003121008.0", "nip.decimal"),
        ("19850330200312100", "nip.length"),
        ("\uff1198503302003121007", "nip.length"),
        ("١٩٨٥٠٣٣٠٢٠٠٣١٢١٠٠٧", "nip.length"),
    ],
)
@pytest.mark.parametrize("column", ["nip", "supervisor_nip"])
def test_a_number_that_cannot_be_is_refused_with_the_mend(column: str, cell: str, code: str) -> None:
    cells = {"nip": ANI, "supervisor_nip": ""} | {column: cell}
    body = f"{REQUIRED},supervisor_nip\n{cells['nip']},A,1.01,A,PNS,five_day,{cells['supervisor_nip']}\n"
    assert (2, column, code) in faults("employees", body)


@pytest.mark.parametrize("kind", ["leave", "duty_travel"])
def test_absences_name_a_damaged_number_too(kind: Kind) -> None:
    header = {"leave": "nip,from,to,kind", "duty_travel": "nip,from,to"}[kind]
    tail = {"leave": ",annual", "duty_travel": ""}[kind]
    body = f"{header}\n198503302003121000,2025-11-06,2025-11-06{tail}\n"
    assert faults(kind, body) == [(2, "nip", "nip.serial"), (2, "nip", "nip.rounded")]


def people(numbers: Sequence[str]) -> str:
    return "\n".join([REQUIRED, *(f"{nip},Nama,1.01,A,PNS,five_day" for nip in numbers)])


def test_a_column_rounded_to_doubles_is_told_from_one_that_was_kept_as_text() -> None:
    good = [f"198503302003121{n:03d}" for n in (17, 55, 121, 250, 407)]
    doubles = sorted({str(int(float(nip))) for nip in good})
    assert warned(checked("employees", people(doubles))) == {("nip", "nip.nearest_double")}
    assert warned(checked("employees", people([*doubles, ANI]))) == set()
    assert warned(checked("employees", people(good))) == set()
    known = replace(KNOWN, ids_by_nip={doubles[0]: HER})
    assert warned(checked("employees", people([doubles[0]]), known=known)) == set()
    rounded = faults("employees", people([nip[:15] + "000" for nip in good]))
    assert {code for _, _, code in rounded} >= {"nip.serial", "nip.rounded"}


# --- how the file is written --------------------------------------------------------------------------------

WRITTEN = [
    ANI,
    f"'{ANI}",
    f"\u2019{ANI}",
    f'="{ANI}"',
    f'"=""{ANI}"""',
    "19870412 201012 1 001",
    "19870412\u00a0201012\u00a01\u00a0001",
    "19870412.201012.1.001",
    "19870412-201012-1-001",
    f" {ANI}\u200b",
]


@pytest.mark.parametrize("written", WRITTEN)
def test_a_number_is_taken_as_people_write_it(written: str) -> None:
    record: Any = only(checked("leave", f"nip,from,to,kind\n{written},2025-11-06,2025-11-07,annual\n")).record
    assert record.employee_id == HER
    person: Any = only(checked("employees", f"{REQUIRED}\n{written},Ani,1.01,A,PNS,five_day\n")).record
    assert (person.employee_id, person.nip) == (HER, ANI)


TABLE = ("nip,from,to,kind", f"{ANI},2025-11-06,2025-11-07,annual")


def written(sign: str = ",", *, above: str = "", end: str = "\n", below: str = "") -> str:
    return above + end.join(line.replace(",", sign) for line in TABLE) + end + below


@pytest.mark.parametrize(
    ("body", "row"),
    [
        (written(), 2),
        (written(";"), 2),
        (written("\t"), 2),
        (written("|"), 2),
        (written(";", above="sep=,\n"), 3),
        (written(end="\r\n"), 2),
        (written(end="\r"), 2),
        (written(";", above="sep=;\n"), 3),
        (written(";", above='"sep=;"\r\n', end="\r\n"), 3),
        (written("\t", above="SEP=\t\n"), 3),
        (written().upper().replace("ANNUAL", "annual"), 2),
        (written().replace("nip", " NIP ").replace("from", '"From"'), 2),
        (written(above="Daftar cuti, Dinas Pendidikan\n\n"), 4),
        (written(";", above="Daftar cuti;;;\nper 1 November 2025;;;\n"), 4),
        (written(above="\n,,,\n"), 4),
        (written(below="\n,,,\n;;\n  \n").replace(";;\n", ""), 2),
        ("nip,from,to,kind,,\n" + TABLE[1] + ",,\n", 2),
        ("nip,from,to,kind,,\n" + TABLE[1] + "\n", 2),
        ("nip,from,,to,kind\n" + TABLE[1].replace("06,", "06,,") + "\n", 2),
        (written() + ",,,,,\n", 2),
    ],
)
def test_a_file_is_taken_as_office_programs_write_it(body: str, row: int) -> None:
    expected = Absence(HER, "leave", dt.date(2025, 11, 6), dt.date(2025, 11, 7), "annual", None)
    for data in (
        body.encode(),
        b"\xef\xbb\xbf" + body.encode(),
        body.encode("utf-16"),
        b"\xfe\xff" + body.encode("utf-16-be"),
        body.encode("utf-16-le"),
        body.encode("utf-16-be"),
    ):
        assert only(checked("leave", data)) == Taken(expected, (row,))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"PK\x03\x04rest of a workbook", [(1, "", "import.workbook")]),
        (f"nip,from,to,kind,\n{TABLE[1]},note\n", [(2, "#5", "import.no_header")]),
        (f"{TABLE[0]}\n{TABLE[1]},more\n", [(2, "", "import.cells")]),
        (f"{TABLE[0]}\n{ANI},2025-11-06,2025-11-07\n", [(2, "", "import.cells")]),
        (f"{TABLE[0]},NIP\n{TABLE[1]},\n", [(1, "nip", "import.column_twice")]),
        (
            f"{TABLE[1]}\n",
            [(1, column, "import.column_missing") for column in ("nip", "from", "to", "kind")],
        ),
        ("sep=;\n", [(1, "", "import.empty")]),
    ],
)
def test_a_file_whose_meaning_is_not_certain_says_what_is_wrong(
    body: str | bytes, found: list[tuple[int, str, str]]
) -> None:
    assert faults("leave", body) == found


def test_a_name_keeps_the_apostrophe_it_begins_with() -> None:
    record: Any = only(checked("employees", f"{REQUIRED}\n{ANI},'Aisyah,1.01,A,PNS,five_day\n")).record
    assert record.name == "'Aisyah"


# --- bounds and digits --------------------------------------------------------------------------------------

OPENINGS = "unit_id,effective_from,weekdays,opens,closes,min_staff,on_holidays"


@pytest.mark.parametrize(
    ("cell", "column"),
    [
        ("07:3\uff10", "opens"),
        ("0\u0667:30", "opens"),
        ("24:00", "opens"),
        ("07:30:15", "opens"),
        ("16:0\uff10", "closes"),
        ("\uff11", "min_staff"),
        ("\u0661", "min_staff"),
        ("0;\uff11", "weekdays"),
        ("2025-11-0\uff11", "effective_from"),
        ("2025-W45-4", "effective_from"),
        ("20251106", "effective_from"),
        ("9999-12-31", "effective_from"),
        ("1899-12-31", "effective_from"),
        ("0001-01-01", "effective_from"),
        ("3000-01-01", "effective_from"),
    ],
)
def test_digits_are_ascii_and_dates_lie_within_the_contract(cell: str, column: str) -> None:
    cells: dict[str, Any] = dict(
        zip(OPENINGS.split(","), ["A", "2025-11-01", "0", "07:30", "16:00", "1", "false"], strict=True)
    )
    body = io.StringIO()
    csv.writer(body).writerows([list(cells), list((cells | {column: cell}).values())])
    assert [(row, name) for row, name, _ in faults("requirements", body.getvalue())] == [(2, column)]


def test_seconds_that_a_spreadsheet_adds_to_a_time_are_taken_away() -> None:
    record: Any = only(checked("requirements", f"{OPENINGS}\nA,2025-11-01,0,07:30:00,24:00:00,1,false\n")).record
    assert record.openings == (Opening((0,), "07:30", "24:00", 1, False),)


def test_a_unit_has_at_most_two_hundred_openings_over_all_its_dates() -> None:
    first = dt.date(2025, 1, 1)

    def rows(start: int, count: int) -> str:
        days = [first + dt.timedelta(n) for n in range(start, start + count)]
        return "\n".join([OPENINGS, *(f"A,{day},0,08:00,15:00,1,false" for day in days)]) + "\n"

    assert len(checked("requirements", rows(0, 200)).taken) == 200
    assert faults("requirements", rows(0, 9_000)) == [(202, "unit_id", "import.requirements")]
    stored = [one.record for one in checked("requirements", rows(0, 150)).taken]
    assert len(checked("requirements", rows(0, 200), *stored).taken) == 200
    assert faults("requirements", rows(150, 51), *stored) == [(52, "unit_id", "import.requirements")]


UNITS = "unit_id,opd_code,name,is_service_point,direct_service,places,slo"


def test_lists_in_a_cell_are_bounded() -> None:
    def unit(places: str, slo: str = "0.99") -> str:
        return f'{UNITS}\nA,1.01,Loket,true,true,{places},"{slo}"\n'

    place = "-6.2400 107.0000 100"
    record: Any = only(checked("units", unit(";".join([place] * 50)))).record
    assert len(record.places) == 50
    assert faults("units", unit(";".join([place] * 51))) == [(2, "places", "import.too_many")]
    for wrong in ("-6.24 107.0 nan", "-6.24 107.0 inf", "-6.24 107.0 1_0", "-6.24 107.0 \uff11\uff10", "1 2"):
        assert faults("units", unit(wrong)) == [(2, "places", "import.place")]
    for wrong in ("nan", "\uff10", "1e-1", "0x1", "1.1"):
        assert faults("units", unit(place, wrong)) == [(2, "slo", "import.number")]
    record = only(checked("units", unit('"-6,2400 107,0000 100"', "0,95"))).record
    assert (record.places, record.slo) == (((-6.24, 107.0, 100.0),), 0.95)
    heads = ";".join(f"U{n}" for n in range(201))
    body = f"{REQUIRED},heads\n{ANI},A,1.01,A,PNS,five_day,{heads}\n"
    assert faults("employees", body) == [(2, "heads", "import.too_many")]


# --- heads ----------------------------------------------------------------------------------------------------


def test_a_headship_ends_with_a_transfer_to_another_opd_whatever_the_file_says() -> None:
    stored = replace(ANI_STORED, timetable="five_day", shift_group=None, active=True, heads=("1.01", "A"))
    for header, cell in ((REQUIRED, ""), (f"{REQUIRED},heads", ",A;1.01;J")):
        result = checked("employees", f"{header}\n{ANI},Ani,4.01,J,PNS,five_day{cell}\n", stored)
        found, record = only(result), only(result).record
        assert isinstance(record, Employee)
        assert record.heads == (("J",) if cell else ())
        assert set(found.heads_ended) == {"A", "1.01"}
        assert warned(result) == {("heads", "import.heads_ended")}
    moved = replace(stored, opd_code="4.01", unit_id="J", heads=())
    again = checked("employees", f"{REQUIRED},heads\n{ANI},Ani,4.01,J,PNS,five_day,A\n", moved)
    assert only(again).record == moved
    within = checked("employees", f"{REQUIRED}\n{ANI},Ani,1.01,B,PNS,five_day\n", stored)
    assert only(within).record == replace(stored, unit_id="B")


# --- round trip, and files of any content ---------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cf"]), min_size=1, max_size=20)


@given(TEXT, st.sampled_from(["", "0812-1", "+62 812", "-", "=1"]), st.lists(st.sampled_from(["A", "B", "1.01"])))
def test_what_is_exported_is_imported_as_it_was(name: str, phone: str, heads: list[str]) -> None:
    columns = [*REQUIRED.split(","), "phone", "heads"]
    row = {"nip": ANI, "name": name, "opd_code": "1.01", "unit_id": "A", "employment": "PNS"}
    row |= {"timetable": "five_day", "phone": phone, "heads": ";".join(heads)}
    record: Any = only(checked("employees", as_csv(columns, [row]))).record
    assert record.name == name
    assert record.phone == (phone or None)
    assert record.heads == tuple(sorted(set(heads)))


CELLS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", ANI, BUDI, "A", "1.01", "2025-11-06", "true", "0;1", "08:00", "annual", "PNS", "shift"]),
)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_any_file_is_taken_or_refused_by_row_and_column(kind: Kind, data: st.DataObject) -> None:
    required, optional = KINDS[kind].required, KINDS[kind].optional
    names = data.draw(st.permutations([*required, *data.draw(st.lists(st.sampled_from([*optional, "x", ""])))]))
    rows = data.draw(st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), max_size=4))
    text = io.StringIO()
    csv.writer(text, delimiter=data.draw(st.sampled_from(",;\t"))).writerows([names, *rows])
    encoding = data.draw(st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
    body = text.getvalue().encode(encoding, errors="replace")
    cut = data.draw(st.integers(0, len(body)))
    for content in (body, body[:cut], body[cut:]):
        for error in refusal(kind, content):
            assert error.row >= 1
            assert error.code in catalogue()


def refusal(kind: Kind, content: bytes) -> Sequence[RowError]:
    """What is wrong with a file, nothing for one that is taken."""
    try:
        checked(kind, content)
    except Rejected as rejected:
        return rejected.errors or pytest.fail("refused without a reason")
    return []
