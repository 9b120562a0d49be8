"""The table of topics is that of the specification, and the audiences keep their promises."""

import re
from typing import Any, get_args

import pytest

from shared.events import TOPICS, Audience, schemas
from shared.events.base import SERVICES

# Of docs/events/README.md key, audience and owner: written out here so that a slip in the code is seen.
SPECIFIED = {
    "directory.employee.v1": ("employee_id", "restricted", "scheduling"),
    "directory.unit.v1": ("unit_id", "public", "scheduling"),
    "rules.changed.v1": ("rules_version", "public", "scheduling"),
    "calendar.changed.v1": ("year", "public", "scheduling"),
    "schedule.changed.v1": ("employee_id", "internal", "scheduling"),
    "absence.decided.v1": ("employee_id", "internal", "scheduling"),
    "attendance.recorded.v1": ("employee_id", "internal", "attendance"),
    "attendance.voided.v1": ("employee_id", "internal", "attendance"),
    "correction.decided.v1": ("employee_id", "internal", "attendance"),
    "outage.declared.v1": ("outage_id", "public", "attendance"),
    "report.submitted.v1": ("employee_id", "internal", "reporting"),
    "report.reviewed.v1": ("employee_id", "internal", "reporting"),
    "compliance.changed.v1": ("employee_id", "internal", "reporting"),
    "coverage.changed.v1": ("unit_id", "public", "reporting"),
    "coverage.budget.v1": ("unit_id", "public", "reporting"),
    "coverage.forecast.v1": ("unit_id", "public", "reporting"),
    "notification.sent.v1": ("employee_id", "internal", "notifications"),
    "record.disowned.v1": ("ce_id", "public", "scheduling"),
    "log.checkpoint.v1": ("log", "public", "reporting"),
    "pilot.registered.v1": ("pilot_id", "public", "reporting"),
}
FIELDS = {
    "directory.employee.v1": "employee_id revision nip name opd_code unit_id supervisor_id acting_supervisor_id"
    " heads employment echelon email phone remote_places active skills",
    "directory.unit.v1": "unit_id revision opd_code opd_name name is_service_point places requirements slo",
    "rules.changed.v1": "rules_version effective_from tolerance_minutes report_modes report_cutoff"
    " review_sla_working_days",
    "calendar.changed.v1": "year revision holidays",
    "schedule.changed.v1": "employee_id opd_code unit_id work_date revision mode starts_at ends_at policy_version"
    " reason",
    "absence.decided.v1": "request_id employee_id kind work_date last_date state decided_at revision",
    "attendance.recorded.v1": "punch_id employee_id opd_code unit_id work_date kind at received_at device_at zone"
    " source flags",
    "attendance.voided.v1": "punch_id employee_id work_date voided_at voided_by reason",
    "correction.decided.v1": "request_id employee_id kind work_date state decided_at revision",
    "outage.declared.v1": "outage_id revision scope starts_at ends_at reason declared_by revoked",
    "report.submitted.v1": "report_id employee_id opd_code work_date revision submitted_at items",
    "report.reviewed.v1": "report_id employee_id work_date report_revision revision reviewed_at reviewer_id"
    " decision items",
    "compliance.changed.v1": "employee_id opd_code work_date duty revision state previous as_of rules_version",
    "coverage.changed.v1": "unit_id opd_code revision status previous as_of required present_low present_high",
    "coverage.budget.v1": "unit_id opd_code window revision status burn_rate spent_minutes budget_minutes as_of",
    "coverage.forecast.v1": "unit_id opd_code revision status at starts_at ends_at required expected as_of",
    "notification.sent.v1": "notification_id employee_id kind channel status cause_event_id at",
    "record.disowned.v1": "ce_id topic revision disowned_at disowned_by reason revoked",
    "log.checkpoint.v1": "log origin size root_hash signature checkpoint",
    "pilot.registered.v1": "pilot_id revision title question metric better margin count_by treated control"
    " baseline trial available_minutes seed protocol_sha256 amended_after_start",
}
OF_A_PERSON = {
    "nip", "email", "phone", "remote_places", "home", "address", "supervisor_id", "acting_supervisor_id",
    "heads", "skills", "echelon", "employment", "lat", "lon", "position", "birth_date", "sex",
}  # fmt: skip
IDS_OF_A_PERSON = {"employee_id", "reviewer_id", "voided_by", "punch_id", "report_id"}
NAMES_OF_THINGS = {("directory.unit.v1", "name"), ("calendar.changed.v1", "holidays.name")}
PLACES_OF_THINGS = {("directory.unit.v1", f"places.{name}") for name in ("lat", "lon")}


