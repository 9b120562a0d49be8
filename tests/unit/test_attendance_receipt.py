"""A receipt is written in two ways: by its model, which the document describes, and at a check-in in less time."""

import datetime as dt
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from services.attendance.domain.punches import Source, TimeTrust
from services.attendance.store.punches import PunchRow
from services.attendance.views.punches import Receipt, receipt
from shared.events import PunchKind, Zone

INSTANTS = st.datetimes(timezones=st.just(dt.UTC))
"""What the clock says and what the database gives back are in UTC."""
ROWS = st.builds(
    PunchRow,
    punch_id=st.uuids(),
    employee_id=st.uuids(),
    opd_code=st.just("DISDUKCAPIL"),
    unit_id=st.just("disdukcapil.loket"),
    work_date=st.dates(),
    kind=st.sampled_from(get_args(PunchKind)),
    at=INSTANTS,
    received_at=INSTANTS,
    device_at=st.none(),
    zone=st.sampled_from(get_args(Zone)),
    source=st.sampled_from(get_args(Source)),
    flags=st.lists(st.text()),
    lat=st.none(),
    lon=st.none(),
    accuracy_m=st.none(),
    time_trust=st.sampled_from(get_args(TimeTrust)),
)


@given(ROWS)
def test_both_ways_write_the_same_bytes(row: PunchRow) -> None:
    assert receipt(row) == Receipt.model_validate(row).model_dump_json().encode()
