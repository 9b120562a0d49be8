"""The tables of the attendance service's own database."""

import datetime as dt
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Date, DateTime, Index, Interval, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, CIDR, INET, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field

from shared.tables import Table

INSTANT = DateTime(timezone=True)


class Base(Table, registry=registry()):
    """The base of this service's tables: a registry of its own keeps the services' tables apart."""


class Punch(Base, table=True):
    """One recorded check-in or check-out, with the evidence. The position never leaves this table."""

    __table_args__ = (
        Index("punch_of_employee", "employee_id", "work_date"),
        Index(
            "punch_unjudged",
            "received_at",
            postgresql_where=text("not judged and source in ('app', 'offline')"),
        ),
        Index("punch_at_position", "lat", "lon", "work_date", postgresql_where=text("judged and lat is not null")),
        Index(
            "punch_of_device", "device_id", "work_date", postgresql_where=text("judged and device_id is not null")
        ),
        Index(
            "punch_with_evidence",
            "received_at",
            postgresql_where=text("judged and num_nonnulls(lat, address, mock, device_id) > 0"),
        ),
    )

    punch_id: UUID = Field(primary_key=True)
    employee_id: UUID
    opd_code: str = Field(sa_type=Text)
    unit_id: str = Field(sa_type=Text)
    work_date: dt.date = Field(sa_type=Date)
    kind: str = Field(sa_type=Text)
    at: dt.datetime = Field(sa_type=INSTANT)
    received_at: dt.datetime = Field(sa_type=INSTANT)
    device_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    zone: str = Field(sa_type=Text)
    source: str = Field(sa_type=Text)
    flags: list[str] = Field(sa_type=ARRAY(Text))
    lat: float | None = None
    lon: float | None = None
    accuracy_m: float | None = None
    time_trust: str = Field(default="server", sa_type=Text)
    device_id: str | None = Field(default=None, sa_type=Text)
    boot_id: str | None = Field(default=None, sa_type=Text)
    elapsed_ms: int | None = Field(default=None, sa_type=BigInteger)
    sequence: int | None = Field(default=None, sa_type=BigInteger)
    mock: bool | None = None
    address: IPv4Address | IPv6Address | None = Field(default=None, sa_type=INET)
    judged: bool = False
    """Whether it has been looked at for what speaks against its place."""


class Device(Base, table=True):
    """Of a device the last connected exchange, and whose it is: of the first person who named it."""

    __table_args__ = (Index("device_of_employee", "employee_id"), Index("device_by_time", "received_at"))

    device_id: str = Field(primary_key=True, sa_type=Text)
    employee_id: UUID
    boot_id: str = Field(sa_type=Text)
    elapsed_ms: int = Field(sa_type=BigInteger)
    sequence: int = Field(sa_type=BigInteger)
    received_at: dt.datetime = Field(sa_type=INSTANT)
    ahead: dt.timedelta | None = Field(default=None, sa_type=Interval)
    ahead_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)


class Void(Base, table=True):
    """A punch that no longer counts."""

    punch_id: UUID = Field(primary_key=True, foreign_key="punch.punch_id")
    employee_id: UUID
    work_date: dt.date = Field(sa_type=Date)
    voided_at: dt.datetime = Field(sa_type=INSTANT)
    voided_by: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)


class Outage(Base, table=True):
    """The newest revision of a declared outage; the earlier ones are in the audit log."""

    __table_args__ = (Index("outage_by_start", "starts_at", "outage_id"),)

    outage_id: UUID = Field(primary_key=True)
    revision: int = Field(sa_type=BigInteger)
    scope: dict[str, Any] = Field(sa_type=JSONB)
    starts_at: dt.datetime = Field(sa_type=INSTANT)
    ends_at: dt.datetime = Field(sa_type=INSTANT)
    reason: str = Field(sa_type=Text)
    declared_by: str = Field(sa_type=Text)
    revoked: bool = False


