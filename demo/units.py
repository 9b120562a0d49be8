"""The agencies, offices, schools and service points of the city, from the tables in data/."""

from __future__ import annotations

import csv
import math
import random
from collections import defaultdict
from dataclasses import dataclass, replace

from demo.people import DATA, Place, moved

HALL = (-6.2382, 106.9945)
MPP = (-6.2405, 106.9975)
AT_THE_HALL = {
    "SETDA",
    "SETWAN",
    "INSPEKTORAT",
    "BPKAD",
    "BKPSDM",
    "BAPPELITBANGDA",
    "KESBANGPOL",
    "DISKOMINFOSTANDI",
}
SHIFT_GROUPS = 4


@dataclass(frozen=True)
class Opd:
    opd_code: str
    name: str
    short_name: str
    kind: str
    direct_service: str


@dataclass(frozen=True)
class Hours:
    weekdays: str
    opens: str
    closes: str
    on_holidays: bool


@dataclass(frozen=True)
class Unit:
    """Where people are posted; a service point when it has hours. `base` is its least staff, `weight`
    its share of the rest."""

    unit_id: str
    opd_code: str
    name: str
    direct_service: bool
    place: Place
    timetable: str
    base: int
    weight: float
    parent: str | None = None
    pattern: str | None = None
    min_staff: int = 0
    slo: float = 0.95

    @property
    def is_service_point(self) -> bool:
        return self.pattern is not None


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a data file, as text."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def hours() -> dict[str, list[Hours]]:
    patterns: dict[str, list[Hours]] = defaultdict(list)
    for r in rows("hours.csv"):
        patterns[r["pattern"]].append(Hours(r["weekdays"], r["opens"], r["closes"], r["on_holidays"] == "true"))
    return dict(patterns)


class _Map:
    """Where things stand. Fixed by data, never by the seed of the population."""

    def __init__(self) -> None:
        self.kecamatan = {r["opd_code"]: (float(r["lat"]), float(r["lon"])) for r in rows("kecamatan.csv")}
        self.kelurahan: dict[str, tuple[float, float]] = {}
        by_kecamatan: dict[str, list[str]] = defaultdict(list)
        for r in rows("kelurahan.csv"):
            by_kecamatan[r["opd_code"]].append(r["kelurahan"])
        for code, names in by_kecamatan.items():
            for n, name in enumerate(names):
                angle = 2 * math.pi * n / len(names)
                self.kelurahan[name] = moved(
                    *self.kecamatan[code], north_km=1.3 * math.sin(angle), east_km=1.3 * math.cos(angle)
                )
        self.kelurahan_of = dict(by_kecamatan)

    def office(self, opd_code: str) -> tuple[float, float]:
        if opd_code in self.kecamatan:
            return self.kecamatan[opd_code]
        if opd_code in AT_THE_HALL:
            return HALL
        return self.scattered(opd_code)

    def scattered(self, name: str) -> tuple[float, float]:
        """A point within 4 km of the town hall, the same for the same name."""
        dice = random.Random(name)
        distance, angle = 0.4 + 3.6 * dice.random(), dice.uniform(0, 2 * math.pi)
        return moved(*HALL, north_km=distance * math.sin(angle), east_km=distance * math.cos(angle))


def _place(point: tuple[float, float], radius_m: int = 100) -> Place:
    return Place(round(point[0], 5), round(point[1], 5), radius_m)


def slug(name: str) -> str:
    return "".join(c for c in name.upper() if c.isalnum())


def units() -> list[Unit]:
    chart = _Map()
    opds = rows("opd.csv")
    kecamatan_names = {r["opd_code"]: r["short_name"] for r in opds if r["kind"] == "kecamatan"}
    made = _offices(chart, opds)
    full = {r["opd_code"] for r in opds if r["direct_service"] == "full"}
    for row in rows("service_points.csv"):
        made += _points(chart, row, kecamatan_names)
    made += _schools(chart)
    return [replace(u, direct_service=True) if u.opd_code in full else u for u in made]


