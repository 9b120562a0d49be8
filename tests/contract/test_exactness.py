"""A record is read exactly or not at all: bounds, spellings, sources and keys."""

import json
from typing import Any
from uuid import UUID

import pytest

from shared.events import TOPICS, Event, InvalidEvent, Received, decode, source_of
from shared.events.base import MAX_VALUE_BYTES, read_date, read_instant

PERSON = "0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55"
ID = "5f0c9be2-24d1-4a3c-8f57-3b2d7d1c9a10"

PLAN: dict[str, Any] = {
    "employee_id": PERSON,
    "opd_code": "9.02",
    "unit_id": "CTH-1",
    "work_date": "2026-02-16",
    "revision": 1,
    "mode": "WFO",
    "starts_at": "2026-02-16T07:30:00+07:00",
    "ends_at": "2026-02-16T16:00:00+07:00",
}
OFF = {**PLAN, "mode": "OFF", "starts_at": None, "ends_at": None}
PUNCH: dict[str, Any] = {
    "punch_id": ID,
    "employee_id": PERSON,
    "opd_code": "9.02",
    "unit_id": "CTH-1",
    "work_date": "2026-02-16",
    "kind": "in",
    "at": "2026-02-16T07:30:00+07:00",
    "received_at": "2026-02-16T07:30:00+07:00",
    "zone": "office",
    "source": "app",
}
HOURS: dict[str, Any] = {
    "effective_from": "2025-11-01",
    "weekdays": [0],
    "opens": "07:30",
    "closes": "16:00",
    "min_staff": 1,
}
UNIT: dict[str, Any] = {
    "unit_id": "CTH-1",
    "revision": 1,
    "opd_code": "9.02",
    "opd_name": "Contoh",
    "name": "Loket",
    "is_service_point": True,
    "requirements": [HOURS],
    "slo": 0.95,
}
OUTAGE: dict[str, Any] = {
    "outage_id": ID,
    "revision": 1,
    "scope": {"all": True},
    "starts_at": "2026-02-16T07:00:00+07:00",
    "ends_at": "2026-02-16T08:00:00+07:00",
    "reason": "listrik padam",
    "declared_by": "BKPSDM",
}
REPORT: dict[str, Any] = {
    "report_id": ID,
    "employee_id": PERSON,
    "opd_code": "9.02",
    "work_date": "2026-02-16",
    "revision": 1,
    "submitted_at": "2026-02-16T15:30:00+07:00",
    "items": [{"item_id": "1", "task": "surat", "quantity": 3, "unit": "berkas"}],
}
RULES: dict[str, Any] = {
    "rules_version": "1",
    "effective_from": "2026-01-01",
    "tolerance_minutes": 0,
    "report_modes": ["WFO"],
    "report_cutoff": "23:59:59",
    "review_sla_working_days": 3,
}
CALENDAR: dict[str, Any] = {"year": 2026, "revision": 1, "holidays": []}
HOLIDAY = {"date": "2026-02-17", "kind": "national", "name": "Imlek"}
PLACE = {"lat": -6.3, "lon": 107.1, "radius_m": 100}
EXAMPLES: dict[str, dict[str, Any]] = {
    "schedule.changed.v1": PLAN,
    "attendance.recorded.v1": PUNCH,
    "directory.unit.v1": UNIT,
    "outage.declared.v1": OUTAGE,
    "report.submitted.v1": REPORT,
    "calendar.changed.v1": CALENDAR,
}


def headers(topic: str, **changes: bytes) -> list[tuple[str, bytes | None]]:
    said = {
        "ce_specversion": b"1.0",
        "ce_id": ID.encode(),
        "ce_type": topic.encode(),
        "ce_source": source_of(TOPICS[topic].owner).encode(),
        "ce_time": b"2026-02-16T00:30:00Z",
    }
    return list((said | changes).items())


def key_of(topic: str, value: dict[str, Any]) -> bytes:
    return str(value[TOPICS[topic].key]).encode()


def read(topic: str, value: dict[str, Any]) -> Event:
    event = read_text(topic, value, json.dumps(value)).event
    assert event is not None
    return event


def read_text(topic: str, value: dict[str, Any], text: str) -> Received:
    return decode(topic, key_of(topic, value), text.encode(), headers(topic))


