"""Whose events are taken beside those of a topic's owner is said by one setting."""

import pytest

from shared.settings import load

ENVIRONMENT = {
    "HADIR_REPORTING_DATABASE_URL": "postgresql://a:b@127.0.0.1:5432/c",
    "HADIR_KAFKA_BOOTSTRAP": "127.0.0.1:9092",
    "HADIR_TOKEN_PUBLIC_KEY_FILE": "key.pem",
}

NOBODY: set[str] = set()


@pytest.mark.parametrize(
    ("said", "trusted"),
    [
        (None, NOBODY),
        ("", NOBODY),
        ("/bench", {"/bench"}),
        (" /bench , https://bkn.example/siasn,", {"/bench", "https://bkn.example/siasn"}),
    ],
)
def test_trusted_sources_are_listed_with_commas(said: str | None, trusted: set[str]) -> None:
    given = ENVIRONMENT if said is None else {**ENVIRONMENT, "HADIR_TRUSTED_SOURCES": said}
    assert load("reporting", given).trusted_sources == trusted
