"""The broker as docker-compose.yml configures it: who may do what is what the table says."""

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from tests.kit.secured import Secured

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_service_writes_its_own_topics_and_reads_what_it_declares(secured: Secured) -> None:
    await secured.write("scheduling", "schedule.changed.v1")
    await secured.write("reporting", "coverage.changed.v1")
    assert await secured.read("notifications", "schedule.changed.v1", "notifications.facts") == b"{}"
    await secured.write("notifications", "schedule.changed.v1.dead")


@pytest.mark.fault(39)
async def test_a_wrong_password_and_no_password_are_refused(secured: Secured) -> None:
    for client in (
        secured.client("notifications", "wrong"),
        secured.client("notifications", "wrong", outside=True),
        {"bootstrap_servers": secured.bootstrap},
        {"bootstrap_servers": secured.outside},
    ):
        producer = AIOKafkaProducer(**client, request_timeout_ms=3000)
        with pytest.raises(KafkaConnectionError):
            await producer.start()
        await producer.stop()
