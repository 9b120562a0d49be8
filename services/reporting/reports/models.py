"""The table of the command side. Facts and views never read it: they live on the events."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import BigInteger, Column, Date, DateTime, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class WorkReport(SQLModel, table=True):
    """The newest revision of one day's work report, with the newest decision on it."""

    __tablename__ = "work_report"  # pyright: ignore[reportAssignmentType] - SQLAlchemy's way

    report_id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    employee_id: uuid.UUID = Field(sa_column=Column(Uuid, nullable=False))
    work_date: dt.date = Field(sa_column=Column(Date, nullable=False))
    opd_code: str = Field(sa_column=Column(Text, nullable=False))
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))
    submitted_at: dt.datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    items: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    reviews: int = Field(sa_column=Column(BigInteger, nullable=False))
    review: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
