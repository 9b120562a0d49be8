"""A receipt is written in two ways, and signed so that anybody can tell whether it was altered."""

import datetime as dt
import json
from pathlib import Path
from typing import Any, get_args

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from services.attendance.domain.punches import Source, TimeTrust
from services.attendance.store.punches import PunchRow
from services.attendance.views.punches import PunchFacts, Receipt, receipt, signed
from shared.auth import TokenError, key_id
from shared.events import PunchKind, Zone
from shared.receipts import MEMBERS, ReceiptKeys, verify
from shared.signing import Unproven

INSTANTS = st.datetimes(timezones=st.just(dt.UTC))
"""What the clock says and what the database gives back are in UTC."""
ROWS = st.builds(
    PunchRow,
    punch_id=st.uuids(),
    employee_id=st.uuids(),
    opd_code=st.just("DISDUKCAPIL"),
    unit_id=st.just("disdukcapil.loket"),
    work_date=st.dates(),
    kind=st.sampled_from(get_args(PunchKind)),
    at=INSTANTS,
    received_at=INSTANTS,
    device_at=st.none(),
    zone=st.sampled_from(get_args(Zone)),
    source=st.sampled_from(get_args(Source)),
    flags=st.lists(st.text()),
    lat=st.none(),
    lon=st.none(),
    accuracy_m=st.none(),
    time_trust=st.sampled_from(get_args(TimeTrust)),
)
OLD, NEW = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
KEYS = ReceiptKeys(NEW.private_bytes_raw(), NEW.public_key(), OLD.public_key())
BEFORE = ReceiptKeys(OLD.private_bytes_raw(), OLD.public_key())
JWKS = json.dumps({"keys": KEYS.jwks()})

SOME = PunchRow(
    **{
        **dict.fromkeys(PunchRow.__struct_fields__),
        "punch_id": "5f0c4b2e-0000-4000-8000-000000000001",
        "work_date": "2025-11-06",
        "kind": "in",
        "at": "2025-11-06T00:25:00Z",
        "received_at": "2025-11-06T00:25:00Z",
        "zone": "office",
        "flags": [],
        "time_trust": "server",
    },  # pyright: ignore[reportArgumentType] - of a receipt only these are looked at
)


@given(ROWS)
def test_both_ways_write_the_same_bytes(row: PunchRow) -> None:
    unsigned = receipt(row, None)
    assert unsigned == Receipt.model_validate_json(unsigned).model_dump_json().encode()
    assert json.loads(unsigned)["signature"] is None
    told = receipt(row, KEYS)
    assert told == signed(row, KEYS).model_dump_json().encode() == receipt(row, KEYS)
    facts = PunchFacts.model_validate(row).model_dump_json()
    assert json.loads(told) == {**json.loads(facts), "signature": json.loads(told)["signature"]}


@given(ROWS)
def test_what_is_signed_is_the_canonical_json_of_all_else(row: PunchRow) -> None:
    told = json.loads(receipt(row, KEYS))
    signature = told.pop("signature")
    assert tuple(sorted(told)) == MEMBERS
    assert json.loads(KEYS.signature(rfc8785.dumps(told))) == signature
    assert signature["kid"] == key_id(NEW.public_key())
    assert verify(json.dumps({"signature": signature, **told}, indent=2), JWKS) == told


def test_receipts_of_an_earlier_key_stay_proven_while_its_public_half_is_given() -> None:
    told = receipt(SOME, BEFORE).decode()
    assert verify(told, JWKS)
    with pytest.raises(Unproven, match="a key that is not among those given"):
        verify(receipt(SOME, KEYS).decode(), json.dumps({"keys": BEFORE.jwks()}))


TOLD: dict[str, Any] = json.loads(receipt(SOME, KEYS))
ALTERED: dict[str, tuple[str, str]] = {
    "another time": (json.dumps({**TOLD, "at": "2025-11-06T00:20:00Z"}), "altered since"),
    "another place": (json.dumps({**TOLD, "zone": "remote"}), "altered since"),
    "a flag taken away": (json.dumps({**TOLD, "flags": ["late"]}), "altered since"),
    "another trust": (json.dumps({**TOLD, "time_trust": "verified"}), "altered since"),
    "no text": (json.dumps({**TOLD, "zone": "\ud800"}), "altered since"),
    "a member more": (json.dumps({**TOLD, "excused": True}), "added: excused"),
    "a member less": (json.dumps({k: v for k, v in TOLD.items() if k != "zone"}), "missing: zone"),
    "a member twice": ('{"at": "x", ' + json.dumps(TOLD)[1:], "twice"),
    "no signature": (json.dumps({**TOLD, "signature": None}), "not signed"),
    "a signature of nothing": (json.dumps({**TOLD, "signature": {}}), "not among those given"),
    "another signature": (
        json.dumps({**TOLD, "signature": {**TOLD["signature"], "value": "A" * 86}}),
        "altered since",
    ),
    "no base64url": (json.dumps({**TOLD, "signature": {**TOLD["signature"], "value": "é"}}), "base64url"),
    "no JSON": ("a receipt", "no JSON"),
    "a list": ("[]", "no JSON object"),
    "a tower": ("[" * 100_000, "no JSON"),
}


@pytest.mark.parametrize(("told", "why"), ALTERED.values(), ids=ALTERED)
def test_what_is_wrong_with_a_receipt_is_said(told: str, why: str) -> None:
    with pytest.raises(Unproven, match=why):
        verify(told, JWKS)


@pytest.mark.parametrize("jwks", ["", "[]", "{}", '{"keys": [{"kid": "x"}]}', JWKS.replace("Ed25519", "X25519")])
def test_keys_that_are_none_are_named(jwks: str) -> None:
    with pytest.raises(Unproven, match="file of keys"):
        verify(json.dumps(TOLD), jwks)


def test_a_key_file_holds_the_key_that_signs_and_public_ones_of_before(tmp_path: Path) -> None:
    file = tmp_path / "receipt-key.pem"
    private = NEW.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = OLD.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    file.write_bytes(private + public)
    assert ReceiptKeys.from_file(file).jwks() == KEYS.jwks()
    for wrong in (public, b"", private + b"-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----\n"):
        file.write_bytes(wrong)
        with pytest.raises(TokenError, match=r"receipt-key\.pem"):
            ReceiptKeys.from_file(file)