@pytest.mark.parametrize("topic", EXAMPLES)
def test_the_examples_are_read(topic: str) -> None:
    assert read(topic, EXAMPLES[topic]).topic == topic


AT_LIMIT: list[tuple[str, dict[str, Any]]] = [
    ("schedule.changed.v1", {**OFF, "work_date": "1900-01-01"}),
    ("schedule.changed.v1", {**OFF, "work_date": "2999-12-31"}),
    ("schedule.changed.v1", {**PLAN, "revision": 2**40}),
    ("schedule.changed.v1", {**PLAN, "ends_at": PLAN["starts_at"]}),
    ("schedule.changed.v1", {**PLAN, "ends_at": "2026-02-18T07:30:00+07:00"}),
    ("schedule.changed.v1", {**PLAN, "starts_at": "2026-02-15T00:00:00+07:00"}),
    (
        "schedule.changed.v1",
        {**PLAN, "starts_at": "2026-02-17T23:59:59+07:00", "ends_at": "2026-02-18T07:00:00+07:00"},
    ),
    ("schedule.changed.v1", {**PLAN, "opd_code": "x" * 100}),
    ("attendance.recorded.v1", {**PUNCH, "at": "1900-01-01T00:00:00Z"}),
    ("attendance.recorded.v1", {**PUNCH, "at": "2999-12-31T23:59:59.999999Z"}),
    ("attendance.recorded.v1", {**PUNCH, "flags": ["x"] * 20}),
    ("outage.declared.v1", {**OUTAGE, "ends_at": "2026-03-19T07:00:00+07:00"}),
    ("outage.declared.v1", {**OUTAGE, "ends_at": OUTAGE["starts_at"]}),
    ("outage.declared.v1", {**OUTAGE, "scope": {"opd_codes": ["x"] * 1000, "unit_ids": ["x"] * 1000}}),
    ("outage.declared.v1", {**OUTAGE, "reason": "é" * 4000}),
    ("directory.unit.v1", {**UNIT, "requirements": [HOURS] * 200, "places": [PLACE] * 50, "name": "é" * 300}),
    ("directory.unit.v1", {**UNIT, "requirements": [{**HOURS, "closes": "24:00"}]}),
    ("rules.changed.v1", RULES),
    ("report.submitted.v1", {**REPORT, "items": REPORT["items"] * 200}),
    ("calendar.changed.v1", {**CALENDAR, "holidays": [HOLIDAY] * 400}),
]


@pytest.mark.parametrize(("topic", "value"), AT_LIMIT)
def test_what_lies_on_a_bound_is_read(topic: str, value: dict[str, Any]) -> None:
    read(topic, value)