def _offices(chart: _Map, opds: list[dict[str, str]]) -> list[Unit]:
    bidang: dict[str, list[str]] = defaultdict(list)
    for r in rows("bidang.csv"):
        bidang[r["opd_code"]].append(r["name"])
    units: list[Unit] = []
    for r in opds:
        code, place = r["opd_code"], _place(chart.office(r["opd_code"]))
        title = "Sekretariat Kecamatan" if r["kind"] == "kecamatan" else "Sekretariat"
        top = f"{code}-SEKRETARIAT"
        base, weight = (5, 12.0) if r["kind"] == "kecamatan" else (5, 14.0)
        units.append(Unit(top, code, f"{title} {r['short_name']}", False, place, "five_day", base, weight))
        for n, name in enumerate(bidang[code], start=1):
            units.append(
                Unit(f"{code}-B{n}", code, f"{name} {r['short_name']}", False, place, "five_day", 4, 9.0, top)
            )
    return units


def _points(chart: _Map, row: dict[str, str], kecamatan_names: dict[str, str]) -> list[Unit]:
    """One row of service_points.csv, repeated as its `per` says."""
    owner, per, code = row["opd_code"], row["per"], row["code"]
    spots: list[tuple[str, str, str, tuple[float, float]]] = []  # opd_code, suffix, name, point
    if owner == "KEC" and per == "kelurahan":
        spots = [(k, slug(n), n, chart.kelurahan[n]) for k, names in chart.kelurahan_of.items() for n in names]
    elif owner == "KEC":
        spots = [(k, code, name, chart.kecamatan[k]) for k, name in kecamatan_names.items()]
    elif per.startswith("kelurahan"):
        names = list(chart.kelurahan)[: int(per.partition(":")[2] or len(chart.kelurahan))]
        spots = [(owner, f"{code}-{slug(n)}", n, chart.kelurahan[n]) for n in names]
    elif per == "kecamatan":
        spots = [(owner, f"{code}-{k}", name, chart.kecamatan[k]) for k, name in kecamatan_names.items()]
    elif per:
        names = [str(n) for n in range(1, int(per) + 1)] if per.isdigit() else per.split(";")
        spots = [(owner, f"{code}-{slug(n)}", n, chart.scattered(owner + code + n)) for n in names]
    else:
        spots = [(owner, code, "", MPP if code == "MPP" else chart.scattered(owner + code))]
    min_staff, pattern = int(row["min_staff"]), row["pattern"]
    if pattern == "always":
        timetable, base = "shift", SHIFT_GROUPS * (min_staff + 1) + 1
    else:
        timetable = "six_day" if pattern == "puskesmas" else "five_day"
        base = min_staff + max(1, min_staff // 2) + (1 if min_staff > 1 else 0)
    return [
        Unit(
            f"{opd}-{suffix}",
            opd,
            row["name"].format(name),
            True,
            _place(point, 150 if pattern == "always" else 100),
            timetable,
            base,
            float(row["weight"]),
            parent=f"{opd}-SEKRETARIAT" if opd.startswith("KEC") else f"{opd}-B1",
            pattern=pattern,
            min_staff=min_staff,
            slo=float(row["slo"]),
        )
        for opd, suffix, name, point in spots
    ]


def _schools(chart: _Map) -> list[Unit]:
    """Schools serve the public directly but are no counters: no hours, no minimum staff."""
    units: list[Unit] = []
    for n, (name, point) in enumerate(chart.kelurahan.items()):
        spot = _place(moved(*point, north_km=0.3, east_km=-0.2))
        units.append(
            Unit(
                f"DISDIK-SD-{slug(name)}",
                "DISDIK",
                f"SDN {name}",
                True,
                spot,
                "five_day",
                3,
                70.0,
                "DISDIK-B1",
            )
        )
        if n % 3 == 0:
            spot = _place(moved(*point, north_km=-0.3, east_km=0.2))
            school = Unit(
                f"DISDIK-SMP-{slug(name)}",
                "DISDIK",
                f"SMPN {name}",
                True,
                spot,
                "five_day",
                3,
                60.0,
                "DISDIK-B2",
            )
            units.append(school)
    return units
