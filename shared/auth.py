"""Who calls, and what they may do. Tokens are JWTs (RFC 8725, RFC 9068) signed with Ed25519."""

import hashlib
import json
import re
import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Protocol
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from fastapi import Depends, Request
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from starlette.requests import cookie_parser
from starlette.types import Scope
from typing_extensions import TypedDict

from shared import base64url
from shared.access import ROLES, Permission, Principal, Role, employee_of
from shared.events.base import UUID as ExactUUID
from shared.http import Problem
from shared.refusals import Forbidden

ISSUER = "hadir"
AUDIENCE = "hadir"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - the media type of RFC 9068
COOKIE = "hadir_session"
REMEMBERED_TOKENS = 50_000
REMEMBERED_HEADERS = 16
"""Of signed tokens, so only who has a key of ours can make one; `sign` makes one for each key."""

LEEWAY_S = 60.0
"""Seconds by which the clock of whoever signs may differ from ours."""

MOST_TTL_S = 30 * 24 * 3600
"""The longest life of a token that we sign: who has left is out after it at the latest."""


class TokenError(ValueError):
    """The token cannot be trusted."""


@with_config(ConfigDict(extra="forbid", strict=True))
class _Plain(TypedDict):
    """The claims as `sign` writes them, and no others."""

    role: Role
    iss: Literal["hadir"]
    aud: Literal["hadir"]
    iat: Annotated[int, Field(le=2**53)]
    exp: Annotated[int, Field(le=2**53)]
    sub: NotRequired[ExactUUID]
    opd: NotRequired[str]


_PLAIN = TypeAdapter(_Plain)


class Authenticator:
    """Verifies tokens by one of our own keys. Only EdDSA is accepted; a key inside a token is never used.

    A token's `kid` chooses among our keys; one without is tried with each. Two keys at a time let the signing key
    change while tokens of the old one are still about.

    At 07:30 each request brings a token that was never seen before. The header of all that one key signs is the
    same text, so it is judged once; a token that begins like one already believed, is signed by the same key and
    says what `sign` says is believed at once. Whatever else there is in it is for PyJWT to judge.
    """

    def __init__(self, *public_keys: Ed25519PublicKey) -> None:
        self._keys = {key_id(key): key for key in public_keys}
        self._headers: dict[str, VerifyKey] = {}
        self._verified: OrderedDict[str, Principal] = OrderedDict()

    @classmethod
    def from_file(cls, path: Path) -> "Authenticator":
        """From a PEM file with one or more public keys, one after the other, or a folder of such files.

        Raises TokenError that names the file.
        """
        files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
        keys = [public_key(block, file) for file in files for block in PEM.findall(file.read_bytes())]
        if not keys:
            raise TokenError(f"{path}: no public key in PEM is there; put one there, or make it with `hadir up`")
        return cls(*keys)

    def believes(self, key: Ed25519PrivateKey) -> bool:
        """Whether what is signed with `key` is believed here."""
        return key_id(key.public_key()) in self._keys

    def verify(self, token: str) -> Principal:
        """The caller that `token` stands for. Raises TokenError."""
        known = self._verified.get(token)
        if known is not None and known.expires > time.time():
            return known
        principal = self._plainly(token) or self._at_length(token)
        self._verified[token] = principal
        if len(self._verified) > REMEMBERED_TOKENS:
            self._verified.popitem(last=False)
        return principal

    def _plainly(self, token: str) -> Principal | None:
        """The caller, where the token is of the kind that was believed before; None where PyJWT must judge it.

        Raises TokenError where it begins like one of ours and is not signed by the key that it names.
        """
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        key = self._headers.get(header)
        if key is None:
            return None
        try:
            key.verify(signed.encode("ascii"), _segment(signature))
            claims = _PLAIN.validate_json(_segment(payload))
        except BadSignatureError as error:
            raise TokenError("not signed by the key that it names") from error
        except (ValidationError, ValueError):
            return None
        now = time.time()
        if claims["exp"] <= now - LEEWAY_S or claims["iat"] > now + LEEWAY_S:
            return None
        return Principal(claims.get("sub"), claims["role"], claims.get("opd") or None, claims["exp"] + LEEWAY_S)

    def _at_length(self, token: str) -> Principal:
        """The caller, by PyJWT's judgement. Raises TokenError that names what is wrong."""
        try:
            # One reading for both: what the header says counts only once the signature has been checked.
            decoded = self._decoded(token)
            if decoded["header"].get("typ") != TOKEN_TYPE:
                raise TokenError(f"typ is not {TOKEN_TYPE}")
            claims: dict[str, Any] = decoded["payload"]
            role = claims.get("role")
            if role not in ROLES:
                raise TokenError("role is not one of " + ", ".join(ROLES))
            subject, opd = claims.get("sub"), claims.get("opd")
            principal = Principal(
                UUID(subject) if subject else None,
                role,
                str(opd) if opd else None,
                float(claims["exp"]) + LEEWAY_S,
            )
        except (jwt.PyJWTError, ValueError, AttributeError) as error:
            raise TokenError(str(error)) from error
        named = decoded["header"].get("kid")
        if named is not None and len(self._headers) < REMEMBERED_HEADERS:
            self._headers[token.partition(".")[0]] = VerifyKey(self._keys[named].public_bytes_raw())
        return principal

    def _decoded(self, token: str) -> dict[str, Any]:
        named = jwt.get_unverified_header(token).get("kid")
        if named is not None and named not in self._keys:
            raise TokenError("signed by a key that is not ours any more")
        keys = list(self._keys.values()) if named is None else [self._keys[named]]
        for key in keys:
            try:
                return jwt.decode_complete(
                    token,
                    key,
                    algorithms=["EdDSA"],
                    issuer=ISSUER,
                    audience=AUDIENCE,
                    leeway=LEEWAY_S,
                    options={"require": ["exp", "iss", "aud"]},
                )
            except jwt.InvalidSignatureError:
                continue
        raise TokenError("not signed by a key of ours")


