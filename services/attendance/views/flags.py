"""Flags as superiors and the person see them: what was found, in words, and what was decided."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from services.attendance.domain.flags import Asked, Chosen, DecidedZone, Decision, Evidence, Kind
from services.attendance.store import directory, punches
from services.attendance.store import flags as store
from services.attendance.store.punches import PunchRow
from services.attendance.store.tables import Flag
from services.attendance.views.people import answers
from shared.access import Principal, acts_for_city, employee_of, only_opd
from shared.database import Tx
from shared.events import PunchKind, Zone
from shared.messages import Language, text

State = Literal["open", "vouched", "dismissed", "unproven"]


class FlaggedPunch(BaseModel):
    """A punch that a flag speaks of, as it was recorded."""

    punch_id: UUID
    kind: PunchKind
    at: dt.datetime
    zone: Zone


class BesideOut(BaseModel):
    """Another punch that the flag rests on. Whose it is, and which, is null for who may not see that person."""

    punch_id: UUID | None
    employee_id: UUID | None
    work_date: dt.date


class EvidenceOut(BaseModel):
    """What the flag rests on; what does not belong to its kind is null. Of places only the zones are told.

    people, days, punches: how many share it, the person's own included, as far as they were looked at (fifty).
    network: whose network the request came from, `own` office's or an`other`'s; null for none.
    """

    network: Literal["own", "other"] | None
    people: int | None
    days: int | None
    punches: int | None
    accuracy_m: float | None
    km: int | None
    minutes: int | None
    kmh: int | None
    beside: Sequence[BesideOut]


class FlagDecision(BaseModel):
    """What a superior made of it; `zone` where they vouched for one."""

    decision: Decision
    zone: DecidedZone | None
    reason: str
    decided_at: dt.datetime
    decided_by: str


class FlagOut(BaseModel):
    """What speaks against the place of somebody's punches of a day. It changes no verdict; a decision may.

    told: the evidence in a sentence. due_at: from then on the next one up decides as well. may_decide: whether the
    caller does, now.
    """

    flag_id: UUID
    employee_id: UUID
    work_date: dt.date
    kind: Kind
    state: State
    told: str
    evidence: EvidenceOut
    punches: Sequence[FlaggedPunch]
    raised_at: dt.datetime
    due_at: dt.datetime
    may_decide: bool
    decision: FlagDecision | None


def asked_by(who: Principal, now: dt.datetime) -> Asked:
    """Whose flags the caller asks for. Raises Forbidden for an office account: flags are decided on by persons."""
    return Asked(employee_of(who), only_opd(who), acts_for_city(who), now)


async def is_seen(tx: Tx, who: Principal, flag: Flag) -> bool:
    """Whether the caller answers for the person whose flag it is."""
    return flag.employee_id in await _answered_for(tx, who, {flag.employee_id})


async def queue(
    tx: Tx,
    who: Principal,
    now: dt.datetime,
    chosen: Chosen,
    language: Language,
    *,
    after: tuple[dt.datetime, UUID],
    limit: int,
) -> list[FlagOut]:
    """Flags of the caller's people, the oldest first."""
    found = await store.queue(tx, asked_by(who, now), chosen, after=after, limit=limit)
    may_decide = {flag.flag_id: may for flag, may in found}
    flags = [flag for flag, _ in found]
    others = {one.employee_id for flag in flags for one in store.evidence_of(flag).beside}
    seen = await _answered_for(tx, who, others | {flag.employee_id for flag in flags})
    return await _shown(tx, flags, seen, may_decide, language)


async def one(tx: Tx, who: Principal, flag: Flag, language: Language) -> FlagOut:
    """A flag that has been decided on."""
    others = {one.employee_id for one in store.evidence_of(flag).beside}
    seen = await _answered_for(tx, who, others | {flag.employee_id})
    (shown,) = await _shown(tx, [flag], seen, {}, language)
    return shown


async def mine(
    tx: Tx, me: UUID, language: Language, *, before: tuple[dt.datetime, UUID] | None, limit: int
) -> list[FlagOut]:
    """All flags of the caller, the latest first; of other people they are told the number."""
    return await _shown(tx, await store.of_person(tx, me, before=before, limit=limit), {me}, {}, language)


async def _answered_for(tx: Tx, who: Principal, employee_ids: set[UUID]) -> set[UUID]:
    me = employee_of(who)
    people = await directory.people(tx, employee_ids | {me})
    officer = people.get(me)
    return {
        employee_id
        for employee_id in employee_ids
        if employee_id in people and answers(who, people[employee_id], officer)
    }


async def _shown(
    tx: Tx, flags: Sequence[Flag], seen: set[UUID], may_decide: Mapping[UUID, bool], language: Language
) -> list[FlagOut]:
    rows = await punches.stored(tx, {punch_id for flag in flags for punch_id in flag.punch_ids})
    return [_flag(flag, rows, seen, language, may_decide=may_decide.get(flag.flag_id, False)) for flag in flags]


def _flag(
    flag: Flag, rows: Mapping[UUID, PunchRow], seen: set[UUID], language: Language, *, may_decide: bool
) -> FlagOut:
    evidence = store.evidence_of(flag)
    beside = [
        BesideOut(
            punch_id=one.punch_id if one.employee_id in seen else None,
            employee_id=one.employee_id if one.employee_id in seen else None,
            work_date=one.work_date,
        )
        for one in evidence.beside
    ]
    flagged = sorted((rows[punch_id] for punch_id in flag.punch_ids), key=lambda row: (row.at, row.punch_id))
    return FlagOut.model_validate(
        {
            "flag_id": flag.flag_id,
            "employee_id": flag.employee_id,
            "work_date": flag.work_date,
            "kind": flag.kind,
            "state": flag.decision or "open",
            "told": told(flag.kind, evidence, flagged[0].zone, language),
            "evidence": {**evidence.model_dump(), "beside": beside},
            "punches": [
                {"punch_id": row.punch_id, "kind": row.kind, "at": row.at, "zone": row.zone} for row in flagged
            ],
            "raised_at": flag.raised_at,
            "due_at": flag.due_at,
            "may_decide": may_decide,
            "decision": flag.model_dump(include=set(FlagDecision.model_fields)) if flag.decision else None,
        }
    )


def told(kind: str, evidence: Evidence, zone: Zone, language: Language) -> str:
    """The evidence of a flag in a sentence or two."""
    code = f"flag.{kind}.{evidence.network}" if kind == "network" else f"flag.{kind}"
    numbers = evidence.model_dump(exclude={"beside", "network"})
    words = [text(code, language, zone=text(f"zone.{zone}", language), **numbers)]
    if kind != "network" and evidence.network is not None:
        words.append(text(f"flag.from.{evidence.network}", language))
    return " ".join(words)
