"""Synthetic civil servants: names, NIP in the two forms of the law, homes. Nobody real is meant."""

from __future__ import annotations

import math
import random
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

DATA = Path(__file__).with_name("data")
EMAIL_DOMAIN = "sintetis.invalid"
KM_PER_DEGREE = 111.32


@dataclass(frozen=True)
class Place:
    """A circle on the map: degrees and metres."""

    lat: float
    lon: float
    radius_m: int

    def text(self) -> str:
        return f"{self.lat:.5f} {self.lon:.5f} {self.radius_m}"


@dataclass(frozen=True)
class Area:
    """Where a share of the staff lives; `inside` the city or not."""

    name: str
    inside: bool
    weight: float
    lat: float
    lon: float
    spread_km: float


def moved(lat: float, lon: float, *, north_km: float, east_km: float) -> tuple[float, float]:
    """The point that lies so many kilometres north and east (flat earth: good to metres within a city)."""
    return lat + north_km / KM_PER_DEGREE, lon + east_km / (KM_PER_DEGREE * math.cos(math.radians(lat)))


def home(dice: random.Random, areas: list[Area]) -> Place:
    """A home inside its area, rounded to about a metre."""
    area = dice.choices(areas, weights=[a.weight for a in areas])[0]
    distance = area.spread_km * math.sqrt(dice.random())
    angle = dice.uniform(0, 2 * math.pi)
    lat, lon = moved(area.lat, area.lon, north_km=distance * math.sin(angle), east_km=distance * math.cos(angle))
    return Place(round(lat, 5), round(lon, 5), 100)


class Names:
    """Draws names that sound like the city's, from data/names.toml."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._parts: dict[str, list[str]] = tomllib.loads((DATA / "names.toml").read_text("utf-8"))

    def draw(self, *, female: bool, head: bool) -> str:
        dice, parts = self._dice, self._parts
        first = dice.choice(parts["female" if female else "male"])
        last = dice.choice(parts["last_female" if female else "last"])
        middle = dice.choice(parts["middle"]) if dice.random() < 0.35 else ""
        words = [first, middle, last] if middle not in ("", first) else [first, last]
        degree = dice.choice(parts["degree_head" if head else "degree"])
        return " ".join(words) + (f", {degree}" if degree else "")


class Nips:
    """Draws unique NIP. PNS: birth YYYYMMDD, start YYYYMM, sex, sequence (Perka BKN 22/2007); PPPK:
    birth, contract year, contract code 21, sex, sequence. The sequence is 900-999: the mark of the
    synthetic."""

    def __init__(self, dice: random.Random, today: date) -> None:
        self._dice = dice
        self._today = today
        self._drawn: set[str] = set()

    def draw(self, *, employment: str, female: bool, ages: tuple[int, int]) -> str:
        """A NIP of 18 digits never drawn before; `ages` bounds the age in years today."""
        while True:
            nip = self._candidate(employment, "2" if female else "1", ages)
            if nip not in self._drawn:
                self._drawn.add(nip)
                return nip

    def _candidate(self, employment: str, sex: str, ages: tuple[int, int]) -> str:
        dice = self._dice
        birth = self._today - timedelta(days=dice.randint(ages[0] * 365 + 20, ages[1] * 365))
        if employment == "PNS":
            first = max(birth.year + 19, self._today.year - 34)
            start = f"{dice.randint(first, max(first, self._today.year - 1)):04d}{dice.randint(1, 12):02d}"
        else:
            start = f"{dice.randint(2021, self._today.year):04d}21"
        return f"{birth:%Y%m%d}{start}{sex}{dice.randint(900, 999)}"
