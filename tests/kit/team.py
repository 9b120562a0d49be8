"""A team of a made-up office for the tests of pages, and the pictures of them: plans, check-ins, reports."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from shared.events import EmployeeChanged, RulesChanged
from tests.kit import reporting as small
from tests.kit.doors import City
from tests.kit.reporting import COUNTER, DAY, OPD

NAMES = (
    "Sri Hartati",
    "Budi Santosa",
    "Dewi Lestari",
    "Agus Prasetyo",
    "Rina Wulandari",
    "Joko Susilo",
    "Maya Anggraini",
    "Hendra Gunawan",
    "Siti Aminah",
    "Yusuf Hidayat",
    "Nur Kholis",
    "Fitri Rahmawati",
)
ITEMS: list[dict[str, Any]] = [
    {"item_id": "a", "task": "Cetak KTP-el", "quantity": 30, "unit": "keping"},
    {"item_id": "b", "task": "Legalisasi berkas", "quantity": 4.5, "unit": "berkas"},
]


@dataclass
class Team:
    """One superior, a deputy of theirs, and those for whom they answer, by name."""

    boss: UUID = field(default_factory=uuid4)
    deputy: UUID = field(default_factory=uuid4)
    people: dict[str, UUID] = field(default_factory=lambda: {name: uuid4() for name in NAMES})

    def person(self, employee_id: UUID, name: str, **more: Any) -> EmployeeChanged:
        return small.employee(employee_id, OPD, COUNTER, **more).model_copy(update={"name": name})

    async def arrive(self, city: City) -> None:
        """The city hears of them: all but three have come, one late; plans at the office and at home."""
        await city.know(
            RulesChanged(
                rules_version="r1",
                effective_from=DAY.replace(month=1, day=1),
                tolerance_minutes=0,
                report_modes=["WFO", "WFH"],
                report_cutoff="17:00",
                review_sla_working_days=3,
            ),
            small.unit(COUNTER, OPD, "Loket KTP-el", "Dinas Kependudukan dan Pencatatan Sipil", 2),
            self.person(self.boss, "Tuti Kurnia"),
            self.person(self.deputy, "Bambang Irawan", supervisor_id=self.boss),
            *(
                self.person(one, name, supervisor_id=self.boss, acting_supervisor_id=self.deputy)
                for name, one in self.people.items()
            ),
        )
        modes = ("WFO", "WFH", "WFO", "WFO", "LEAVE", "WFH", "DUTY_TRAVEL")
        everybody = list(self.people.values())
        await city.know(
            small.plan(self.deputy, OPD, COUNTER),
            small.check_in(self.deputy, "07:20"),
            *(small.plan(one, OPD, COUNTER, modes[place % len(modes)]) for place, one in enumerate(everybody)),
            *(
                small.check_in(one, "07:41" if place == 2 else f"07:{15 + place}")
                for place, one in enumerate(everybody)
                if modes[place % len(modes)] in ("WFO", "WFH") and place not in (3, 8)
            ),
        )

    async def report(self, city: City, *names: str) -> None:
        """They hand in the report of the day."""
        for name in names:
            headers = city.signer.headers("staff", self.people[name])
            address = f"/reporting/v1/me/reports/{DAY}"
            answer = await city.client.put(address, json={"items": ITEMS}, headers=headers)
            assert answer.status_code == 201, answer.text