BEYOND: list[tuple[str, dict[str, Any]]] = [
    *[("schedule.changed.v1", {**OFF, "work_date": date}) for date in ("1899-12-31", "3000-01-01", "9999-12-31")],
    *[("schedule.changed.v1", {**OFF, "work_date": date}) for date in ("0001-01-01", "2026-02-30", "infinity")],
    ("schedule.changed.v1", {**PLAN, "revision": 2**40 + 1}),
    ("schedule.changed.v1", {**PLAN, "revision": -1}),
    ("schedule.changed.v1", {**PLAN, "ends_at": "2999-12-31T16:00:00+07:00"}),
    ("schedule.changed.v1", {**PLAN, "ends_at": "2026-02-18T07:30:01+07:00"}),
    ("schedule.changed.v1", {**PLAN, "ends_at": "2026-02-16T07:29:59+07:00"}),
    ("schedule.changed.v1", {**PLAN, "ends_at": None}),
    ("schedule.changed.v1", {**PLAN, "starts_at": None, "ends_at": None}),
    ("schedule.changed.v1", {**PLAN, "mode": "LEAVE"}),
    ("schedule.changed.v1", {**PLAN, "work_date": "2026-02-18"}),
    ("schedule.changed.v1", {**PLAN, "work_date": "2026-02-14"}),
    # On its work date where it was written, and two days later in Asia/Jakarta.
    (
        "schedule.changed.v1",
        {**PLAN, "starts_at": "2026-02-16T23:30:00-23:59", "ends_at": "2026-02-17T01:00:00-23:59"},
    ),
    ("schedule.changed.v1", {**PLAN, "opd_code": "x" * 101}),
    ("schedule.changed.v1", {**PLAN, "opd_code": ""}),
    ("schedule.changed.v1", {**PLAN, "policy_version": "x" * 101}),
    ("attendance.recorded.v1", {**PUNCH, "at": "1899-12-31T23:59:59Z"}),
    ("attendance.recorded.v1", {**PUNCH, "at": "3000-01-01T00:00:00Z"}),
    ("attendance.recorded.v1", {**PUNCH, "at": "2999-12-31T23:59:59-07:00"}),
    ("attendance.recorded.v1", {**PUNCH, "received_at": "0001-01-01T00:00:00+14:00"}),
    ("attendance.recorded.v1", {**PUNCH, "flags": ["x"] * 21}),
    ("outage.declared.v1", {**OUTAGE, "ends_at": "2026-03-19T07:00:01+07:00"}),
    ("outage.declared.v1", {**OUTAGE, "ends_at": "2026-02-16T06:59:59+07:00"}),
    ("outage.declared.v1", {**OUTAGE, "scope": {"opd_codes": ["x"] * 1001}}),
    ("outage.declared.v1", {**OUTAGE, "scope": {"unit_ids": ["x"] * 1001}}),
    ("outage.declared.v1", {**OUTAGE, "reason": "x" * 4001}),
    ("directory.unit.v1", {**UNIT, "requirements": [HOURS] * 201}),
    ("directory.unit.v1", {**UNIT, "requirements": [{**HOURS, "effective_from": "9999-12-31"}]}),
    ("directory.unit.v1", {**UNIT, "requirements": [{**HOURS, "opens": "24:00"}]}),
    ("directory.unit.v1", {**UNIT, "requirements": [{**HOURS, "opens": "07:3\u0660"}]}),
    ("directory.unit.v1", {**UNIT, "requirements": [{**HOURS, "closes": "16:0\uff10"}]}),
    ("directory.unit.v1", {**UNIT, "requirements": [{**HOURS, "closes": "16:00\n"}]}),
    ("directory.unit.v1", {**UNIT, "requirements": [{**HOURS, "weekdays": [7]}]}),
    ("directory.unit.v1", {**UNIT, "places": [PLACE] * 51}),
    ("directory.unit.v1", {**UNIT, "places": [{**PLACE, "lat": 90.1}]}),
    ("directory.unit.v1", {**UNIT, "places": [{**PLACE, "radius_m": 1e300}]}),
    ("directory.unit.v1", {**UNIT, "name": "x" * 301}),
    ("rules.changed.v1", {**RULES, "report_cutoff": "24:00"}),  # only `closes` may be the end of the day
    ("rules.changed.v1", {**RULES, "report_cutoff": "24:00:00"}),
    ("report.submitted.v1", {**REPORT, "items": REPORT["items"] * 201}),
    ("report.submitted.v1", {**REPORT, "items": [{**REPORT["items"][0], "task": "x" * 4001}]}),
    ("calendar.changed.v1", {**CALENDAR, "year": 1899}),
    ("calendar.changed.v1", {**CALENDAR, "holidays": [HOLIDAY] * 401}),
    ("calendar.changed.v1", {**CALENDAR, "holidays": [{**HOLIDAY, "date": "9999-12-31"}]}),
]


@pytest.mark.parametrize(("topic", "value"), BEYOND)
def test_what_lies_beyond_a_bound_is_refused(topic: str, value: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent) as caught:
        read(topic, value)
    assert caught.value.reason == "schema"


NOT_AN_INSTANT = [
    "1762389000", "1762389000.5", "2026-02-16", "2026-02-16T07:30+07:00", "2026-02-16T07:30:00",
    "2026-02-16 07:30:00Z",
    "2026-02-16T07:30:00+07:60", "2026-02-16T07:30:00+0700", "2026-02-16T07:30:00+24:00",
    "2026-02-16T07:30:00\u221207:00",
    "2026-02-16T24:00:00Z", "2026-02-16T07:30:60Z", "2026-W08-1T07:30:00Z", "20260216T073000Z",
    "2026-02-30T07:30:00Z",
    "\u0662026-02-16T07:30:00Z", "2026-02-16T07:30:00Z\n", " 2026-02-16T07:30:00Z", "2026-02-16T07:30:00,5Z", "",
]  # fmt: skip
NOT_A_DATE = [
    "20260216", "2026-W08-1", "2026-2-16", "1771200000", "2026-02-16T00:00:00Z", "2026-02-16T00:00:00", "26-02-16",
    "\uff12026-02-16", "2026-02-16 ", "2026-047", "",
]  # fmt: skip


