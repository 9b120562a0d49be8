"""What a webhook is made of, and what an answer to one means."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import socket
from collections.abc import Collection
from email.utils import format_datetime
from uuid import UUID, uuid4

import pytest

from services.notifications.channels.calling import NotAdmitted, judged
from services.notifications.channels.webhook import outcome_of
from services.notifications.domain import webhooks
from services.notifications.domain.receivers import Guard
from services.notifications.domain.rules import shipped
from services.notifications.domain.subscriptions import kinds_outside

OLD, NEW = b"a" * 32, b"b" * 32
WIB = dt.timezone(dt.timedelta(hours=7))


def test_a_request_is_signed_as_the_specification_has_it() -> None:
    """Its own example: https://github.com/standard-webhooks/standard-webhooks, libraries/python tests."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    made = webhooks.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, [secret])
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_secret_signs_the_same_bytes() -> None:
    message_id, body = str(UUID(int=7)), b'{"type":"test"}'
    made = webhooks.headers(message_id, 1_762_400_000.9, body, [OLD, NEW])
    said = f"{message_id}.1762400000.".encode() + body
    for secret, signature in zip((OLD, NEW), made["webhook-signature"].split(" "), strict=True):
        version, _, text = signature.partition(",")
        assert version == "v1"
        assert base64.b64decode(text) == hmac.digest(secret, said, hashlib.sha256)
    assert (made["webhook-id"], made["webhook-timestamp"]) == (message_id, "1762400000")


def test_a_secret_is_written_as_libraries_read_it() -> None:
    text = webhooks.written(OLD)
    assert text.startswith("whsec_")
    assert base64.b64decode(text.removeprefix("whsec_"), validate=True) == OLD
    assert 24 <= len(OLD) <= 64


def test_each_subscription_and_each_secret_has_its_own_name() -> None:
    first, second, third = uuid4(), uuid4(), uuid4()
    names = {webhooks.name_of(one, other) for one in (first, second) for other in (first, second, third)}
    assert len(names) == 6


def test_a_body_has_the_same_bytes_each_time_and_its_instant_in_utc() -> None:
    at = dt.datetime(2025, 11, 6, 7, 10, tzinfo=WIB)
    made = webhooks.body("counter.short", at, {"title": "Loket – kurang"})
    assert made == webhooks.body("counter.short", at.astimezone(dt.UTC), {"title": "Loket – kurang"})
    assert json.loads(made)["timestamp"] == "2025-11-06T00:10:00Z"


@pytest.mark.parametrize(
    ("status", "attempt", "became", "away"),
    [
        (200, 1, "delivered", False),
        (204, 1, "delivered", False),
        (301, 1, "refused", False),
        (302, 1, "refused", False),
        (307, 1, "refused", False),
        (304, 1, "refused", False),
        (400, 1, "later", False),
        (404, 4, "later", False),
        (404, 5, "refused", False),
        (401, 5, "refused", False),
        (410, 1, "refused", False),
        (429, 50, "later", False),
        (408, 50, "later", False),
        (500, 50, "later", False),
        (502, 50, "later", True),
        (503, 50, "later", True),
        (599, 50, "later", False),
    ],
)
def test_what_a_status_means(status: int, attempt: int, became: str, away: bool) -> None:
    outcome = outcome_of(status, None, attempt)
    assert (outcome.became, outcome.away) == (became, away)
    assert outcome.error == (None if became == "delivered" else f"status {status}")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("999999999999999999", 6 * 3600),
        ("soon", None),
        ("-5", None),
        ("１２", None),
        ("1.5", None),
    ],
)
def test_how_long_a_receiver_asks_to_be_left_alone(said: str, seconds: int | None) -> None:
    wait = outcome_of(429, said, 1).retry_after
    assert wait == (None if seconds is None else dt.timedelta(seconds=seconds))


def test_a_receiver_may_name_a_date() -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10)
    wait = outcome_of(503, format_datetime(soon, usegmt=True), 1).retry_after
    assert wait is not None
    assert dt.timedelta(minutes=9) < wait <= dt.timedelta(minutes=10)
    assert outcome_of(503, "Thu, 06 Nov 2025 07:10:00 GMT", 1).retry_after == dt.timedelta()


async def test_every_address_of_a_name_is_judged() -> None:
    async def mixed(host: str, port: int) -> Collection[str]:
        return ["93.184.216.34", "10.0.0.1"]

    async def public(host: str, port: int) -> Collection[str]:
        return ["93.184.216.34", "2600::1", "93.184.216.34"]

    async def nothing(host: str, port: int) -> Collection[str]:
        return []

    assert await judged(Guard(), public, "contoh.example", 443) == ["93.184.216.34", "2600::1"]
    with pytest.raises(NotAdmitted):
        await judged(Guard(), mixed, "contoh.example", 443)
    with pytest.raises(socket.gaierror):
        await judged(Guard(), nothing, "contoh.example", 443)
    with pytest.raises(NotAdmitted):
        await judged(Guard(), public, "127.0.0.1", 443)


def test_a_subscriber_is_told_what_a_rule_gives_subscribers() -> None:
    outside = kinds_outside(shipped())
    assert {"counter.short", "counter.met", "outage.declared", "digest.council"} <= outside
    assert not {"report.returned", "duty.not_met", "counter.call"} & outside