def _segment(text: str) -> bytes:
    """The bytes of one segment of a token. Raises ValueError for any but their one spelling (RFC 7515, 2)."""
    decoded = urlsafe_b64decode(text + "==")
    if base64url.written(decoded) != text:
        raise ValueError("not base64url in its one spelling")
    return decoded


PEM = re.compile(rb"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----\s*", re.DOTALL)


def public_key(block: bytes, file: Path) -> Ed25519PublicKey:
    """The key of one block in PEM. Raises TokenError that names the file."""
    try:
        key = load_pem_public_key(block)
    except ValueError as error:
        raise TokenError(f"{file}: not a public key in PEM: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise TokenError(f"{file}: not an Ed25519 public key in PEM; make one with `hadir up`")
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """The `kid` of a key: its JWK thumbprint (RFC 7638, RFC 8037 appendix A.3)."""
    members = json.dumps(jwk(key), sort_keys=True, separators=(",", ":"))
    return base64url.written(hashlib.sha256(members.encode()).digest())


def jwk(key: Ed25519PublicKey) -> dict[str, str]:
    """What a JWK has to say of a key (RFC 8037)."""
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url.written(key.public_bytes_raw())}


def sign(
    private_key: Ed25519PrivateKey,
    *,
    role: Role,
    subject: UUID | None = None,
    opd: str | None = None,
    ttl_s: float = 12 * 3600,
) -> str:
    """A token that expires `ttl_s` wall seconds from now. Raises TokenError for a longer life than MOST_TTL_S."""
    if ttl_s > MOST_TTL_S:
        raise TokenError(f"a token lives at most {MOST_TTL_S} seconds (30 days)")
    return sign_until(private_key, int(time.time() + ttl_s), role=role, subject=subject, opd=opd)