@pytest.mark.parametrize("at", [1762389000, 1762389000.5, True, *NOT_AN_INSTANT])
def test_a_time_is_rfc_3339_text_and_nothing_else(at: object) -> None:
    with pytest.raises(InvalidEvent, match="at: must be a time"):
        read("attendance.recorded.v1", {**PUNCH, "at": at})
    with pytest.raises(InvalidEvent, match="device_at: must be a time"):
        read("attendance.recorded.v1", {**PUNCH, "device_at": at})
    if isinstance(at, str):
        with pytest.raises(ValueError, match="must be a time"):
            read_instant(at)


@pytest.mark.parametrize("date", [20260216, 1771200000, *NOT_A_DATE])
def test_a_date_is_rfc_3339_text_and_nothing_else(date: object) -> None:
    with pytest.raises(InvalidEvent, match="work_date: must be a date"):
        read("schedule.changed.v1", {**OFF, "work_date": date})
    if isinstance(date, str):
        with pytest.raises(ValueError, match="must be a date"):
            read_date(date)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-02-16t07:30:00z", "2026-02-16T07:30:00Z"),
        ("2026-02-16T07:30:00-00:00", "2026-02-16T07:30:00Z"),
        ("2026-02-16T14:30:00.000000+07:00", "2026-02-16T07:30:00Z"),
        ("2026-02-16T07:29:59.9999999Z", "2026-02-16T07:29:59.999999Z"),
        ("2026-02-16T07:29:59.99999949999999999999999Z", "2026-02-16T07:29:59.999999Z"),
    ],
)
def test_every_spelling_of_rfc_3339_is_read_and_what_follows_the_microsecond_is_cut(text: str, same: str) -> None:
    event: Any = read("attendance.recorded.v1", {**PUNCH, "at": text})
    assert event.at == read_instant(text) == read_instant(same)


@pytest.mark.parametrize("revision", ["1", "01", True, 1.5, None, [1], "1e0", -1, 2**63, 10**400])
def test_a_whole_number_is_a_number_and_whole(revision: object) -> None:
    with pytest.raises(InvalidEvent, match="revision"):
        read("schedule.changed.v1", {**PLAN, "revision": revision})


@pytest.mark.parametrize("text", ["3.0", "3e0", "30e-1", "0.3e1"])
def test_a_whole_number_may_be_written_as_json_schema_has_it(text: str) -> None:
    whole = json.dumps(PLAN).replace('"revision": 1', f'"revision": {text}')
    event: Any = read_text("schedule.changed.v1", PLAN, whole).event
    assert event.revision == 3
    assert type(event.revision) is int


@pytest.mark.parametrize("value", ["3", True, None, "NaN", [3]])
def test_a_quantity_is_a_number(value: object) -> None:
    with pytest.raises(InvalidEvent, match="quantity"):
        read("report.submitted.v1", {**REPORT, "items": [{**REPORT["items"][0], "quantity": value}]})


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400", "1e13"])
def test_a_quantity_is_finite_and_bounded(text: str) -> None:
    with pytest.raises(InvalidEvent):
        read_text(
            "report.submitted.v1", REPORT, json.dumps(REPORT).replace('"quantity": 3', f'"quantity": {text}')
        )


@pytest.mark.parametrize("value", ["true", 1, 0, "", None])
def test_a_boolean_is_true_or_false(value: object) -> None:
    with pytest.raises(InvalidEvent, match="revoked"):
        read("outage.declared.v1", {**OUTAGE, "revoked": value})


@pytest.mark.parametrize("number", ["1.10", "1.0", "1e2", "1e400", "true", "null", "[1]", "1" + "0" * 100])
def test_a_code_written_as_a_number_is_taken_only_where_its_digits_say_it(number: str) -> None:
    text = json.dumps(PLAN).replace('"opd_code": "9.02"', f'"opd_code": {number}')
    with pytest.raises(InvalidEvent, match="opd_code"):
        read_text("schedule.changed.v1", PLAN, text)
    event: Any = read_text("schedule.changed.v1", PLAN, text.replace(number, "17")).event
    assert event.opd_code == "17"


