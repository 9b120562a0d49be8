"""What is in tables, topics, facts and inboxes after a run, as the checker wants it."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.events import TOPICS, EmployeeChanged, Received, decode
from shared.events.base import SERVICES, ServiceName
from shared.facts import Fact, shape
from shared.log import Record, reading
from tests.nemesis.checker import Anomaly, Rank, Seen, Sight, facts_differ, fold
from tests.nemesis.load import Baseline
from tests.nemesis.rig import Rig

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a topic, decoded."""

    topic: str
    partition: int
    offset: int
    received: Received
    value: Mapping[str, Any]


Entries = Mapping[str, Sequence[Entry]]


async def records(rig: Rig) -> dict[str, list[Entry]]:
    """All records of the contract's topics, by topic."""
    found: dict[str, list[Entry]] = defaultdict(list)
    async with reading({"bootstrap_servers": rig.kafka.bootstrap}, list(TOPICS)) as log:
        async for batch in log.upto(await log.ends()):
            for record in batch:
                found[record.topic].append(_entry(record))
    return found


async def unread(rig: Rig) -> int:
    """Records that a group has not acknowledged, among all groups."""
    groups: dict[str, dict[TopicPartition, int]] = {}
    admin = AIOKafkaAdminClient(bootstrap_servers=rig.kafka.bootstrap)
    await admin.start()
    try:
        for group, _ in await admin.list_consumer_groups():
            committed = await admin.list_consumer_group_offsets(group)
            groups[group] = {partition: max(0, at.offset) for partition, at in committed.items()}
    finally:
        await admin.close()
    there = [
        (TopicPartition(one.topic, one.partition), one.offset)
        for some in (await records(rig)).values()
        for one in some
    ]
    return sum(offset >= read[on] for read in groups.values() for on, offset in there if on in read)


def _entry(record: Record) -> Entry:
    headers = [(name, value) for name, value in record.headers]
    received = decode(record.topic, record.key, record.value, headers)
    value: dict[str, Any] = json.loads(record.value) if record.value is not None else {}
    return Entry(record.topic, record.partition, record.offset, received, value)


async def rows(rig: Rig, database: ServiceName, statement: str) -> list[Row]:
    session = await rig.connect(database)
    try:
        return [dict(row) for row in await session.fetch(statement)]
    finally:
        await session.close()


Ident = Callable[[Row], str]


def _of(*fields: str) -> Ident:
    return lambda row: "/".join(str(row[field]) for field in fields)


def _item(row: Row) -> str:
    """The id of a report's item, which has the number of the command in it."""
    items = row["items"]
    return str((json.loads(items) if isinstance(items, str) else items)[0]["item_id"])


@dataclass(frozen=True, slots=True)
class _Table:
    """Where a kind of command is kept, and what of a row tells the command."""

    database: ServiceName
    statement: str
    ident: Ident
    newest: bool = False

    @property
    def name(self) -> str:
        return f"{self.database}.{self.statement.partition(' from ')[2].split()[0]}"


@dataclass(frozen=True, slots=True)
class _Kind:
    """The stages of a kind: the owner's table, unless the facts are all that it keeps; topic, facts, messages."""

    kinds: Sequence[str]
    topic: str
    ident: Ident
    owner: _Table | None
    facts: _Table | None
    key: Ident = lambda _: ""
    rank: str = ""
    told: Collection[str] = ()
    """Kinds of messages; exactly one of one of them goes to the person of the record."""


_DAY = _of("employee_id", "work_date")
_PLAN = _of("employee_id", "work_date", "mode")
_REVIEW = _of("report_id", "report_revision")

KINDS = (
    _Kind(
        ["punch"],
        "attendance.recorded.v1",
        _of("punch_id"),
        _Table("attendance", "select punch_id from punch", _of("punch_id")),
        _Table("reporting", "select punch_id from fact_punch", _of("punch_id")),
    ),
    _Kind(
        ["void"],
        "attendance.voided.v1",
        _of("punch_id"),
        _Table("attendance", "select punch_id from void", _of("punch_id")),
        _Table("reporting", "select punch_id from fact_void", _of("punch_id")),
    ),
    _Kind(
        ["outage"],
        "outage.declared.v1",
        _of("outage_id", "revision"),
        _Table("attendance", "select outage_id, revision from outage", _of("outage_id", "revision"), newest=True),
        _Table(
            "reporting", "select outage_id, revision from fact_outage", _of("outage_id", "revision"), newest=True
        ),
        key=_of("outage_id"),
        rank="revision",
    ),
    _Kind(
        ["report"],
        "report.submitted.v1",
        _item,
        _Table("reporting", "select employee_id, work_date, revision, items from work_report", _item, newest=True),
        _Table("reporting", "select items from fact_report", _item),
        key=_DAY,
        rank="revision",
    ),
    _Kind(
        ["review"],
        "report.reviewed.v1",
        _REVIEW,
        None,
        _Table("reporting", "select report_id, report_revision from fact_review", _REVIEW),
        told=("report.accepted", "report.returned"),
    ),
    _Kind(
        ["request"],
        "",
        _of("request_id"),
        _Table("attendance", "select request_id from request", _of("request_id")),
        None,
    ),
    _Kind(
        ["decision"],
        "correction.decided.v1",
        _of("request_id"),
        _Table("attendance", "select request_id from request where state <> 'open'", _of("request_id")),
        _Table("notifications", "select request_id from correction_decision", _of("request_id")),
        told=("request.decided",),
    ),
    _Kind(
        ["plan", "absence"],
        "schedule.changed.v1",
        _PLAN,
        _Table("scheduling", "select employee_id, work_date, mode from plan", _PLAN),
        _Table("reporting", "select employee_id, work_date, mode from fact_plan", _PLAN),
    ),
    _Kind(
        ["erasure"],
        "directory.employee.v1",
        _of("employee_id"),
        None,
        _Table("reporting", "select employee_id from fact_employee where erased", _of("employee_id")),
    ),
)


