"""What a person-day leaves on the topics of its owners: the records, byte for byte as the services write theirs.

The demonstration writes history at the speed of the log, past the doors, in the owners' names (`ce_source`). Each
value has the fields of its event in the contract's order, so that consumers read it the fast way, and every id
follows from the dice of its date: written again, all of it is the same events.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import uuid5

import msgspec

from demo.city import NAMESPACE
from demo.expect import Outage, Plan, Punch, Report, Review
from demo.trial import PersonDay
from shared.events import (
    AttendanceRecorded,
    Event,
    OutageDeclared,
    ReportReviewed,
    ReportSubmitted,
    ScheduleChanged,
    source_of,
)
from shared.events.envelope import headers_alike

_json = msgspec.json.Encoder().encode
DECLARED_BY = "DISKOMINFOSTANDI"


class Record(NamedTuple):
    """One record, ready to send."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def facts(one: PersonDay) -> Iterator[Record]:
    """What happened on the person-day: punches, reports and reviews, in the order of their instants by topic."""
    key, opd, unit = _key(one), one.employee.opd_code, one.employee.unit_id
    for punch in one.day.punches:
        yield _punch(key, opd, unit, punch)
    for report in one.day.reports:
        yield _report(key, one, report)
    for review in one.day.reviews:
        yield _review(key, one, review)


def plan(one: PersonDay, published: datetime) -> Record:
    """The plan of the person-day, published at an instant before the date."""
    plan: Plan = one.day.plan
    value = {
        "employee_id": _key(one),
        "opd_code": plan.opd_code,
        "unit_id": plan.unit_id,
        "work_date": plan.work_date,
        "revision": 1,
        "mode": plan.mode,
        "starts_at": plan.starts_at,
        "ends_at": plan.ends_at,
        "policy_version": one.policy,
        "reason": None if plan.mode in ("WFO", "WFH") else "absence",
    }
    return _record(ScheduleChanged, _key(one), value, f"plan:{plan.employee_id}:{plan.work_date}", published)


def outage(one: Outage) -> Record:
    """The declaration of an outage, made when it was over."""
    outage_id = str(uuid5(NAMESPACE, f"outage:{one.starts_at.isoformat()}:{sorted(one.opd_codes)}"))
    value = {
        "outage_id": outage_id,
        "revision": 1,
        "scope": {"all": False, "opd_codes": sorted(one.opd_codes), "unit_ids": []},
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "reason": "Jaringan antarkantor terputus",
        "declared_by": DECLARED_BY,
        "revoked": False,
    }
    return _record(OutageDeclared, outage_id, value, outage_id, one.ends_at)


def _punch(key: str, opd: str, unit: str, punch: Punch) -> Record:
    received = punch.received_at or punch.at
    value = {
        "punch_id": punch.punch_id,
        "employee_id": key,
        "opd_code": opd,
        "unit_id": unit,
        "work_date": punch.work_date,
        "kind": punch.kind,
        "at": punch.at,
        "received_at": received,
        "device_at": punch.at,
        "zone": punch.zone,
        "source": "app" if punch.verified else "offline",
        "flags": (),
        "time_trust": "server" if punch.verified else "unverified",
    }
    return _record(AttendanceRecorded, key, value, punch.punch_id, received)


def _report(key: str, one: PersonDay, report: Report) -> Record:
    value = {
        "report_id": one.report_id,
        "employee_id": key,
        "opd_code": one.employee.opd_code,
        "work_date": one.day.plan.work_date,
        "revision": report.revision,
        "submitted_at": report.submitted_at,
        "items": [
            {
                "item_id": f"item-{n}",
                "task": item.name,
                "quantity": float(item.quantity),
                "unit": item.unit,
                "norm_minutes": item.norm,
                "evidence_count": 0,
                "task_code": item.code,
                "target": None,
            }
            for n, item in enumerate(one.items, start=1)
        ],
        "mode": one.day.plan.mode,
    }
    return _record(ReportSubmitted, key, value, f"{one.report_id}:{report.revision}", report.submitted_at)


def _review(key: str, one: PersonDay, review: Review) -> Record:
    accepted = review.decision == "accepted"
    value = {
        "report_id": one.report_id,
        "employee_id": key,
        "work_date": one.day.plan.work_date,
        "report_revision": review.report_revision,
        "revision": review.revision,
        "reviewed_at": review.reviewed_at,
        "reviewer_id": one.reviewer,
        "decision": review.decision,
        "items": [
            {"item_id": f"item-{n}", "accepted_quantity": float(item.accepted)}
            for n, item in enumerate(one.items if accepted else (), start=1)
        ],
    }
    return _record(ReportReviewed, key, value, f"{one.report_id}:{review.revision}:review", review.reviewed_at)


def _record(event: type[Event], key: str, value: dict[str, Any], name: str, at: datetime) -> Record:
    """`name` tells the event from every other one of its topic: its id follows from both."""
    subject = key.encode()
    fixed = _fixed(event)
    headers = [
        ("ce_id", str(uuid5(NAMESPACE, f"{event.topic}:{name}")).encode()),
        ("ce_time", at.isoformat().encode()),
        *fixed[:2],
        ("ce_subject", subject),
        *fixed[2:],
    ]
    return Record(event.topic, subject, _json(value), headers)


@cache
def _fixed(event: type[Event]) -> list[tuple[str, bytes]]:
    alike = headers_alike(event.topic, source_of(event.owner))
    return [(name, value.encode()) for name, value in alike.items()]


def _key(one: PersonDay) -> str:
    return str(one.employee.employee_id)
