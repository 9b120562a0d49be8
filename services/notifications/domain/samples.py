"""Messages as they might be, of every kind: for previews, and for those who proofread the texts. All made up."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID, uuid5

from services.notifications.domain.kinds import KINDS, Kind
from services.notifications.domain.params import check
from shared.dates import WIB

_IDS = UUID("0d5b2c0e-3f0e-5b55-9a55-6b1d3f1c7a90")
_UNIT = "KEL-MARGAHAYU"
_DAY = dt.date(2025, 11, 6)
_EIGHT = dt.datetime(2025, 11, 6, 8, tzinfo=WIB)


@dataclass(frozen=True, slots=True)
class Sample:
    """One message that might be; `name` tells those of a kind apart. It reads as a kept one does."""

    kind: Kind
    name: str
    params: dict[str, Any]
    subject: str | None = None
    unit_name: str | None = None
    at: dt.datetime = dt.datetime(2025, 11, 6, 7, 10, tzinfo=WIB)
    read_by: Literal["person", "subscription"] = "person"

    @property
    def notification_id(self) -> UUID:
        """The same for the same sample."""
        return uuid5(_IDS, f"{self.kind}/{self.name}")


def _at(hour: int, minute: int = 0, days: int = 0) -> str:
    return dt.datetime.combine(_DAY + dt.timedelta(days), dt.time(hour, minute), WIB).isoformat()


def _day(days: int, mode: str, previous: str | None = None, start: int = 7) -> dict[str, Any]:
    works = mode in ("WFO", "WFH")
    day = {
        "work_date": (_DAY + dt.timedelta(days)).isoformat(),
        "mode": mode,
        "starts_at": _at(start, 30, days) if works else None,
        "ends_at": _at(start + 8, 30, days) if works else None,
    }
    return day if previous is None else {**day, "previous": previous}


_DATE = {"work_date": _DAY.isoformat()}
_REPORT = {**_DATE, "report_revision": 2}
_ASKED: Mapping[str, Any] = {"request_id": str(uuid5(_IDS, "request")), **_DATE}
_SHORT: Mapping[str, Any] = {"required": 3, "present": 1, "as_of": _at(8)}
_SOON: Mapping[str, Any] = {"required": 3, "expected": 2, "at": _at(7, 30)}
_OUTAGE = {"starts_at": _at(6, 45), "ends_at": _at(8, 15), "reason": "Jaringan pusat data terputus"}
_BUDGET: Mapping[str, Any] = {"spent_minutes": 42.0, "budget_minutes": 60.0, "as_of": _at(16)}
_DATES = {"first": "2025-10-27", "last": "2025-11-02"}
_WEEK: Mapping[str, Any] = {
    **_DATES,
    "duties": {
        "on_time": {"met": 412, "not_met": 18, "unknown": 3},
        "report": {"met": 390, "not_met": 40, "unknown": 0},
    },
    "before": {"on_time": {"met": 400, "not_met": 30, "unknown": 0}},
    "reports_waiting": 17,
    "short_minutes": 55,
}


def _duties(kind: Kind) -> list[Sample]:
    names = ("on_time", "place", "hours", "report", "output")
    return [Sample(kind, duty, {**_DATE, "duty": duty}) for duty in names]


def _of_unit(kind: Kind, params: Mapping[str, Any], name: str = "one", **more: Any) -> Sample:
    return Sample(kind, name, dict(params), _UNIT, "Kelurahan Margahayu", **more)


SAMPLES: tuple[Sample, ...] = (
    Sample("schedule.new", "one", _day(0, "WFO")),
    Sample("schedule.new", "off", _day(1, "LEAVE")),
    Sample("schedule.new", "several", {"days": [_day(0, "WFO"), _day(1, "WFO")]}),
    Sample("schedule.wfh", "one", {"days": [_day(1, "WFH")]}),
    Sample("schedule.wfh", "several", {"days": [_day(days, "WFH") for days in range(1, 64, 7)]}),
    Sample("schedule.changed", "one", _day(1, "WFH", "WFO")),
    Sample("schedule.changed", "hours", _day(1, "WFO", "WFO", start=9)),
    Sample("schedule.changed", "several", {"days": [_day(4, "OFF", "WFO"), _day(1, "WFH", "WFO")]}),
    Sample("report.accepted", "one", _REPORT),
    Sample("report.returned", "one", _REPORT),
    Sample("request.decided", "granted", {**_ASKED, "kind": "leave", "state": "granted"}),
    Sample("request.decided", "refused", {**_ASKED, "kind": "missed_punch", "state": "refused"}),
    Sample("request.decided", "swap", {**_ASKED, "kind": "swap", "state": "granted", "work_date": None}),
    Sample("request.decided", "days", {**_ASKED, "kind": "leave", "state": "granted", "last_date": "2025-11-14"}),
    Sample("request.decided", "both", {**_ASKED, "kind": "swap", "state": "refused", "last_date": "2025-11-14"}),
    *_duties("duty.not_met"),
    *_duties("duty.unknown"),
    *_duties("duty.corrected"),
    Sample("checkin.missing", "one", {**_DATE, "starts_at": _at(7, 30)}),
    Sample("report.missing", "one", {**_DATE, "cutoff": _at(21)}, at=dt.datetime(2025, 11, 6, 20, tzinfo=WIB)),
    Sample("reviews.waiting", "one", {"waiting": 4, "oldest": "2025-11-04"}),
    _of_unit("counter.soon", _SOON),
    _of_unit("counter.soon", {**_SOON, "until": _at(9)}, "until"),
    _of_unit("counter.short", _SHORT, at=_EIGHT),
    _of_unit("counter.short", _SHORT, "subscription", read_by="subscription", at=_EIGHT),
    _of_unit("counter.met", {**_SHORT, "present": 3}),
    _of_unit("counter.call", {"call_id": str(uuid5(_IDS, "call")), "at": _at(7, 30), "until": _at(9)}),
    _of_unit("counter.call", {"call_id": str(uuid5(_IDS, "call")), "at": _at(7)}, "now"),
    Sample("outage.declared", "one", _OUTAGE),
    Sample("outage.revoked", "one", _OUTAGE),
    _of_unit("budget.burning", {**_BUDGET, "window": "day", "burn_rate": 14.4}),
    _of_unit("budget.burning", {**_BUDGET, "window": "month", "spent_minutes": 61.5}, "month"),
    _of_unit("budget.recovered", {**_BUDGET, "window": "week"}),
    Sample("digest.head", "one", {**_WEEK, "opd_code": "DISDUKCAPIL"}, "DISDUKCAPIL"),
    Sample(
        "digest.head", "nothing", {"opd_code": "DISHUB", "first": "2025-10-27", "last": "2025-11-02", "duties": {}}
    ),
    Sample("digest.council", "one", dict(_WEEK), read_by="subscription"),
)
"""At least one of each kind, and each way in which its text may go."""


def of(kind: Kind) -> list[Sample]:
    """Those of a kind."""
    return [sample for sample in SAMPLES if sample.kind == kind]


for _sample in SAMPLES:
    check(_sample.kind, _sample.params)
if _missing := set(KINDS) - {sample.kind for sample in SAMPLES}:
    raise ValueError(f"no sample of {', '.join(sorted(_missing))}")