async def sights(rig: Rig, entries: Entries, baseline: Baseline, absences: Collection[str]) -> list[Sight]:
    """All stages of all kinds. `absences`: idents of commands that are absences, among all changes of plans.

    A plan that is as it was first published is nobody's command, nor is a day off: who leaves has no plans.
    """
    found: list[Sight] = []
    messages = await rows(rig, "notifications", "select employee_id, kind, cause_event_id from message")
    for kind in KINDS:
        staged: list[tuple[str, list[Seen], bool, bool]] = []
        if kind.owner is not None:
            staged.append((kind.owner.name, await _kept(rig, kind, kind.owner), False, kind.owner.newest))
        records = _recorded(kind, entries.get(kind.topic, ()))
        if kind.topic:
            staged.append((kind.topic, records, True, False))
        if kind.facts is not None:
            staged.append((kind.facts.name, await _kept(rig, kind, kind.facts), False, kind.facts.newest))
        if kind.told:
            staged.append(("inbox", _told(kind, entries.get(kind.topic, ()), messages), False, False))
        for stage, seen, log, newest in staged:
            for name in kind.kinds:
                mine = seen
                if kind.topic == "schedule.changed.v1":
                    mine = [one for one in seen if _moved(one.ident, baseline)]
                    mine = [one for one in mine if (one.ident in absences) == (name == "absence")]
                found.append(Sight(name, stage, mine, log=log, newest=newest))
    return found


def _moved(ident: str, baseline: Baseline) -> bool:
    employee, on, mode = ident.split("/")
    return mode != "OFF" and baseline.get((employee, on)) not in (None, mode)


async def _kept(rig: Rig, kind: _Kind, table: _Table) -> list[Seen]:
    return [
        Seen(table.ident(row), kind.key(row) if table.newest else "", row[kind.rank] if table.newest else 0)
        for row in await rows(rig, table.database, table.statement)
    ]


def _recorded(kind: _Kind, entries: Iterable[Entry]) -> list[Seen]:
    """Of a directory's topic only erasures are anybody's command here."""
    if kind.kinds == ["erasure"]:
        gone = [entry for entry in entries if entry.received.given is None]
        return [
            Seen(entry.received.key, "", 0, str(entry.received.id), entry.partition, entry.offset)
            for entry in gone
        ]
    return [
        Seen(
            kind.ident(entry.value),
            kind.key(entry.value),
            entry.value[kind.rank] if kind.rank else 0,
            str(entry.received.id),
            entry.partition,
            entry.offset,
        )
        for entry in entries
    ]


def _told(kind: _Kind, entries: Iterable[Entry], messages: Iterable[Row]) -> list[Seen]:
    of = {entry.received.id: (kind.ident(entry.value), entry.value["employee_id"]) for entry in entries}
    found: list[Seen] = []
    for message in messages:
        ident, employee = of.get(message["cause_event_id"], ("", ""))
        if message["kind"] in kind.told and ident and str(message["employee_id"]) == employee:
            found.append(Seen(ident))
    return found


async def messages_twice(rig: Rig) -> list[Anomaly]:
    """Messages that say the same to the same person of the same cause."""
    twice = await rows(
        rig,
        "notifications",
        "select employee_id, kind, cause_event_id, count(*) as times from message "
        "group by employee_id, kind, cause_event_id having count(*) > 1",
    )
    return [Anomaly("doubled", "notifications.message", str(dict(row))) for row in twice]


async def folds_differ(rig: Rig, entries: Entries) -> list[Anomaly]:
    """Every table of facts of every service against the log, by the law in its own words.

    What is known of who was erased may be gone: notifications keeps nothing of them.
    """
    found: list[Anomaly] = []
    erased = {one.received.key for one in entries[EmployeeChanged.topic] if one.received.given is None}
    for service in SERVICES:
        for fact in _facts_of(service):
            this = shape(fact)
            log = entries.get(fact.of.topic, ())
            wanted = fold(
                (_key(this.keys_of([entry.received])[0]), _rank(*this.rank_of(entry.received))) for entry in log
            )
            columns = ", ".join((*this.key, "revision", "ce_id"))
            held: dict[str, Rank] = {}
            for row in await rows(rig, service, f"select {columns} from {this.name}"):  # noqa: S608 - names of ours
                revision = row["revision"]
                held[_key(row[name] for name in this.key)] = _rank(revision, row["ce_id"])
            if fact.of is not EmployeeChanged:
                wanted = {k: rank for k, rank in wanted.items() if k in held or k.split("/")[0] not in erased}
            found += facts_differ(f"{service}.{this.name}", wanted, held)
    return found


def _facts_of(service: ServiceName) -> list[type[Fact]]:
    module = import_module(f"services.{service}.facts")
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Fact) and value.__module__ == module.__name__
    ]


def _key(values: Iterable[object]) -> str:
    return "/".join(str(value) for value in values)


def _rank(revision: int, id_: object) -> Rank:
    # A UUID in text ranks as its bytes do.
    return revision, str(id_)