@pytest.mark.parametrize(
    "spelling",
    [
        PERSON.replace("-", ""), f"{{{PERSON}}}", f"urn:uuid:{PERSON}", PERSON[:-1], PERSON + "0", 7,
        PERSON.replace("-7b57-", "-7b5\u0667-"), "-" + PERSON.replace("-", "", 1),
    ],
)  # fmt: skip
def test_a_uuid_is_in_plain_form(spelling: object) -> None:
    with pytest.raises(InvalidEvent, match="punch_id: must be a UUID"):
        read("attendance.recorded.v1", {**PUNCH, "punch_id": spelling})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ce_time": b"0001-01-01T00:00:00+14:00"}, "bad_header"),
        ({"ce_time": b"9999-12-31T23:59:59-14:00"}, "bad_header"),
        ({"ce_time": b"1899-12-31T23:59:59Z"}, "bad_header"),
        ({"ce_time": b"3000-01-01T00:00:00Z"}, "bad_header"),
        ({"ce_time": b"1762389000"}, "bad_header"),
        ({"ce_time": b"2026-02-16T00:30:00"}, "bad_header"),
        ({"ce_time": b"2026-02-16T00:30:00." + b"0" * 1000 + b"Z"}, "bad_header"),
        ({"ce_time": "2026-02-16T00:3٠:00Z".encode()}, "bad_header"),
        ({"ce_id": ID.replace("-", "").encode()}, "bad_header"),
        ({"ce_id": f"urn:uuid:{ID}".encode()}, "bad_header"),
        ({"ce_id": b"{" + ID.encode() + b"}"}, "bad_header"),
        ({"ce_id": b"\xff" * 36}, "bad_header"),
        ({"ce_specversion": b"1.00"}, "unsupported_specversion"),
        ({"ce_source": b"/hadir/attendance"}, "foreign_source"),
        ({"ce_source": b"/hadir/scheduling/"}, "foreign_source"),
        ({"ce_source": b"/HADIR/scheduling"}, "foreign_source"),
        ({"ce_source": b"hadir/scheduling"}, "foreign_source"),
        ({"ce_source": b""}, "foreign_source"),
        ({"ce_source": b"x" * 1_000_000}, "bad_header"),
    ],
)
def test_the_envelope_is_bounded_too(changes: dict[str, bytes], reason: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        decode(
            "schedule.changed.v1",
            PERSON.encode(),
            json.dumps(PLAN).encode(),
            headers("schedule.changed.v1", **changes),
        )
    assert caught.value.reason == reason


def test_headers_are_few_and_those_that_say_what_came_stand_once() -> None:
    given = headers("schedule.changed.v1")
    value = json.dumps(PLAN).encode()
    for more in ([("ce_id", b"another")], [("ce_time", given[-1][1])], [(f"h{n}", b"") for n in range(200)]):
        with pytest.raises(InvalidEvent) as caught:
            decode("schedule.changed.v1", PERSON.encode(), value, [*given, *more])
        assert caught.value.reason == "bad_header"
    # A tracer may well add its own beside the producer's.
    twice = [("traceparent", b"a"), ("traceparent", b"b")]
    assert decode("schedule.changed.v1", PERSON.encode(), value, [*given, *twice]).event is not None


@pytest.mark.parametrize("topic", EXAMPLES)
def test_an_event_is_taken_from_the_owner_of_its_topic_and_trusted_sources_only(topic: str) -> None:
    value, key = json.dumps(EXAMPLES[topic]).encode(), key_of(topic, EXAMPLES[topic])
    foreign = headers(topic, ce_source=b"/elsewhere")
    with pytest.raises(InvalidEvent) as caught:
        decode(topic, key, value, foreign)
    assert caught.value.reason == "foreign_source"
    with pytest.raises(InvalidEvent):
        decode(topic, key, value, foreign, frozenset({"/else"}))
    assert decode(topic, key, value, foreign, frozenset({"/elsewhere", "/x"})).source == "/elsewhere"


@pytest.mark.parametrize("topic", EXAMPLES)
def test_an_event_is_taken_under_the_id_that_it_names_only(topic: str) -> None:
    value, key = json.dumps(EXAMPLES[topic]).encode(), key_of(topic, EXAMPLES[topic])
    for wrong in (None, b"", b"another", key + b" ", key[:-1], b"\xff", str(UUID(int=7)).encode()):
        with pytest.raises(InvalidEvent) as caught:
            decode(topic, wrong, value, headers(topic))
        assert caught.value.reason == "wrong_key"


def test_the_key_is_the_lower_case_spelling_of_an_id_whatever_that_of_the_value() -> None:
    value = json.dumps({**PLAN, "employee_id": PERSON.upper()}).encode()
    assert decode("schedule.changed.v1", PERSON.encode(), value, headers("schedule.changed.v1")).key == PERSON
    with pytest.raises(InvalidEvent) as caught:
        decode("schedule.changed.v1", PERSON.upper().encode(), value, headers("schedule.changed.v1"))
    assert caught.value.reason == "wrong_key"


@pytest.mark.parametrize(
    ("key", "source", "reason"),
    [
        (PERSON.encode(), b"/hadir/attendance", "foreign_source"),
        (PERSON.upper().encode(), b"/hadir/scheduling", "bad_key"),
        (PERSON.replace("-", "").encode(), b"/hadir/scheduling", "bad_key"),
        (b"\xff", b"/hadir/scheduling", "bad_key"),
        (b"", b"/hadir/scheduling", "missing_key"),
    ],
)
def test_an_erasure_too_comes_from_the_owner_under_a_plain_key(key: bytes, source: bytes, reason: str) -> None:
    topic = "directory.employee.v1"
    with pytest.raises(InvalidEvent) as caught:
        decode(topic, key, None, headers(topic, ce_source=source))
    assert caught.value.reason == reason


def test_a_value_is_measured_before_it_is_read() -> None:
    topic = "outage.declared.v1"
    whole = json.dumps(OUTAGE)
    padded = whole + " " * (MAX_VALUE_BYTES - len(whole))
    assert decode(topic, ID.encode(), padded.encode(), headers(topic)).event is not None
    for large in (padded + " ", "x" * (MAX_VALUE_BYTES + 1)):
        with pytest.raises(InvalidEvent) as caught:
            decode(topic, ID.encode(), large.encode(), headers(topic))
        assert caught.value.reason == "too_large"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OUTAGE)[:-1] + ', "revoked": true, "revoked": false}',
        json.dumps(OUTAGE)[:-1] + ', "revision" : 2}',
        json.dumps(OUTAGE, separators=(",", ":"))[:-1] + ',"revision":2}',
        json.dumps(OUTAGE, separators=(",", ":")).replace('"reason":', '"revision" :5,"reason" :'),
        json.dumps(OUTAGE)[:-1] + ', "r\\u0065vision": 2}',
        json.dumps(OUTAGE).replace('{"all": true}', '{"all": true, "all": false}'),
        json.dumps(OUTAGE)[:-1] + ', "later": {"a": 1, "a": 2}}',
    ],
)
def test_a_name_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        read_text("outage.declared.v1", OUTAGE, text)
    assert caught.value.reason == "duplicate_name"


