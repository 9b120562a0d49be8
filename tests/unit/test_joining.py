"""Days of one person that are one message. Pure."""

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.joining import JOINS, Joined, Open, group, together
from services.notifications.domain.news import Notice
from services.notifications.domain.params import check

ADI, BUDI = UUID(int=1), UUID(int=2)


def day(date: int, mode: str = "WFH", previous: str | None = "WFO") -> dict[str, Any]:
    more = {} if previous is None else {"previous": previous}
    return {"work_date": f"2025-11-{date:02}", "mode": mode, "starts_at": None, "ends_at": None, **more}


def changed(date: int, who: UUID = ADI, mode: str = "WFH") -> Notice:
    return Notice(who, "schedule.changed", uuid4(), day(date, mode))


def test_two_days_are_one_message_in_the_order_of_days() -> None:
    assert together(day(7), day(6)) == {"days": [day(6), day(7)]}
    assert together({"days": [day(6), day(8)]}, day(7)) == {"days": [day(6), day(7), day(8)]}


def test_a_day_that_changes_again_is_told_as_it_is_now_against_what_it_was_first() -> None:
    assert together(day(6, "WFH", "WFO"), day(6, "OFF", "WFH")) == {"days": [day(6, "OFF", "WFO")]}


DAYS = st.lists(st.tuples(st.integers(1, 28), st.sampled_from(["WFO", "WFH", "OFF"])), min_size=1, max_size=12)


@given(DAYS, st.integers(0, 12))
def test_however_notices_are_cut_into_batches_the_message_is_the_same(
    days: list[tuple[int, str]], cut: int
) -> None:
    notices = [changed(date, mode=mode) for date, mode in days]
    whole = group(notices, [], JOINS)
    (one,) = whole.notices
    first = group(notices[:cut], [], JOINS)
    if not first.notices or cut >= len(notices):
        return
    (written,) = first.notices
    rest = notices[cut:]
    then = group(rest, [Open(notice.id, written.id, written.params) for notice in rest], JOINS)
    assert then.notices == []
    assert then.again[written.id]["days"] == together(one.params, one.params)["days"]
    assert {*first.joined, *then.joined} == set(whole.joined)
    check("schedule.changed", one.params)


def test_people_and_kinds_stay_apart_and_what_is_not_about_days_is_left_alone() -> None:
    other = Notice(ADI, "report.returned", uuid4(), {"work_date": "2025-11-06", "report_revision": 1})
    new = Notice(ADI, "schedule.new", uuid4(), day(6, previous=None))
    notices = [changed(6), changed(6, BUDI), other, new, changed(7)]
    grouped = group(notices, [], JOINS)
    assert [one.id for one in grouped.notices] == [one.id for one in notices[:4]]
    assert grouped.joined == [Joined(notices[4].id, notices[0].id)]
    assert grouped.notices[0].params == {"days": [day(6), day(7)]}
    assert [one.params for one in grouped.notices[1:]] == [one.params for one in notices[1:4]]


def test_a_message_keeps_its_id_whatever_joins_it() -> None:
    notices = [changed(date) for date in (6, 7)]
    (one,) = group(notices, [], JOINS).notices
    assert one.id == notices[0].id
    assert one.cause == notices[0].cause
    assert dt.date.fromisoformat(one.params["days"][1]["work_date"]) == dt.date(2025, 11, 7)
