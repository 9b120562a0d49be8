"""The city of Bekasi with a seeded population of any size.

The same (staff, seed) always gives the same city, on every machine. Places are approximate and people
synthetic: see data/README.md.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from uuid import UUID, uuid5

from demo.people import EMAIL_DOMAIN, Area, Names, Nips, Place, home
from demo.units import SHIFT_GROUPS, Hours, Opd, Unit, hours, rows, units

TODAY = date(2025, 11, 6)
LEAST_STAFF = 50
SHORT_COUNTER = "KEC04-JAKASETIA"
"""The counter that will fall short on the day: it is in a city of any size."""
NAMESPACE = UUID("6f0c2c0e-6a4b-5b7e-9a55-3275c17bec51")
SPAN_OF_CONTROL = 12


@dataclass(frozen=True)
class Employee:
    employee_id: UUID
    nip: str
    name: str
    opd_code: str
    unit_id: str
    employment: str
    echelon: str | None
    timetable: str
    home: Place
    number: int
    shift_group: int | None = None
    supervisor: UUID | None = None
    heads: tuple[str, ...] = ()
    post_since: date = date(2024, 1, 2)

    @property
    def email(self) -> str:
        return f"pegawai{self.number}@{EMAIL_DOMAIN}"

    @property
    def phone(self) -> str:
        return f"+62000{self.number:08d}"


@dataclass(frozen=True)
class Absence:
    employee_id: UUID
    starts: date
    ends: date
    kind: str


@dataclass
class City:
    opds: dict[str, Opd]
    units: dict[str, Unit]
    hours: dict[str, list[Hours]]
    employees: dict[UUID, Employee] = field(default_factory=dict[UUID, Employee])
    leave: list[Absence] = field(default_factory=list[Absence])
    duty_travel: list[Absence] = field(default_factory=list[Absence])

    def service_points(self) -> list[Unit]:
        return [u for u in self.units.values() if u.is_service_point]


def build(staff: int = 3000, seed: int = 2025, today: date = TODAY) -> City:
    """The city with so many staff, some of them away around `today`; the people are the same on every date.

    With fewer staff than all counters need it is a part of the city: each agency's head office, and the counters
    that so many can staff. Raises ValueError for less than LEAST_STAFF.
    """
    if staff < LEAST_STAFF:
        raise ValueError(f"STAFF must be at least {LEAST_STAFF}: the heads of 44 agencies and one counter")
    city = City(
        opds={r["opd_code"]: Opd(**r) for r in rows("opd.csv")},
        units={u.unit_id: u for u in units()},
        hours=hours(),
    )
    dice = random.Random(seed)
    counts = _headcounts(list(city.units.values()), staff)
    if any(counts[unit.unit_id] <= unit.min_staff for unit in city.service_points()):
        counts = _few(city, staff)
    _populate(city, counts, dice, seed)
    _absences(city, seed, today)
    return city


def _few(city: City, staff: int) -> dict[str, int]:
    """Leave the head offices and as many counters as can be staffed; returns how many people each unit has.

    Counters come in the order of the agencies' first ones, then their second ones, so that many agencies have one.
    """
    tops = [u for u in city.units.values() if u.parent is None]
    nth: Counter[str] = Counter()
    waiting: list[tuple[bool, int, Unit]] = []
    for unit in city.service_points():
        waiting.append((unit.unit_id != SHORT_COUNTER, nth[unit.opd_code], unit))
        nth[unit.opd_code] += 1
    counts = {u.unit_id: 1 for u in tops}
    left = staff - len(tops)
    for _, _, unit in sorted(waiting, key=lambda one: one[:2]):
        if unit.base <= left:
            counts[unit.unit_id] = unit.base
            left -= unit.base
    for n in range(left):
        counts[tops[n % len(tops)].unit_id] += 1
    for unit_id in [unit_id for unit_id in city.units if unit_id not in counts]:
        del city.units[unit_id]
    for unit in list(city.units.values()):
        if unit.parent is not None and unit.parent not in counts:
            city.units[unit.unit_id] = replace(unit, parent=f"{unit.opd_code}-SEKRETARIAT")
    return counts


def _headcounts(units: list[Unit], staff: int) -> dict[str, int]:
    """How many people each unit has: its base and a share of the rest by weight, largest remainders first.
    With fewer staff than the bases ask for, one each and the rest in proportion to the bases."""
    enough = staff >= sum(u.base for u in units)
    least = {u.unit_id: u.base if enough else 1 for u in units}
    weights = {u.unit_id: u.weight if enough else u.base - 1 for u in units}
    rest, total = staff - sum(least.values()), sum(weights.values())
    shares = {k: rest * w / total for k, w in weights.items()}
    counts = {k: least[k] + int(shares[k]) for k in shares}
    by_remainder = sorted(shares, key=lambda k: (int(shares[k]) - shares[k], k))
    for unit_id in by_remainder[: staff - sum(counts.values())]:
        counts[unit_id] += 1
    return counts


def _populate(city: City, counts: dict[str, int], dice: random.Random, seed: int) -> None:
    names, nips = Names(dice), Nips(dice, TODAY)
    areas = [
        Area(
            r["area"],
            r["inside"] == "true",
            float(r["weight"]),
            float(r["lat"]),
            float(r["lon"]),
            float(r["spread_km"]),
        )
        for r in rows("homes.csv")
    ]

    def hire(unit: Unit, *, echelon: str | None, heads: tuple[str, ...], place_in_unit: int) -> Employee:
        number = len(city.employees) + 1
        female = dice.random() < 0.52
        employment = "PNS" if echelon or dice.random() < 0.55 else "PPPK"
        ages = (48, 59) if echelon == "II" else (38, 57) if echelon else (24, 57)
        rotated = echelon is not None and dice.random() < 0.1  # about 250 officials were rotated that day
        on_shift = unit.timetable == "shift" and not heads
        person = Employee(
            employee_id=uuid5(NAMESPACE, f"{seed}:{number}"),
            nip=nips.draw(employment=employment, female=female, ages=ages),
            name=names.draw(female=female, head=echelon is not None),
            opd_code=unit.opd_code,
            unit_id=unit.unit_id,
            employment=employment,
            echelon=echelon,
            timetable="five_day" if heads and unit.timetable == "shift" else unit.timetable,
            home=home(dice, areas),
            number=number,
            shift_group=place_in_unit % SHIFT_GROUPS if on_shift else None,
            heads=heads,
            post_since=date(2025, 10, 29) if rotated else TODAY - timedelta(days=dice.randint(60, 2400)),
        )
        city.employees[person.employee_id] = person
        return person

    staff_of: dict[str, list[Employee]] = {}
    for unit in city.units.values():
        count = counts[unit.unit_id]
        top = unit.parent is None
        people: list[Employee] = []
        if top:
            kecamatan = city.opds[unit.opd_code].kind == "kecamatan"
            rank = "III" if kecamatan else "II"
            people.append(hire(unit, echelon=rank, heads=(unit.opd_code, unit.unit_id), place_in_unit=0))
        elif count >= 4:
            people.append(
                hire(
                    unit,
                    echelon="IV" if unit.is_service_point else "III",
                    heads=(unit.unit_id,),
                    place_in_unit=0,
                )
            )
        people += [hire(unit, echelon=None, heads=(), place_in_unit=n) for n in range(count - len(people))]
        staff_of[unit.unit_id] = people
    _supervise(city, staff_of)


def _supervise(city: City, staff_of: dict[str, list[Employee]]) -> None:
    """The tree of superiors: agency heads under the Sekda, unit heads under the head of the parent unit,
    staff under the unit's head or, if many, under a team lead. A unit too small for a head is part
    of its parent's team."""
    sekda = staff_of["SETDA-SEKRETARIAT"][0]
    head_of = {unit_id: people[0] for unit_id, people in staff_of.items() if people and people[0].heads}
    team: dict[str, list[Employee]] = defaultdict(list)
    for unit in city.units.values():
        people = staff_of[unit.unit_id]
        head = head_of.get(unit.unit_id)
        if head is None:
            team[_headed(city, unit, head_of)] += people
            continue
        above = sekda if unit.parent is None else head_of[_headed(city, unit, head_of)]
        if head is not sekda:
            _assign(city, head, above)
        team[unit.unit_id] = people[1:] + team[unit.unit_id]
    for unit_id, people in team.items():
        head = head_of[unit_id]
        if len(people) <= SPAN_OF_CONTROL:
            for person in people:
                _assign(city, person, head)
            continue
        groups = math.ceil(len(people) / SPAN_OF_CONTROL)
        leads = people[:groups]
        for lead in leads:
            _assign(city, lead, head)
        for n, person in enumerate(people[groups:]):
            _assign(city, person, leads[n % groups])


