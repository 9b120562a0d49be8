"""Tokens: two clocks differ a little, two keys hold at a time, and none lives for ever."""

import base64
import hmac
import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.access import Principal
from shared.auth import LEEWAY_S, MOST_TTL_S, Authenticator, TokenError, key_id, sign

OLD, NEW, FOREIGN = (Ed25519PrivateKey.generate() for _ in range(3))


def pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def token(key: Ed25519PrivateKey = OLD, *, kid: str | None = None, **claims: Any) -> str:
    now = int(time.time())
    body = {"role": "staff", "iss": "hadir", "aud": "hadir", "iat": now, "exp": now + 600, **claims}
    headers = {"typ": "at+jwt", **({"kid": kid} if kid else {})}
    return jwt.encode(body, key, algorithm="EdDSA", headers=headers)


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_signer_whose_clock_is_a_little_ahead_is_believed(claim: str) -> None:
    authenticator = Authenticator(OLD.public_key())
    assert authenticator.verify(token(OLD, kid=None, **{claim: int(time.time()) + 55})).role == "staff"
    with pytest.raises(TokenError):
        authenticator.verify(token(OLD, kid=None, **{claim: int(time.time()) + 70}))


def test_a_token_is_good_until_a_little_after_its_end() -> None:
    authenticator = Authenticator(OLD.public_key())
    assert authenticator.verify(token(exp=int(time.time()) - 55)).expires > time.time()
    with pytest.raises(TokenError):
        authenticator.verify(token(exp=int(time.time() - LEEWAY_S - 5)))


@pytest.mark.parametrize("as_folder", [False, True])
@pytest.mark.fault(34)
def test_two_keys_hold_at_once_and_a_third_does_not(tmp_path: Path, as_folder: bool) -> None:
    if as_folder:
        (tmp_path / "2025.pem").write_bytes(pem(OLD))
        (tmp_path / "2026.pem").write_bytes(pem(NEW))
        path = tmp_path
    else:
        path = tmp_path / "keys.pem"
        path.write_bytes(pem(OLD) + b"\n" + pem(NEW))
    authenticator = Authenticator.from_file(path)
    for key in (OLD, NEW):
        assert authenticator.verify(token(key)).role == "staff"
        assert authenticator.verify(sign(key, role="staff")).role == "staff"
    for key, kid in ((FOREIGN, None), (FOREIGN, key_id(OLD.public_key())), (OLD, key_id(FOREIGN.public_key()))):
        with pytest.raises(TokenError):
            authenticator.verify(token(key, kid=kid))


def test_a_key_that_is_taken_away_opens_nothing_any_more(tmp_path: Path) -> None:
    (tmp_path / "keys.pem").write_bytes(pem(NEW))
    with pytest.raises(TokenError):
        Authenticator.from_file(tmp_path / "keys.pem").verify(sign(OLD, role="staff"))


@pytest.mark.parametrize("content", [b"", b"nonsense", pem(OLD)[:80]], ids=["empty", "nonsense", "cut off"])
def test_a_file_without_a_key_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.pem"
    path.write_bytes(content)
    with pytest.raises(TokenError, match=r"keys\.pem"):
        Authenticator.from_file(path)


def test_no_token_is_signed_for_longer_than_the_most() -> None:
    with pytest.raises(TokenError, match="30 days"):
        sign(OLD, role="staff", ttl_s=MOST_TTL_S + 1)
    assert sign(OLD, role="staff", ttl_s=MOST_TTL_S)


def test_a_hostile_header_is_a_bad_token_and_no_crash() -> None:
    authenticator = Authenticator(OLD.public_key())
    for text in ("", "a", "a.b.c", "é.é.é", token() + "x", "x" * 9000, ".".join(["e30"] * 3)):
        with pytest.raises(TokenError):
            authenticator.verify(text)
    with pytest.raises(TokenError):
        authenticator.verify(jwt.encode({"role": "staff"}, "secret-" * 8, algorithm="HS256", headers={"kid": "x"}))


