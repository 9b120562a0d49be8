"""The apps of the demonstration wait as long as they are asked to, and send the same again."""

import pytest

from deploy.demo.client import retry_after_s


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("2", 2.0),
        ("0", 0.0),
        ("120", 30.0),
        ("", 0.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("-1", 0.0),
        ("٢", 0.0),
    ],
)
def test_retry_after_is_read_in_seconds_and_never_without_end(given: str, seconds: float) -> None:
    assert retry_after_s(given) == seconds
