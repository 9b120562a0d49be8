"""The tables that are read and written row by row. Those of the hot paths (directory, calendar, absences, plans)
are in the migrations alone; their SQL is in `store`. A test compares this page with the migrations."""

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field

from shared.database import Tx
from shared.tables import Table, column

INSTANT = DateTime(timezone=True)


class Stored(Table, registry=registry()):
    """The base of this service's tables: a registry of its own keeps the services' tables apart."""


class Rules(Stored, table=True):
    """One version of the rules of judgement; its content never changes."""

    rules_version: str = column(key=True)
    effective_from: dt.date
    tolerance_minutes: int
    report_modes: list[str] = column(ARRAY(Text))
    report_cutoff: str
    review_sla_working_days: int
    created_at: dt.datetime = column(INSTANT)
    created_by: str


class PolicyVersion(Stored, table=True):
    """One version of a policy, in force until a greater one starts; its content never changes.

    A row that withdraws the policy carries the content it ends, and in `effective_from` the date it does so."""

    __tablename__ = "policy"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a descriptor

    policy_id: str = column(key=True)
    version: int = column(key=True)
    effective_from: dt.date
    effective_to: dt.date | None = None
    withdrawn: bool = False
    body: dict[str, Any] = column(JSONB)
    created_at: dt.datetime = column(INSTANT)
    created_by: str


class Roster(Stored, table=True):
    """A publication of plans: what was asked, what came of it, and how far it is."""

    roster_id: UUID = column(key=True)
    request: dict[str, Any] = column(JSONB)
    status: str
    summary: dict[str, Any] = column(JSONB)
    created_at: dt.datetime = column(INSTANT)
    created_by: str


class Proposal(Stored, table=True):
    """A late change that waits for a second officer."""

    proposal_id: UUID = column(key=True)
    kind: str
    body: dict[str, Any] = column(JSONB)
    reason: str
    person_days: int = column(BigInteger)
    status: str
    proposed_by: UUID
    proposed_at: dt.datetime = column(INSTANT)
    decided_by: UUID | None = None
    decided_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    decision_reason: str | None = None


class Disowned(Stored, table=True):
    """An event that counts as never sent, until that is revoked; as last published. What this service reads itself
    of that stands in `disowned` (shared/disowned.py)."""

    __tablename__ = "disowned_published"  # pyright: ignore[reportAssignmentType] - as above

    ce_id: UUID = column(key=True)
    topic: str
    revision: int = column(BigInteger)
    disowned_at: dt.datetime = column(INSTANT)
    disowned_by: str
    reason: str
    revoked: bool = False


async def add(tx: Tx, row: Stored) -> None:
    """Write a new or altered row."""
    tx.session.add(row)
    await tx.session.flush()