def sign_until(
    private_key: Ed25519PrivateKey, expires: int, *, role: Role, subject: UUID | None, opd: str | None
) -> str:
    """A token that expires at `expires`, in Unix seconds."""
    claims: dict[str, Any] = {
        "role": role,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": int(time.time()),
        "exp": expires,
    }
    if subject is not None:
        claims["sub"] = str(subject)
    if opd is not None:
        claims["opd"] = opd
    return jwt.encode(
        claims,
        private_key,
        algorithm="EdDSA",
        headers={"typ": TOKEN_TYPE, "kid": key_id(private_key.public_key())},
    )


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """A key to sign tokens with. Raises TokenError that names the file where it holds none."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:  # TypeError: it is closed by a password
        raise TokenError(f"{path}: no private key in PEM can be read from it: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise TokenError(f"{path}: not an Ed25519 private key in PEM")
    return key


def session_key(path: Path | None, authenticator: Authenticator) -> Ed25519PrivateKey | None:
    """The key that a board signs the tokens of its sessions with, if it has one.

    Raises TokenError for a key whose tokens the services would not believe.
    """
    if path is None:
        return None
    key = load_private_key(path)
    if not authenticator.believes(key):
        raise TokenError(f"{path}: add its public key to those of HADIR_TOKEN_PUBLIC_KEY_FILE, of every service")
    return key


def credentials_of(scope: Scope) -> tuple[str, str]:
    """(bearer token, session cookie) that a request brings, each empty if there is none.

    Who sends an Authorization header wants to be known by that alone.
    """
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    given = next((value.decode("latin-1") for name, value in headers if name == b"authorization"), None)
    if given is not None:
        scheme, _, token = given.partition(" ")
        return (token.strip() if scheme.lower() == "bearer" else ""), ""
    cookies = "; ".join(value.decode("latin-1") for name, value in headers if name == b"cookie")
    return "", cookie_parser(cookies).get(COOKIE, "") if cookies else ""


class SessionStore(Protocol):
    """The browser sessions of a service that has a board; `app.state.sessions`."""

    async def holder(self, session: str) -> Principal | None:
        """Whose session it is; None once it has ended."""
        ...


async def bearer(request: Request) -> Principal:
    """FastAPI dependency: the caller, from the bearer header alone; 401 otherwise."""
    token, _ = credentials_of(request.scope)
    if not token:
        raise Problem(401, "auth.missing", headers={"WWW-Authenticate": "Bearer"})
    authenticator: Authenticator = request.app.state.authenticator
    try:
        return authenticator.verify(token)
    except TokenError as error:
        raise Problem(401, "auth.invalid", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}) from error


Bearer = Annotated[Principal, Depends(bearer)]


async def holder_of(request: Request) -> Principal | None:
    """Whose browser session this request brings; None for no session, or one that has ended."""
    sessions: SessionStore | None = getattr(request.app.state, "sessions", None)
    if sessions is None:
        return None
    _, session = credentials_of(request.scope)
    return await sessions.holder(session) if session else None


RECOGNISED = "recognised"
"""The place in a request's state for the `person_key` of whoever a door has recognised."""


def person_key(who: Principal) -> str:
    """One key for everything that a person asks for, whatever token or session they ask with."""
    return f"person {who.subject}"


async def session_holder(request: Request) -> Principal:
    """FastAPI dependency: whose browser session this is; 401 for a request without one, whatever its token."""
    who = await holder_of(request)
    if who is None:
        raise Problem(401, "auth.no_session", headers={"WWW-Authenticate": "Bearer"})
    if who.subject is not None:
        request.scope["state"][RECOGNISED] = person_key(who)
    return who


BySession = Annotated[Principal, Depends(session_holder)]


async def principal(request: Request) -> Principal:
    """FastAPI dependency: the caller, from the bearer header or, for reading, the session cookie; 401 otherwise.

    Two rules of every writing door stand here, so that none can be without them. A browser sends its cookie along
    whoever had it make the request, so a cookie changes nothing. Every change is some person's, not an office's.
    """
    who = await asker(request)
    if not _reads(request) and who.subject is None:
        raise Forbidden("auth.needs_person", params={"role": who.role})
    return who


Caller = Annotated[Principal, Depends(principal)]


async def asker(request: Request) -> Principal:
    """FastAPI dependency: as `principal`, for a door that is asked by another method than GET and changes nothing
    of the city: an office may ask it."""
    by_session = await holder_of(request)
    who = by_session or await bearer(request)
    if not _reads(request) and by_session is not None:
        raise Forbidden("auth.session_reads")
    if who.subject is not None:
        request.scope["state"][RECOGNISED] = person_key(who)
    return who


def _reads(request: Request) -> bool:
    return request.method in ("GET", "HEAD")


def require(permission: Permission) -> Callable[[Principal], Awaitable[Principal]]:
    """FastAPI dependency: the caller, if their role has `permission`; 403 otherwise."""

    async def check(who: Caller) -> Principal:
        return permitted(permission, who)

    return check


def require_asker(permission: Permission) -> Callable[[Principal], Awaitable[Principal]]:
    """FastAPI dependency: the same of an `asker`."""

    async def check(who: Annotated[Principal, Depends(asker)]) -> Principal:
        return permitted(permission, who)

    return check


def permitted(permission: Permission, who: Principal) -> Principal:
    if who.role not in permission:
        raise Forbidden("auth.forbidden", params={"role": who.role, "allowed": ", ".join(permission)})
    return who


async def employee(who: Caller) -> UUID:
    """FastAPI dependency: the calling employee's id, whatever their role."""
    return employee_of(who)


Employee = Annotated[UUID, Depends(employee)]
