"""What a pack is made of, hashed and signed, so that anybody can tell later whether it is what was handed out.

The id of a pack is the SHA-256 of its manifest without id and signature, in canonical JSON (RFC 8785): who has the
id has the hash of every byte. The signature is over the manifest with its id.
"""

import datetime as dt
import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared import base64url
from shared.proof_keys import ProofKeys, PublicKeys
from shared.signing import Unproven

NAME = "manifest.json"
MANIFEST_TYPE = "application/json"
FORMAT = "hadir-pack/1"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf",
    ".csv": "text/csv; charset=utf-8",
}


class PackFile(BaseModel):
    """One file of a pack; `bytes` is its length."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,79}$")
    media_type: str
    bytes: int
    sha256: str


class Signature(BaseModel):
    """Ed25519 in base64url, by the key that `kid` names."""

    model_config = ConfigDict(extra="forbid")

    kid: str
    value: str


class Manifest(BaseModel):
    """A pack's period, what its figures were computed from, its files, and the signature over all of that."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    format: Literal["hadir-pack/1"]
    pack_id: str
    first: dt.date = Field(alias="from")
    last: dt.date = Field(alias="to")
    as_of: dt.datetime
    facts_digest: str
    last_fact_at: dt.datetime | None
    rules_versions: list[str]
    policy_versions: list[str]
    files: list[PackFile]
    signature: Signature

    def written(self) -> bytes:
        """As the file of a pack has it, to be read by people, too."""
        return self.model_dump_json(by_alias=True, indent=1).encode() + b"\n"


def signed(basis: Mapping[str, Any], files: Mapping[str, bytes], keys: ProofKeys) -> Manifest:
    """The manifest of `files`; `basis` has its members from `from` to `policy_versions`, as JSON has them."""
    named = [
        {
            "name": name,
            "media_type": MEDIA_TYPES[Path(name).suffix],
            "bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        for name, body in sorted(files.items())
    ]
    body: dict[str, Any] = {"format": FORMAT, **basis, "files": named}
    body["pack_id"] = hashlib.sha256(rfc8785.dumps(body)).hexdigest()
    value = base64url.written(keys.sign(rfc8785.dumps(body)))
    return Manifest.model_validate({**body, "signature": {"kid": keys.kid, "value": value}})


def differences(manifest: bytes, files: Mapping[str, bytes], keys: PublicKeys) -> Sequence[str]:
    """What is not as it was signed, a line each, naming the file; nothing when all is."""
    try:
        said = Manifest.model_validate_json(manifest)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:3])
        return [f"{NAME}: it is no manifest of a pack: {wrong}"]
    found: list[str] = []
    body = said.model_dump(mode="json", by_alias=True, exclude={"signature"})
    try:
        value = urlsafe_b64decode(said.signature.value + "==")
        keys.verify(said.signature.kid, rfc8785.dumps(body), value)
    except (Unproven, ValueError) as error:
        found.append(f"{NAME}: {error}")
    pack_id = body.pop("pack_id")
    if hashlib.sha256(rfc8785.dumps(body)).hexdigest() != pack_id:
        found.append(f"{NAME}: pack_id is not the hash of what the manifest says")
    named = {one.name: one for one in said.files}
    for name, one in sorted(named.items()):
        if name not in files:
            found.append(f"{name}: missing")
        elif hashlib.sha256(files[name]).hexdigest() != one.sha256:
            found.append(f"{name}: altered; its SHA-256 is not the one that was signed")
    found += [f"{name}: not a file of this pack" for name in sorted(set(files) - set(named))]
    return found
