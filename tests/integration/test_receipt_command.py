"""`hadir receipt verify`: a receipt is proven on any machine, with nothing but a file of keys."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.local.hosted import ensure_key
from deploy.local.state import State
from shared.receipts import ReceiptKeys

FACTS: dict[str, Any] = {
    "at": "2025-11-06T00:25:00Z",
    "flags": [],
    "kind": "in",
    "punch_id": "5f0c4b2e-0000-4000-8000-000000000001",
    "received_at": "2025-11-06T00:25:00Z",
    "time_trust": "server",
    "work_date": "2025-11-06",
    "zone": "office",
}


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReceiptKeys:
    monkeypatch.setenv("HADIR_STATE_DIR", str(tmp_path / "state"))
    state = State.from_environment()
    state.root.mkdir()
    ensure_key(state)
    assert state.receipt_key.stat().st_mode & 0o077 == 0
    return ReceiptKeys.from_file(state.receipt_key)


def verified(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["receipt", "verify", *map(str, arguments)])
    return result.exit_code, result.output


def test_a_receipt_is_proven_or_what_is_wrong_with_it_is_said(
    tmp_path: Path, keys: ReceiptKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature = json.loads(keys.signature(json.dumps(FACTS, separators=(",", ":")).encode()))
    receipt, jwks = tmp_path / "receipt.json", tmp_path / "keys.json"
    receipt.write_text(json.dumps({**FACTS, "signature": signature}, indent=2))
    jwks.write_text(json.dumps({"keys": keys.jwks()}))
    for given in ((), ("--keys", jwks)):
        code, said = verified(receipt, *given)
        assert code == 0
        assert "proven" in said
        assert 'zone: "office"' in said
    receipt.write_text(json.dumps({**FACTS, "zone": "remote", "signature": signature}))
    code, said = verified(receipt, "--keys", jwks)
    assert code == 1
    assert "altered since" in said
    jwks.write_text("{}")
    assert "file of keys" in verified(receipt, "--keys", jwks)[1]
    # In the container of a service its environment names the key, and no folder holds one.
    receipt.write_text(json.dumps({**FACTS, "signature": signature}))
    monkeypatch.setenv("HADIR_RECEIPT_KEY_FILE", str(State.from_environment().receipt_key))
    monkeypatch.setenv("HADIR_STATE_DIR", str(tmp_path / "nothing"))
    assert verified(receipt)[0] == 0
    monkeypatch.delenv("HADIR_RECEIPT_KEY_FILE")
    assert verified(receipt)[0] == 1
