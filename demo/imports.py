"""The city as the CSV files that BKPSDM would upload: `POST /scheduling/v1/imports/{kind}`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from demo.city import Absence, City, Employee, build
from demo.script import tasks_of_the_day
from demo.units import rows

EFFECTIVE_FROM = date(2025, 1, 1)
ORDER = ("opds", "units", "requirements", "employees", "holidays", "leave", "duty_travel")


def imports(city: City) -> dict[str, str]:
    """The CSV text of every import, in the order in which they must be sent; one without rows is left out."""
    nip = {e.employee_id: e.nip for e in city.employees.values()}
    made = {
        "opds": _csv(
            ("opd_code", "name", "short_name", "kind", "direct_service"),
            ((o.opd_code, o.name, o.short_name, o.kind, o.direct_service) for o in city.opds.values()),
        ),
        "units": _csv(
            ("unit_id", "opd_code", "name", "is_service_point", "direct_service", "places", "slo"),
            (
                (u.unit_id, u.opd_code, u.name, u.is_service_point, u.direct_service, u.place.text(), u.slo)
                for u in city.units.values()
            ),
        ),
        "requirements": _csv(
            ("unit_id", "effective_from", "weekdays", "opens", "closes", "min_staff", "on_holidays"),
            (
                (u.unit_id, EFFECTIVE_FROM, h.weekdays, h.opens, h.closes, u.min_staff, h.on_holidays)
                for u in city.service_points()
                for h in city.hours[u.pattern or ""]
            ),
        ),
        "employees": _csv(
            _EMPLOYEE_COLUMNS,
            (_employee(e, nip[e.supervisor] if e.supervisor else "") for e in city.employees.values()),
        ),
        "holidays": _csv(("date", "kind", "name"), (tuple(r.values()) for r in rows("holidays.csv"))),
        "leave": _csv(("nip", "from", "to", "kind"), (_absence(a, nip[a.employee_id]) for a in city.leave)),
        "duty_travel": _csv(
            ("nip", "from", "to", "letter"), (_absence(a, nip[a.employee_id]) for a in city.duty_travel)
        ),
    }
    return {kind: made[kind] for kind in ORDER if made[kind].count("\n") > 1}


def catalogue() -> str:
    """The CSV text of the catalogue of tasks: `POST /reporting/v1/catalogue/imports`."""
    return _csv(
        ("task_code", "name", "unit", "norm_minutes", "opd_code", "effective_from", "active"),
        (
            (code, name, unit, norm, None, EFFECTIVE_FROM, True)
            for kind in tasks_of_the_day().values()
            for code, name, unit, norm, _, _ in kind["tasks"]
        ),
    )


_EMPLOYEE_COLUMNS = (
    "employee_id",
    "nip",
    "name",
    "opd_code",
    "unit_id",
    "supervisor_nip",
    "employment",
    "echelon",
    "email",
    "phone",
    "remote_places",
    "heads",
    "timetable",
    "shift_group",
    "post_since",
)


def _employee(e: Employee, supervisor_nip: str) -> tuple[object, ...]:
    return (
        e.employee_id,
        e.nip,
        e.name,
        e.opd_code,
        e.unit_id,
        supervisor_nip,
        e.employment,
        e.echelon,
        e.email,
        e.phone,
        e.home.text(),
        ";".join(e.heads),
        e.timetable,
        e.shift_group,
        e.post_since,
    )


def _absence(a: Absence, nip: str) -> tuple[object, ...]:
    return (nip, a.starts, a.ends, a.kind)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _csv(header: tuple[str, ...], lines: Iterable[tuple[object, ...]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_text(v) for v in line] for line in lines)
    return out.getvalue()


def write(folder: Path, staff: int = 3000, seed: int = 2025) -> None:
    """Writes the files of one city into a folder, to look at or to upload by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, text in imports(build(staff, seed)).items():
        (folder / f"{kind}.csv").write_text(text, encoding="utf-8")
    (folder / "catalogue.csv").write_text(catalogue(), encoding="utf-8")
