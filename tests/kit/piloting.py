"""Pilots for tests: protocols, a small city of twelve OPDs, and what the walk of all doors asks about pilots."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID, uuid4, uuid5

from shared.events import AttendanceRecorded, Event, RulesChanged, ScheduleChanged, UnitChanged
from tests.kit.reporting import at, employee
from tests.kit.walk import FOREIGN, MINE, Body, Made, Target, World, told

OPDS = tuple(f"3275.{n:02}" for n in range(1, 13))
TREATED, CONTROL = OPDS[:6], OPDS[6:]
BASELINE = (dt.date(2025, 10, 6), dt.date(2025, 10, 17))
WORSE = (dt.date(2025, 11, 17), dt.date(2025, 11, 21))
"""Dates on which two more people of each treated OPD come late every day."""
PEOPLE = dict.fromkeys(OPDS, 8)
FEW = {**PEOPLE, OPDS[-1]: 4}
TRIAL = (dt.date(2025, 11, 10), dt.date(2025, 11, 14))


def protocol(**changed: Any) -> dict[str, Any]:
    """One that fits the small city."""
    return {
        "pilot_id": f"uji-{uuid4().hex[:8]}",
        "title": "WFH tahap II",
        "question": "Apakah pegawai tetap datang tepat waktu?",
        "metric": "on_time_rate",
        "better": "higher",
        "margin": 0.1,
        "count_by": "opd",
        "treated": list(TREATED),
        "control": list(CONTROL),
        "baseline": {"from": str(BASELINE[0]), "to": str(BASELINE[1])},
        "trial": {"from": str(TRIAL[0]), "to": str(TRIAL[1])},
        "available_minutes": 300,
        "seed": 2026,
        **changed,
    }


def work_dates(span: tuple[dt.date, dt.date]) -> Iterator[dt.date]:
    first, last = span
    days = (first + dt.timedelta(n) for n in range((last - first).days + 1))
    return (day for day in days if day.weekday() < 5)


def city(people: Mapping[str, int]) -> list[Event]:
    """So many people in each OPD, with a unit that is no counter."""
    known: list[Event] = [
        RulesChanged(
            rules_version="r1",
            effective_from=dt.date(2025, 1, 1),
            tolerance_minutes=0,
            report_modes=[],
            report_cutoff="17:00",
            review_sla_working_days=3,
        )
    ]
    for opd, count in people.items():
        known.append(
            UnitChanged(
                unit_id=opd,
                revision=1,
                opd_code=opd,
                opd_name=f"Dinas {opd}",
                name="Kantor",
                is_service_point=False,
                requirements=[],
            )
        )
        known += [employee(person(opd, n), opd, opd) for n in range(count)]
    return known


def history(people: Mapping[str, int]) -> list[Event]:
    """A baseline, a trial in which one person of two OPDs is late once more, and one that is worse."""

    def before(opd: str, _: int) -> int:
        return OPDS.index(opd) % 2

    def alike(opd: str, place: int) -> int:
        return before(opd, place) + (place == 0 and opd in (OPDS[0], OPDS[7]))

    def worse(opd: str, place: int) -> int:
        return alike(opd, place) + 2 * (opd in TREATED)

    spans = ((BASELINE, before), (TRIAL, alike), (WORSE, worse))
    return [event for span, late in spans for event in worked(people, span, late)]


def person(opd: str, number: int) -> UUID:
    return uuid5(UUID(int=7), f"{opd}/{number}")


def worked(
    people: Mapping[str, int], span: tuple[dt.date, dt.date], late: Callable[[str, int], int]
) -> list[Event]:
    """A plan and a check-in for everybody on each work date; `late` says how many of an OPD come late on which."""
    found: list[Event] = []
    for place, date in enumerate(work_dates(span)):
        for opd, count in people.items():
            for number in range(count):
                when = at("08:30" if number < late(opd, place) else "07:00", date)
                who = person(opd, number)
                found += [
                    ScheduleChanged(
                        employee_id=who,
                        opd_code=opd,
                        unit_id=opd,
                        work_date=date,
                        revision=1,
                        mode="WFO",
                        starts_at=at("07:30", date),
                        ends_at=at("16:00", date),
                        policy_version="p1",
                    ),
                    AttendanceRecorded(
                        employee_id=who,
                        opd_code=opd,
                        unit_id=opd,
                        work_date=date,
                        punch_id=uuid5(who, str(date)),
                        kind="in",
                        at=when,
                        received_at=when,
                        zone="office",
                        source="app",
                    ),
                ]
    return found


# --- The walk of all doors --------------------------------------------------------------------------------


def asked(**changed: Any) -> dict[str, Any]:
    """One whose trial nobody has come to."""
    ahead = {"from": "2029-01-01", "to": "2029-02-01"}
    return protocol(treated=[MINE], control=[FOREIGN], baseline=None, trial=ahead, **changed)


async def pilot(world: World, target: Target) -> str:
    body = asked()
    await world.call("POST", "/reporting/v1/pilots", json=body)
    return body["pilot_id"]


PILOTED: Mapping[str, Made] = {"pilot_id": pilot}
PILOTING: Mapping[str, Body] = {
    "POST /reporting/v1/pilots": told(lambda _, __: asked()),
    "POST /reporting/v1/pilots/power": told(lambda _, __: asked()),
}
