"""What looks through the records of a played month finds what it is there to find, and nothing in the contract."""

import json
from typing import Any

import pytest

from shared.events import TOPICS
from tests.kit.personal_data import DIRECTORY, UNITS, People, of_audience

ANI: dict[str, Any] = {
    "employee_id": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55",
    "nip": "199001012015011001",
    "name": "Dra. Hj. Ani Contoh Pegawai, M.Si.",
    "email": "Ani@example.go.id",
    "phone": "+62000000001",
    "remote_places": [{"lat": -6.25, "lon": 107.01, "radius_m": 100}],
}
WRITTEN = "Anak saya dirawat"
PUBLIC, INTERNAL = "outage.declared.v1", "schedule.changed.v1"


def people() -> People:
    found = People(written={WRITTEN})
    found.learn(ANI)
    return found


def told(topic: str, value: Any, key: bytes = b"1", header: bytes = b"") -> set[str]:
    said = people().told(topic, [key, json.dumps(value).encode(), header])
    return {one.partition(":")[0] for one in said}


@pytest.mark.parametrize("topic", TOPICS)
def test_the_examples_of_the_contract_tell_nothing_that_they_may_not(topic: str) -> None:
    example = {**TOPICS[topic].event.example}
    assert told(topic, example, str(example[TOPICS[topic].key]).encode()) == set()


PLANTED = {
    "Budi mengganti ani contoh pegawai.": {"name"},
    "NIP 199001012015011001": {"mark", "identity"},
    "no. 3275010101900001": {"identity"},
    "hubungi ani@example.go.id": {"mark", "email"},
    "hubungi siapa@contoh.id": {"email"},
    "telepon +62000000001": {"mark", "phone"},
    "telepon 081234567890": {"phone"},
    "seorang petugas Sakit": {"health"},
    "cuti maternity": {"health"},
    "alasan: anak saya dirawat di rumah": {"written"},
    ANI["employee_id"]: {"employee_id"},
}


@pytest.mark.parametrize("text", PLANTED)
@pytest.mark.parametrize("topic", [PUBLIC, f"{PUBLIC}.dead", INTERNAL])
def test_what_tells_of_a_person_is_found_wherever_a_record_says_it(topic: str, text: str) -> None:
    wanted = PLANTED[text] - ({"employee_id"} if topic == INTERNAL else set())
    assert told(topic, {"reason": text}) == wanted
    assert told(topic, {"of": [{"text": {text: 1}}]}) == wanted
    assert told(topic, {}, key=text.encode()) == wanted
    assert told(topic, {}, header=text.encode()) == wanted


def test_a_number_and_bytes_that_are_no_json_are_looked_at_too() -> None:
    assert told(PUBLIC, {"revision": 199001012015011001}) == {"mark", "identity"}
    assert told(PUBLIC, {}, header=b"\xff ani contoh pegawai {") == {"name"}


def test_a_place_is_an_offices_or_nobodys() -> None:
    office = {"lat": -6.2, "lon": 106.9, "radius_m": 100}
    assert told(UNITS, {"places": [office]}) == set()
    assert told(UNITS, {"places": ANI["remote_places"]}) == {"position"}
    assert told(UNITS, {"seen": office}) == {"position"}
    assert told(INTERNAL, {"at": office}) == {"position"}
    assert told(INTERNAL, {"accuracy_m": 12}) == {"position"}
    assert told(DIRECTORY, ANI) == set()
    assert told(DIRECTORY, {**ANI, "seen": office, "note": "sakit"}) == {"position", "health"}


def test_what_is_no_persons_is_left_alone() -> None:
    at = "2025-11-06T07:25:00+07:00"
    for text in ("Rumah Sakit Umum Daerah", "Loket Contoh", at, "Ani Contoh", "1.250.000", "a" * 64):
        assert told(PUBLIC, {"name": text}) == set(), text
    assert told(PUBLIC, {"burn_rate": 0.0652272381944443}) == set()
    assert told(PUBLIC, {}, header=b"00-" + b"a" * 32 + b"-6089187978075262-01") == set()
    assert told("report.submitted.v1", {"items": [{"task": "Merawat pasien sakit"}]}) == set()


def test_every_topic_has_an_audience_and_is_looked_through_with_its_dead_letters() -> None:
    every = of_audience("public", "internal", "restricted")
    assert sorted(every) == sorted(one for topic in TOPICS for one in (topic, f"{topic}.dead"))