@pytest.mark.parametrize(
    "odd",
    [
        '"\\ud800"', '"\\udc00\\ud800"', "NaN", "Infinity", "[" * 100_000, '{"a":' * 50_000, "\x01", '"\x01"',
        "01", "+1", ".5", "'x'", "undefined", "[1,]", '"\udc80"',
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["later", "reason"])
def test_what_is_no_json_is_refused_wherever_it_stands(field: str, odd: str) -> None:
    value = {name: one for name, one in OUTAGE.items() if name != field}
    text = json.dumps(value)[:-1] + f', "{field}": {odd}}}'
    with pytest.raises(InvalidEvent) as caught:
        decode(
            "outage.declared.v1", ID.encode(), text.encode(errors="surrogateescape"), headers("outage.declared.v1")
        )
    assert caught.value.reason == "schema"


@pytest.mark.parametrize("depth", [1, 100, 190, 210, 1000, 100_000])
def test_a_deep_value_of_an_unknown_field_is_read_or_refused_and_nothing_else(depth: int) -> None:
    text = json.dumps(OUTAGE)[:-1] + f', "later": {"[" * depth}{"]" * depth}}}'
    if depth < 200:
        assert read_text("outage.declared.v1", OUTAGE, text).event is not None
        return
    with pytest.raises(InvalidEvent) as caught:
        read_text("outage.declared.v1", OUTAGE, text)
    assert caught.value.reason == "schema"