def unsigned(algorithm: str, signature: bytes = b"") -> str:
    """Claims that would be good, under a header that says how they are signed."""
    claims = jwt.decode(token(), options={"verify_signature": False})
    parts = [json.dumps(part).encode() for part in ({"alg": algorithm, "typ": "at+jwt"}, claims)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    if algorithm == "HS256":
        signature = hmac.digest(pem(OLD), signed, "sha256")
    return b".".join([signed, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


@pytest.mark.fault(34)
def test_no_trick_with_a_token_opens_anything() -> None:
    """Keys come from a file and are asked for nowhere: a thousand unknown names of keys cost a look each."""
    authenticator = Authenticator(OLD.public_key())
    assert judged(authenticator, token()) is not None
    tricks = [unsigned("none"), unsigned("None"), unsigned("HS256"), unsigned("EdDSA")]
    tricks += [token(aud="other"), token(iss="other"), token(exp=int(time.time()) - 3600), token(FOREIGN)]
    tricks += [token(FOREIGN, kid=f"unknown-{number}") for number in range(1000)]
    assert [trick for trick in tricks if judged(authenticator, trick) is not None] == []
    assert judged(authenticator, token()) is not None


PERSON = UUID("5f0c1f0e-6a39-4c0b-9d3e-8f0a52c7be11")
"""The same in every process: claims of it name tests."""
ODD_CLAIMS: list[dict[str, Any]] = [
    {},
    {"sub": str(PERSON)},
    {"sub": str(PERSON).upper()},
    {"sub": "{" + str(PERSON) + "}"},
    {"sub": ""},
    {"sub": "nobody"},
    {"sub": 7},
    {"sub": None},
    {"opd": "4.01"},
    {"opd": ""},
    {"opd": 4},
    {"role": "mayor"},
    {"role": None},
    {"iss": "other"},
    {"aud": "other"},
    {"aud": ["other", "hadir"]},
    {"aud": []},
    {"exp": 0},
    {"exp": "soon"},
    {"exp": None},
    {"exp": True},
    {"exp": 2**62},
    {"iat": 2**52},
    {"iat": "now"},
    {"nbf": 2**52},
    {"nbf": 0},
    {"jti": "1"},
    {"jti": 1},
    {"colour": "red"},
]


def judged(authenticator: Authenticator, text: str) -> Principal | None:
    try:
        return authenticator.verify(text)
    except TokenError:
        return None


@pytest.mark.parametrize("claims", ODD_CLAIMS, ids=str)
@pytest.mark.parametrize("key", [OLD, NEW, FOREIGN], ids=["ours", "ours too", "not ours"])
@pytest.mark.parametrize("named", [True, False])
def test_a_token_is_judged_the_same_whether_or_not_one_like_it_was_seen(
    claims: dict[str, Any], key: Ed25519PrivateKey, named: bool
) -> None:
    fresh, used = (Authenticator(OLD.public_key(), NEW.public_key()) for _ in range(2))
    for known in (OLD, NEW):
        used.verify(sign(known, role="staff", subject=PERSON))
        used.verify(token(known, kid=key_id(known.public_key())))
    text = token(key, kid=key_id(key.public_key()) if named else None, **claims)
    assert judged(used, text) == judged(fresh, text)


def test_no_other_spelling_of_a_token_is_taken_because_its_header_is_known() -> None:
    authenticator = Authenticator(OLD.public_key())
    good = [sign(OLD, role="staff", subject=uuid4()) for _ in range(2)]
    authenticator.verify(good[0])
    signed, _, signature = good[1].rpartition(".")
    last = signature[-1]
    twin = chr(ord(last) + 1)  # of the last character only two bits of six say something
    header, _, payload = signed.partition(".")
    for text in (
        f"{signed}.{signature[:-1]}{twin}",
        f"{signed}.{signature}=",
        f"{signed}.{signature}==",
        f"{signed}.{signature[:5]}\n{signature[5:]}",
        f"{signed}.{signature[:5]}!{signature[5:]}",
        f"{signed}.",
        f"{header}..{signature}",
        f"{header}.{payload}.{payload}.{signature}",
        f"{header}.{signature}",
        f"{signed}.{good[0].rpartition('.')[2]}",
    ):
        assert judged(authenticator, text) == judged(Authenticator(OLD.public_key()), text)
    assert judged(authenticator, good[1]) is not None
