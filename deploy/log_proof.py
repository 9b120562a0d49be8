"""An answer of `/reporting/v1/log/proofs`, verified with nothing but the keys."""

import datetime as dt
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from services.reporting.domain.merkle import leaf_hash, proves_inclusion
from services.reporting.domain.transparency import (
    Checkpoint,
    Encoding,
    LogName,
    Written,
    entry_of,
    read_again,
)
from shared.proof_keys import PublicKeys
from shared.receipts import MEMBERS
from shared.signing import Unproven


class _Header(Struct):
    name: str
    value: str | None


class _ProvenRecord(Struct):
    offset: int
    encoding: Encoding
    key: str | None
    value: str | None
    headers: list[_Header]


class _Proof(Struct):
    """An answer of `/reporting/v1/log/proofs`."""

    log: str
    index: int
    size: int
    leaf_hash: str
    path: list[str]
    checkpoint: str
    record: _ProvenRecord


class Proven(NamedTuple):
    """A record that is in the tree of a checkpoint, and where."""

    log: LogName
    place: int
    checkpoint: Checkpoint
    value: Mapping[str, Any]


def prove(answer: str, keys: PublicKeys) -> Proven:
    """Verify an answer of `/reporting/v1/log/proofs`, with nothing but the keys. Raises Unproven that says why."""
    try:
        proof = msgspec.json.decode(answer, type=_Proof)
        log, given = LogName.of(proof.log), proof.record
        headers = [(header.name, header.value) for header in given.headers]
        key, value, read = read_again(Written(given.encoding, given.key, given.value, headers))
        path = [b64decode(step, validate=True) for step in proof.path]
        origin = proof.checkpoint.partition("\n")[0]
        checkpoint = Checkpoint.of(keys.opened(proof.checkpoint, origin))
        said: Mapping[str, Any] = msgspec.json.decode(value or b"{}", type=dict[str, Any])
    except (ValueError, msgspec.MsgspecError) as error:
        raise Unproven(f"it is no answer of /reporting/v1/log/proofs: {error}") from error
    if not origin.endswith(f"/{log}") or checkpoint.size != proof.size:
        raise Unproven("its checkpoint is of another log, or of another size")
    if not proves_inclusion(leaf_hash(entry_of(key, value, read)), proof.index, proof.size, path, checkpoint.root):
        raise Unproven("the record is not in the tree of the checkpoint: it, its place or the path was altered")
    return Proven(log, proof.index, checkpoint, said)


def same_punch(proven: Proven, receipt: Mapping[str, Any]) -> list[str]:
    """In what a receipt says otherwise than the record that is proven; empty where it says the same."""
    return [name for name in MEMBERS if not _alike(receipt.get(name), proven.value.get(name, _ABSENT.get(name)))]


_ABSENT = {"time_trust": "server"}


def _alike(one: object, other: object) -> bool:
    if isinstance(one, str) and isinstance(other, str) and one != other and "T" in one:
        with suppress(ValueError):
            return dt.datetime.fromisoformat(one) == dt.datetime.fromisoformat(other)
    return one == other
