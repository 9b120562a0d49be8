"""The log's trees: what following a record costs, what its tree takes on disk, how long it takes to verify it all.

Check-ins as attendance writes them, in Kafka, compressed by lz4 so that ten million fit; `HADIR_LOG_RECORDS` takes
another number. One follower, one verifier, each a process on one core, without rests. The figure of ten million is
their time per record, so many times.
"""

import datetime as dt
import json
import os
import time
from collections.abc import Sequence
from uuid import UUID, uuid4

from confluent_kafka import Producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.builds import this_build
from bench.harness import Figures, console, machine
from deploy.logbook import FromKafka, Noted, verify
from services.reporting.commands import transparency
from services.reporting.store import transparency as store
from shared.database import Database
from shared.events import AttendanceRecorded, Message, encode, source_of
from shared.proof_keys import ProofKeys, PublicKeys

RECORDS = int(os.environ.get("HADIR_LOG_RECORDS", "10000000"))
TEN_MILLION = 10_000_000
_PEOPLE = 24_000
_AT = dt.datetime(2025, 11, 6, 0, 25, tzinfo=dt.UTC)


def _messages() -> list[Message]:
    """One check-in of each of the city's people."""
    source = source_of("attendance")
    made = list[Message]()
    for number in range(_PEOPLE):
        event = AttendanceRecorded(
            punch_id=uuid4(),
            employee_id=UUID(int=number),
            opd_code="3275.DUKCAPIL",
            unit_id="DUKCAPIL-L1",
            work_date=_AT.date(),
            kind="in",
            at=_AT,
            received_at=_AT,
            zone="office",
            source="app",
        )
        trace = f"00-{uuid4().hex}-{uuid4().hex[:16]}-01"
        made.append(encode(event, id=uuid4(), time=_AT, source=source, traceparent=trace))
    return made


def _fill(kafka: str, messages: Sequence[Message], count: int) -> None:
    producer = Producer(
        {
            "bootstrap.servers": kafka,
            "linger.ms": 50,
            "compression.type": "lz4",
            "queue.buffering.max.kbytes": 65536,
        }
    )
    for number in range(count):
        one = messages[number % len(messages)]
        while True:
            try:
                producer.produce(one.topic, one.value, one.key, headers=list(one.headers))
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1000 == 0:
            producer.poll(0)
    if left := producer.flush(120):
        raise RuntimeError(f"{left} records were not written")


async def measure(figures: Figures) -> None:
    """Write the records, follow them, sign, and verify."""
    keys = ProofKeys(Ed25519PrivateKey.generate())
    topic = AttendanceRecorded.topic
    async with machine() as here:
        console.print(f"  writing {RECORDS:,} records")
        _fill(here.kafka, _messages(), RECORDS)
        url = await here.database("bench_log")
        await this_build().migrate(url, "reporting")
        db = Database(url)
        client = {"bootstrap_servers": here.kafka}
        try:
            began = time.perf_counter()
            taken = await transparency.grow(db, client, [topic], _AT, rest=0)
            figures.add("log_follow_us", [(time.perf_counter() - began) / taken * 1e6])
            await transparency.sign(db, keys, "hadir.bench", _AT)
            async with db.read() as tx:
                size = await tx.connection.fetchval("select pg_total_relation_size('log_tile')")
                signed = await store.checkpoints(tx, None, None, None, 1000)
        finally:
            await db.close()
        figures.add("log_tree_bytes", [size / taken])
        public = PublicKeys.of(json.dumps({"keys": keys.jwks()}))
        kept = [Noted(one.log, one.note, "bench") for one in signed]
        began, used = time.perf_counter(), time.process_time()
        told = await verify(FromKafka(client, [topic]), public, kept=kept)
        seconds = time.perf_counter() - began
        if told.findings or told.bound != taken:
            raise RuntimeError(f"the log is not what was signed: {told.findings[:3]}")
        figures.add("log_verify_us", [seconds / taken * 1e6])
        figures.add("log_verify_cpu_us", [(time.process_time() - used) / taken * 1e6])
        figures.add("log_verify_ten_million_s", [seconds / taken * TEN_MILLION])
