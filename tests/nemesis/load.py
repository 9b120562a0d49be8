"""A small steady load of everything: writers that each have people of their own, and give one command at a time.

The same seed gives the same commands, as far as the answers are the same. What tells a command again: the id that
the caller chooses (punches, outages, requests), the number in an item of a report or in the reason of a
correction, or the person-day that no other command is about.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import cycle
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from demo.city import City, Employee
from demo.client import Who
from demo.expect import WIB
from demo.imports import imports
from demo.script import officers
from tests.nemesis.caller import Caller, Reply, Request
from tests.nemesis.rig import Rig

PAUSE_S = (0.3, 1.2)
"""Between two commands of a writer."""
RARE_S = 9.0
"""Between two that touch much: an outage, an erasure."""
FIRST_REPORTED = date(2025, 9, 13)
"""Nothing older: notifications forgets facts of dates that are sixty days old."""
Baseline = dict[tuple[str, str], str]
"""The mode that was published of each person-day, by (employee, date)."""


@dataclass
class World:
    """What the writers of one run share."""

    caller: Caller
    rig: Rig
    city: City
    seed: int
    baseline: Baseline
    moved: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    """Of each person-day that a command is about, what it is to become."""

    def id(self, what: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"hadir:nemesis:{self.seed}:{what}")

    @property
    def officer(self) -> Who:
        return Who("bkpsdm", officers(self.city)[0])


@dataclass
class Writer:
    name: str
    world: World
    people: Sequence[Employee]

    def __post_init__(self) -> None:
        self.dice = random.Random(f"load:{self.world.seed}:{self.name}")
        self.turn = cycle(self.people)

    @property
    def caller(self) -> Caller:
        return self.world.caller

    async def pause(self, seconds: float | None = None) -> bool:
        """Wait a little; whether there is more to do."""
        wait = self.dice.uniform(*PAUSE_S) if seconds is None else self.dice.uniform(0.5, 1.5) * seconds
        try:
            async with asyncio.timeout(wait):
                await self.caller.ended.wait()
        except TimeoutError:
            return True
        return False

    async def give(
        self, kind: str, key: object, ident: object, request: Request, *, rank: int = 0, again: bool = True
    ) -> Reply:
        """One command, to its end."""
        number = self.caller.begin(self.name, kind, str(key), str(ident), rank=rank)
        reply = await self.caller.until_heard(request, again=again)
        self.caller.end(number, reply)
        return reply

    def staff(self, person: Employee) -> Who:
        return Who("staff", person.employee_id)

    def superior(self, person: Employee) -> Who:
        return Who("supervisor", person.supervisor)

    def position(self, person: Employee) -> dict[str, float] | None:
        place = self.world.city.units[person.unit_id].place
        where = {"lat": round(place.lat, 6), "lon": round(place.lon, 6), "accuracy_m": 12.0}
        return where if self.dice.random() < 0.9 else None

    def punch(self, person: Employee, number: int) -> dict[str, Any]:
        return {
            "punch_id": str(self.world.id(f"punch:{number}")),
            "kind": self.dice.choice(["in", "out"]),
            "device_at": None,
            "position": self.position(person),
        }

    async def check_in(self, person: Employee, base: str = "") -> UUID | None:
        """A check-in; its id where it was taken, and now and then it is sent once more, as by a nervous thumb."""
        number = next(self.caller.numbers)
        body = self.punch(person, number)
        self.caller.begin(self.name, "punch", str(person.employee_id), body["punch_id"], number=number)
        request = Request(self.staff(person), "POST", "/attendance/v1/punches", body)
        reply = await self.caller.until_heard(request, base)
        self.caller.end(number, reply)
        if reply.outcome == "ok" and self.dice.random() < 0.1:
            await self.caller.once(request, base)
        return UUID(body["punch_id"]) if reply.outcome == "ok" else None


async def checking_in(writer: Writer) -> None:
    while await writer.pause():
        await writer.check_in(next(writer.turn))


async def checking_in_directly(writer: Writer) -> None:
    """Past the front, at the port that all processes of attendance share."""
    while await writer.pause():
        await writer.check_in(next(writer.turn), writer.world.rig.attendance)


async def handing_over(writer: Writer) -> None:
    """Phones that were offline: several check-ins at once."""
    caller = writer.caller
    while await writer.pause(1.5):
        person = next(writer.turn)
        numbers = [next(caller.numbers) for _ in range(writer.dice.randint(2, 4))]
        now = writer.world.rig.business()
        bodies = [
            {
                **writer.punch(person, number),
                "device_at": (now - timedelta(minutes=5 * (len(numbers) - n))).isoformat(),
            }
            for n, number in enumerate(numbers)
        ]
        for number, body in zip(numbers, bodies, strict=True):
            caller.begin(writer.name, "punch", f"{person.employee_id}/{number}", body["punch_id"], number=number)
        path = "/attendance/v1/punches/batch"
        reply = await caller.until_heard(Request(writer.staff(person), "POST", path, {"punches": bodies}))
        if reply.outcome == "ok":
            caller.end_each(numbers, [Reply(one["status"], one, reply.certain) for one in reply.body["items"]])
        else:
            caller.end_each(numbers, [reply] * len(numbers))


async def reporting(writer: Writer) -> None:
    """Reports of dates that are over, revised now and then, each revision reviewed by the superior."""
    days = (FIRST_REPORTED + timedelta(days=n) for n in range(50))
    for on in days:
        for person in writer.people:
            await _one_report(writer, person, on)
            if not await writer.pause():
                return


async def _one_report(writer: Writer, person: Employee, on: date) -> None:
    caller = writer.caller
    for revision in range(1, writer.dice.choice([1, 1, 2, 3]) + 1):
        number = next(caller.numbers)
        item = {"item_id": f"n{number}", "task": "Layanan", "quantity": 40, "unit": "berkas"}
        path = f"/reporting/v1/me/reports/{on}"
        key = f"{person.employee_id}/{on}"
        caller.begin(writer.name, "report", key, f"n{number}", rank=revision, number=number)
        reply = await caller.until_heard(Request(writer.staff(person), "PUT", path, {"items": [item]}))
        caller.end(number, reply, rank=reply.body["revision"] if reply.outcome == "ok" else 0)
        if reply.outcome != "ok":
            return
        report_id, made = reply.body["report_id"], reply.body["revision"]
        accepted = writer.dice.random() < 0.5
        items = [{"item_id": f"n{number}", "accepted_quantity": writer.dice.randint(1, 40)}] if accepted else []
        body: dict[str, Any] = {
            "revision": made,
            "decision": "accepted" if accepted else "returned",
            "items": items,
            "note": "Sudah diperiksa",
        }
        path = f"/reporting/v1/reports/{report_id}/reviews"
        asked = Request(writer.superior(person), "POST", path, body)
        await writer.give("review", report_id, f"{report_id}/{made}", asked)
        if accepted:
            return


async def correcting(writer: Writer) -> None:
    """Superiors record a punch by hand, or void one that was made."""
    while await writer.pause():
        person = next(writer.turn)
        path = "/attendance/v1/corrections"
        if writer.dice.random() < 0.5:
            punch_id = await writer.check_in(person)
            if punch_id is not None:
                body = {"action": "void", "punch_id": str(punch_id), "reason": "Salah tekan"}
                asked = Request(writer.superior(person), "POST", path, body)
                await writer.give("void", person.employee_id, punch_id, asked)
            continue
        number = next(writer.caller.numbers)
        punch_id = writer.world.id(f"punch:{number}")
        at = writer.world.rig.business() - timedelta(minutes=writer.dice.uniform(1, 60 * 8))
        body = {
            "action": "manual",
            "employee_id": str(person.employee_id),
            "kind": writer.dice.choice(["in", "out"]),
            "at": at.isoformat(),
            "punch_id": str(punch_id),
            "reason": "Gawai rusak",
        }
        writer.caller.begin(writer.name, "punch", str(person.employee_id), str(punch_id), number=number)
        reply = await writer.caller.until_heard(Request(writer.superior(person), "POST", path, body))
        writer.caller.end(number, reply)


async def asking(writer: Writer) -> None:
    """People ask for a correction of a punch; their superior refuses."""
    while await writer.pause(1.5):
        person = next(writer.turn)
        punch_id = await writer.check_in(person)
        if punch_id is None:
            continue
        request_id = writer.world.id(f"request:{punch_id}")
        body = {
            "request_id": str(request_id),
            "kind": "wrong_place",
            "punch_id": str(punch_id),
            "zone": "elsewhere",
            "reason": "Di lapangan",
        }
        asked = Request(writer.staff(person), "POST", "/attendance/v1/requests", body)
        reply = await writer.give("request", person.employee_id, request_id, asked)
        if reply.outcome == "ok":
            path = f"/attendance/v1/requests/{request_id}/decision"
            ruling = {"decision": "refused", "reason": "Tidak ada bukti"}
            await writer.give(
                "decision", person.employee_id, request_id, Request(writer.superior(person), "POST", path, ruling)
            )


async def planning(writer: Writer) -> None:
    """Officers move days between office and home, and enter leave."""
    world = writer.world
    free = [
        (person, on)
        for (employee, on), mode in sorted(world.baseline.items())
        for person in writer.people
        if str(person.employee_id) == employee and mode in ("WFO", "WFH")
        if date.fromisoformat(on) > _last_day(world)
    ]
    writer.dice.shuffle(free)
    for person, on in free:
        employee, number = str(person.employee_id), next(writer.caller.numbers)
        was = world.baseline[employee, on]
        leave = writer.dice.random() < 0.3
        mode = "LEAVE" if leave else "WFH" if was == "WFO" else "WFO"
        world.moved[employee, on] = mode
        override = {"reason": "Perintah pimpinan"}
        if leave:
            path, body = (
                "/scheduling/v1/absences",
                {
                    "employee_id": employee,
                    "category": "leave",
                    "kind": "annual",
                    "from": on,
                    "to": on,
                    "override": override,
                },
            )
        else:
            moves = [{"employee_id": employee, "work_date": on, "mode": mode}]
            path, body = (
                "/scheduling/v1/plans/settle",
                {
                    "moves": moves,
                    "reason": "Perubahan tugas",
                    "override": override,
                },
            )
        kind = "absence" if leave else "plan"
        writer.caller.begin(writer.name, kind, f"{employee}/{on}", f"{employee}/{on}/{mode}", number=number)
        reply = await writer.caller.until_heard(Request(world.officer, "POST", path, body), again=False)
        writer.caller.end(number, reply)
        if not await writer.pause(1.2):
            return


def _last_day(world: World) -> date:
    """No day that has begun, or may begin in this run: such a change waits for a second officer."""
    return world.rig.business().astimezone(WIB).date() + timedelta(days=1)


async def declaring(writer: Writer) -> None:
    """Outages that are over, of one unit: declared, changed, taken back."""
    world = writer.world
    units = sorted(world.city.units)
    while await writer.pause(RARE_S):
        outage_id = world.id(f"outage:{next(writer.caller.numbers)}")
        starts = world.rig.business() - timedelta(days=writer.dice.randint(1, 20))
        terms: dict[str, Any] = {
            "scope": {"unit_ids": [writer.dice.choice(units)]},
            "starts_at": starts.isoformat(),
            "ends_at": (starts + timedelta(minutes=30)).isoformat(),
            "reason": "Jaringan kantor terputus",
        }
        path = "/attendance/v1/outages"
        steps = [
            ("POST", path, {**terms, "outage_id": str(outage_id)}),
            ("PUT", f"{path}/{outage_id}", {**terms, "reason": "Listrik padam", "revision": 1}),
            ("POST", f"{path}/{outage_id}/revocation", {"reason": "Keliru"}),
        ]
        for rank, (method, where, body) in enumerate(steps[: writer.dice.randint(1, 3)], start=1):
            asked = Request(world.officer, method, where, body)
            reply = await writer.give(
                "outage", outage_id, f"{outage_id}/{rank}", asked, rank=rank, again=rank != 2
            )
            if reply.outcome != "ok":
                break


async def erasing(writer: Writer) -> None:
    """People who leave, and whose data goes."""
    lines = imports(writer.world.city)["employees"].splitlines()
    header = lines[0].split(",")
    for person in writer.people:
        if not await writer.pause(RARE_S * 4):
            return
        line = next(line for line in lines if line.startswith(str(person.employee_id)))
        text = f"{','.join(header)},active\n{line},false\n"
        left = await writer.caller.until_heard(
            Request(writer.world.officer, "POST", "/scheduling/v1/imports/employees", text=text)
        )
        if left.outcome != "ok":
            continue
        path = f"/scheduling/v1/employees/{person.employee_id}/erase"
        asked = Request(writer.world.officer, "POST", path, {"reason": "Permintaan sendiri"})
        await writer.give("erasure", person.employee_id, person.employee_id, asked, again=False)


WRITERS: dict[str, tuple[Callable[[Writer], Coroutine[Any, Any, None]], float]] = {
    "front": (checking_in, 0.14),
    "direct": (checking_in_directly, 0.14),
    "phones": (handing_over, 0.12),
    "reports": (reporting, 0.14),
    "corrections": (correcting, 0.1),
    "requests": (asking, 0.1),
    "plans": (planning, 0.16),
    "outages": (declaring, 0.0),
    "erasures": (erasing, 0.06),
}
"""What each writer does, and its share of the people."""


def writers(world: World) -> list[tuple[Callable[[Writer], Coroutine[Any, Any, None]], Writer]]:
    """Each with its people, of whom nobody is an officer or anybody's superior."""
    people = [e for e in world.city.employees.values() if not e.heads and e.supervisor is not None]
    superiors = {e.supervisor for e in world.city.employees.values()} | set(officers(world.city))
    people = [e for e in people if e.employee_id not in superiors]
    random.Random(f"people:{world.seed}").shuffle(people)
    made: list[tuple[Callable[[Writer], Coroutine[Any, Any, None]], Writer]] = []
    taken = 0
    for name, (does, share) in WRITERS.items():
        number = int(len(people) * share)
        made.append((does, Writer(name, world, people[taken : taken + number])))
        taken += number
    return made
