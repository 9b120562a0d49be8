"""The tables that are read and written row by row. Those of the hot paths (directory, calendar, absences, plans)
are in the migrations alone; their SQL is in `store`. A test compares this page with the migrations."""

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.database import Tx


class Table(SQLModel, registry=registry()):
    """The base of this service's tables: a registry of its own keeps the services' tables apart."""


def _json() -> Any:
    return Column(JSONB, nullable=False)


def _instant(*, nullable: bool = False) -> Any:
    return Column(DateTime(timezone=True), nullable=nullable)


class Rules(Table, table=True):
    """One version of the rules of judgement; its content never changes."""

    rules_version: str = Field(primary_key=True)
    effective_from: dt.date
    tolerance_minutes: int
    report_modes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    report_cutoff: str
    review_sla_working_days: int
    created_at: dt.datetime = Field(sa_column=_instant())
    created_by: str


class PolicyVersion(Table, table=True):
    """One version of a policy, in force until a greater one starts; its content never changes.

    A row that withdraws the policy carries the content it ends, and in `effective_from` the date it does so."""

    __tablename__ = "policy"  # pyright: ignore[reportAssignmentType] - SQLModel types it as a descriptor

    policy_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    effective_from: dt.date
    effective_to: dt.date | None = None
    withdrawn: bool = False
    body: dict[str, Any] = Field(sa_column=_json())
    created_at: dt.datetime = Field(sa_column=_instant())
    created_by: str


class Roster(Table, table=True):
    """A publication of plans: what was asked, what came of it, and how far it is."""

    roster_id: UUID = Field(primary_key=True)
    request: dict[str, Any] = Field(sa_column=_json())
    status: str
    summary: dict[str, Any] = Field(sa_column=_json())
    created_at: dt.datetime = Field(sa_column=_instant())
    created_by: str


class Proposal(Table, table=True):
    """A late change that waits for a second officer."""

    proposal_id: UUID = Field(primary_key=True)
    kind: str
    body: dict[str, Any] = Field(sa_column=_json())
    reason: str
    person_days: int = Field(sa_column=Column(BigInteger, nullable=False))
    status: str
    proposed_by: UUID
    proposed_at: dt.datetime = Field(sa_column=_instant())
    decided_by: UUID | None = None
    decided_at: dt.datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    decision_reason: str | None = None


class Disowned(Table, table=True):
    """An event that counts as never sent, until that is revoked; as last published."""

    ce_id: UUID = Field(primary_key=True)
    topic: str
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))
    disowned_at: dt.datetime = Field(sa_column=_instant())
    disowned_by: str
    reason: str
    revoked: bool = False


async def add(tx: Tx, row: Table) -> None:
    """Write a new or altered row."""
    tx.session.add(row)
    await tx.session.flush()