def _headed(city: City, unit: Unit, head_of: dict[str, Employee]) -> str:
    """The nearest unit above this one that has a head; the top unit of every agency has one."""
    parent = unit.parent
    while parent is not None and parent not in head_of:
        parent = city.units[parent].parent
    if parent is None:
        raise ValueError(f"{unit.unit_id} has no headed unit above it")
    return parent


def _assign(city: City, person: Employee, superior: Employee) -> None:
    city.employees[person.employee_id] = replace(
        city.employees[person.employee_id], supervisor=superior.employee_id
    )


ABSENCE_DAYS = 8
"""More than the days of any absence. None begins before `today`: a change of past days needs two officers."""


def _absences(city: City, seed: int, today: date) -> None:
    """About 4 % on leave and 2 % on duty travel on the day of the demonstration and some days more.

    Each date takes its eighth of the people, so that nobody's absences of two dates overlap.
    """
    dice = random.Random(f"{seed}:{today}")
    for person in city.employees.values():
        if (person.number + today.toordinal()) % ABSENCE_DAYS:
            continue
        chance = dice.random() / ABSENCE_DAYS
        if chance < 0.04:
            kind = dice.choices(["annual", "sick", "important", "maternity"], weights=[60, 25, 10, 5])[0]
            city.leave.append(Absence(person.employee_id, today, today + timedelta(days=dice.randint(2, 5)), kind))
        elif chance < 0.06 and person.timetable == "five_day":
            city.duty_travel.append(
                Absence(person.employee_id, today, today + timedelta(days=dice.randint(2, 3)), "ST-2025/11")
            )