class Terminal(Base, table=True):
    """A terminal at the door: what officers said of it, then what it showed by itself."""

    serial: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    unit_id: str = Field(sa_type=Text)
    enabled: bool
    utc_offset_minutes: int
    keys: str = Field(sa_type=Text)
    states: dict[str, Any] = Field(sa_type=JSONB)
    commissioned_at: dt.datetime = Field(sa_type=INSTANT)
    networks: list[str] = Field(sa_type=ARRAY(Text))
    key_digest: str | None = Field(default=None, sa_type=Text)
    seen_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    contact_since: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    address: str | None = Field(default=None, sa_type=Text)
    """From where it last introduced itself with its key."""
    compared_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    ahead: dt.timedelta = Field(default=dt.timedelta(), sa_type=Interval)
    wrong_until: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    attendance_stamp: str | None = Field(default=None, sa_type=Text)
    operation_stamp: str | None = Field(default=None, sa_type=Text)


class TerminalPin(Base, table=True):
    """Whose number it is: at the terminal `serial`, or where that is empty at all that do not say otherwise."""

    pin: str = Field(primary_key=True, sa_type=Text)
    serial: str = Field(primary_key=True, sa_type=Text)
    employee_id: UUID


class TerminalLine(Base, table=True):
    """A line that has become no punch, and why."""

    __table_args__ = (Index("terminal_line_of", "serial", "received_at", "line_id"),)

    line_id: UUID = Field(primary_key=True)
    serial: str = Field(foreign_key="terminal.serial", sa_type=Text)
    received_at: dt.datetime = Field(sa_type=INSTANT)
    raw: str = Field(sa_type=Text)
    pin: str | None = Field(default=None, sa_type=Text)
    local: dt.datetime | None = Field(default=None, sa_type=DateTime(timezone=False))
    state: str | None = Field(default=None, sa_type=Text)
    by_hand: bool
    reason: str = Field(sa_type=Text)
    vouched: bool = False


class StrangeTerminal(Base, table=True):
    """One that called and is not believed."""

    serial: str = Field(primary_key=True, sa_type=Text)
    why: str = Field(sa_type=Text)
    address: str = Field(sa_type=Text)
    first_at: dt.datetime = Field(sa_type=INSTANT)
    last_at: dt.datetime = Field(sa_type=INSTANT)


class Flag(Base, table=True):
    """What speaks against the place of a person's punches of a day, and what their superior made of it."""

    __table_args__ = (
        UniqueConstraint("employee_id", "work_date", "kind", name="flag_once"),
        Index("flag_by_time", "raised_at", "flag_id"),
        Index("flag_open", "raised_at", "flag_id", postgresql_where=text("decision is null")),
    )

    flag_id: UUID = Field(primary_key=True)
    employee_id: UUID
    work_date: dt.date = Field(sa_type=Date)
    kind: str = Field(sa_type=Text)
    punch_ids: list[UUID] = Field(sa_type=ARRAY(Uuid))
    evidence: dict[str, Any] = Field(sa_type=JSONB)
    others: list[UUID] = Field(sa_type=ARRAY(Uuid))
    """The other people in it: none of them decides."""
    raised_at: dt.datetime = Field(sa_type=INSTANT)
    due_at: dt.datetime = Field(sa_type=INSTANT)
    """From then on the next one up decides as well."""
    decision: str | None = Field(default=None, sa_type=Text)
    zone: str | None = Field(default=None, sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    decided_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    decided_by: str | None = Field(default=None, sa_type=Text)


class OfficeNetwork(Base, table=True):
    """Addresses that are an office's: of a whole OPD, or of one unit."""

    __table_args__ = (
        Index("office_network_holds", "network", postgresql_using="gist", postgresql_ops={"network": "inet_ops"}),
    )

    network_id: UUID = Field(primary_key=True)
    network: IPv4Network | IPv6Network = Field(sa_type=CIDR)
    opd_code: str = Field(sa_type=Text)
    unit_id: str | None = Field(default=None, sa_type=Text)
    name: str = Field(sa_type=Text)