def fields(topic: str) -> set[str]:
    """Every field of a topic's value, nested ones with their path."""
    schema = schemas.schema(topic)

    def walk(node: dict[str, Any], path: str) -> set[str]:
        if "$ref" in node:
            return walk(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]], path)
        found: set[str] = set()
        for name, inner in node.get("properties", {}).items():
            whole = f"{path}.{name}" if path else name
            found |= {whole} | walk(inner, whole)
        for keyword in ("items", "anyOf"):
            choices = node.get(keyword, [])
            for choice in [choices] if keyword == "items" and choices else choices:
                found |= walk(choice, path)
        return found

    return walk(schema, "")


def test_the_table_is_that_of_the_specification() -> None:
    assert {name: (topic.key, topic.audience, topic.owner) for name, topic in TOPICS.items()} == SPECIFIED
    assert {topic.owner for topic in TOPICS.values()} == set(SERVICES)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_value_has_the_fields_of_the_specification(topic: str) -> None:
    assert {name for name in fields(topic) if "." not in name} >= set(FIELDS[topic].split())


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_named_versioned_and_keyed_by_a_required_field(topic: str) -> None:
    entry = TOPICS[topic]
    assert re.fullmatch(r"[a-z]+\.[a-z]+\.v[1-9]\d*", topic)  # no `_`: Kafka's metrics cannot tell it from a dot
    assert entry.dead_letters == f"{topic}.dead"
    assert entry.key in schemas.schema(topic)["required"]
    assert entry.audience in get_args(Audience)
    assert entry.event.description
    assert entry.event.trigger.endswith(".")


def test_every_topic_keeps_its_records_for_ever_and_only_the_directory_of_people_is_compacted() -> None:
    for name, topic in TOPICS.items():
        assert topic.config["retention.ms"] == "-1"
        compacted = name == "directory.employee.v1"
        assert topic.config["cleanup.policy"] == ("compact" if compacted else "delete")
        assert topic.tombstones == compacted
    seven_days_ms = 7 * 24 * 60 * 60 * 1000
    assert TOPICS["directory.employee.v1"].config["min.compaction.lag.ms"] == str(seven_days_ms)


@pytest.mark.parametrize("topic", [name for name, topic in TOPICS.items() if topic.audience == "public"])
@pytest.mark.fault(39)
def test_a_public_topic_carries_no_personal_data_at_all(topic: str) -> None:
    found = {(topic, path) for path in fields(topic)} - NAMES_OF_THINGS - PLACES_OF_THINGS
    forbidden = OF_A_PERSON | IDS_OF_A_PERSON | {"name"}
    assert [path for _, path in found if path.rsplit(".", 1)[-1] in forbidden] == []


@pytest.mark.parametrize("topic", [name for name, topic in TOPICS.items() if topic.audience == "internal"])
def test_an_internal_topic_knows_a_person_by_id_only(topic: str) -> None:
    leaves = {path.rsplit(".", 1)[-1] for path in fields(topic)}
    assert "employee_id" in leaves
    assert leaves & (OF_A_PERSON | {"name"}) == set()


def test_the_nip_is_in_the_value_of_the_directory_and_nowhere_else() -> None:
    assert {topic for topic in TOPICS if "nip" in fields(topic)} == {"directory.employee.v1"}
    assert "nip" not in {topic.key for topic in TOPICS.values()}
