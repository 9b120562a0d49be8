"""Sign-in by a provider of OpenID Connect: authorization code with PKCE (OIDC Core 1.0, RFC 7636, RFC 9207).

Knows no role and no page. What is allowed is said here: a provider's metadata name its addresses and nothing more.
"""

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast
from urllib.parse import quote, urlencode, urlsplit

import jwt
from pydantic import BaseModel, ValidationError

from shared import base64url
from shared.auth import LEEWAY_S

if TYPE_CHECKING:
    import httpx  # a service without a provider never loads it

log = logging.getLogger(__name__)

ALGORITHMS: Mapping[str, str] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
"""How an id_token may be signed, and the kind of key that each takes. No shared secret, and never `none`."""

TIMEOUT_S = 10.0
KEPT_S = 3600.0
"""So long the provider's metadata and keys are kept: a key that it takes back is believed no longer than this."""

ASKED_AGAIN_S = 30.0
"""How often a key that we do not know may make us ask for the provider's keys anew."""

Why = Literal["away", "settings", "used", "untrue", "clock", "weak"]


class SignOnError(Exception):
    """The provider signs nobody in now. `why` is for whoever waits at the browser, the text for the operators.

    away: it does not answer. settings: it and we do not agree who we are. used: the code was used before, or is
    too old. untrue: what it says cannot be believed. clock: its clock and ours differ. weak: the person has not
    proved themselves as strongly, or as recently, as is demanded.
    """

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(f"{why}: {detail}")
        self.why: Why = why


class Client(NamedTuple):
    """Who we are to the provider, and what we ask of it."""

    issuer: str
    client_id: str
    client_secret: str | None
    """None for a public client."""

    redirect_uri: str
    scope: str = "openid"
    acr_values: tuple[str, ...] = ()
    """The classes of authentication that are asked for, one of which it must have been."""

    max_age_s: int | None = None
    """A sign-in at the provider that is older than this is no good."""


class Attempt(NamedTuple):
    """What binds one sign-in to the browser that began it: all of it follows from the secret in its cookie.

    So nothing is kept here, and whoever begins sign-ins by the thousand fills no table.
    """

    state: str
    nonce: str
    verifier: str

    @classmethod
    def of(cls, secret: str) -> "Attempt":
        return cls(
            *(base64url.written(hmac.digest(secret.encode(), name.encode(), "sha256")) for name in cls._fields)
        )

    @property
    def challenge(self) -> str:
        """By the method S256 of RFC 7636."""
        return base64url.written(hashlib.sha256(self.verifier.encode()).digest())


class Metadata(BaseModel):
    """What we read of a provider's metadata (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]


class Tokens(BaseModel):
    """What we read of a token answer."""

    id_token: str
    access_token: str | None = None


class _Keys(BaseModel):
    """A JWK Set (RFC 7517)."""

    keys: list[dict[str, Any]]


class UnknownKey(Exception):
    """The provider's keys, as we know them, are not those that the id_token was signed with."""


class Provider:
    """One provider, by its issuer. Asked when it is needed, so that a provider that is away keeps nothing down."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._metadata: Metadata | None = None
        self._keys: list[dict[str, Any]] = []
        self._read_at = self._asked_again_at = float("-inf")
        self._one = asyncio.Lock()

    def check_issuer(self, iss: str | None) -> None:
        """Raises SignOnError for an answer that says it is of another issuer (RFC 9207)."""
        if iss is not None and iss != self._client.issuer:
            raise SignOnError("untrue", f"the answer is of {iss[:200]!r}")

    async def address(self, attempt: Attempt) -> str:
        """Where the browser is sent to sign in. Raises SignOnError."""
        client, metadata = self._client, await self._known()
        asked = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri,
            "scope": client.scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        if client.acr_values:
            asked["acr_values"] = " ".join(client.acr_values)
        if client.max_age_s is not None:
            asked["max_age"] = str(client.max_age_s)
        return _with(metadata.authorization_endpoint, asked)

    async def end_session(self, back: str) -> str | None:
        """Where the browser is sent to sign out there too, and led `back` from; None where there is no such place.

        A provider that does not answer keeps nobody signed in here: None then, too.
        """
        try:
            metadata = await self._known()
        except SignOnError as error:
            log.warning("signed out here only", extra={"fields": {"because": str(error)}})
            return None
        if metadata.end_session_endpoint is None:
            return None
        asked = {"client_id": self._client.client_id, "post_logout_redirect_uri": back}
        return _with(metadata.end_session_endpoint, asked)

    async def claims(self, code: str, attempt: Attempt, wanted: Sequence[str]) -> dict[str, Any]:
        """What the provider says of whoever it gave this code to.

        What is `wanted` and not in the id_token is asked for at its userinfo_endpoint. Raises SignOnError.
        """
        metadata = await self._known()
        tokens = await self._exchange(metadata, code, attempt)
        try:
            claims = judge(tokens.id_token, self._keys, self._client, attempt.nonce)
        except UnknownKey:
            await self._read_keys_again(metadata)
            try:
                claims = judge(tokens.id_token, self._keys, self._client, attempt.nonce)
            except UnknownKey as error:
                raise SignOnError("untrue", str(error)) from error
        if metadata.userinfo_endpoint and tokens.access_token and any(name not in claims for name in wanted):
            more = await self._get(metadata.userinfo_endpoint, {"Authorization": f"Bearer {tokens.access_token}"})
            if more.get("sub") != claims["sub"]:
                raise SignOnError("untrue", "the userinfo_endpoint speaks of another sub than the id_token")
            claims = {**more, **claims}
        return claims

    async def _known(self) -> Metadata:
        async with self._one:
            if self._metadata is None or time.monotonic() - self._read_at > KEPT_S:
                metadata = await self._discover()
                self._keys = await self._read_keys(metadata)
                self._metadata, self._read_at = metadata, time.monotonic()
            return self._metadata

    async def _discover(self) -> Metadata:
        issuer = self._client.issuer
        told = await self._get(issuer.rstrip("/") + "/.well-known/openid-configuration")
        try:
            metadata = Metadata.model_validate(told)
        except ValidationError as error:
            wrong = ", ".join(".".join(map(str, one["loc"])) for one in error.errors(include_input=False))
            raise SignOnError("settings", f"the provider's metadata cannot be read: {wrong}") from error
        if metadata.issuer != issuer:
            raise SignOnError("settings", f"it calls itself {metadata.issuer}: set HADIR_OIDC_ISSUER to that")
        if urlsplit(issuer).scheme == "https":
            ours = (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri)
            more = (metadata.userinfo_endpoint, metadata.end_session_endpoint)
            if any(url is not None and urlsplit(url).scheme != "https" for url in (*ours, *more)):
                raise SignOnError("settings", "one of the provider's endpoints is not https")
        return metadata

    async def _read_keys(self, metadata: Metadata) -> list[dict[str, Any]]:
        told = await self._get(metadata.jwks_uri)
        try:
            return _Keys.model_validate(told).keys
        except ValidationError as error:
            raise SignOnError("settings", "the provider's jwks_uri does not lead to its keys") from error

    async def _read_keys_again(self, metadata: Metadata) -> None:
        async with self._one:
            now = time.monotonic()
            if now - self._asked_again_at > ASKED_AGAIN_S:
                self._asked_again_at = now
                self._keys = await self._read_keys(metadata)

    async def _exchange(self, metadata: Metadata, code: str, attempt: Attempt) -> Tokens:
        client = self._client
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        auth: tuple[str, str] | None = None
        if client.client_secret is None:
            form["client_id"] = client.client_id
        elif "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            # RFC 6749, 2.3.1: both are encoded as in a form before they are joined.
            auth = (quote(client.client_id, safe=""), quote(client.client_secret, safe=""))
        else:
            form |= {"client_id": client.client_id, "client_secret": client.client_secret}
        answer = await self._ask("POST", metadata.token_endpoint, data=form, auth=auth)
        told = _json(answer)
        if answer.status_code != 200:
            error = str(told.get("error"))
            if error == "invalid_grant":
                raise SignOnError("used", "the provider does not take the code")
            raise SignOnError("settings", f"the token_endpoint answers {answer.status_code} {error[:100]}")
        try:
            return Tokens.model_validate(told)
        except ValidationError as error:
            raise SignOnError("untrue", "the token_endpoint gives no id_token") from error

    async def _get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        answer = await self._ask("GET", url, headers=headers)
        told = _json(answer)
        if answer.status_code != 200 or not told:
            raise SignOnError("settings", f"{url} answers {answer.status_code} and nothing that we can read")
        return told

    async def _ask(self, method: str, url: str, **how: Any) -> "httpx.Response":
        import httpx

        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, headers={"Accept": "application/json"}) as http:
                answer = await http.request(method, url, **how)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SignOnError("away", f"{url}: {type(error).__name__}: {error}") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise SignOnError("away", f"{url} answers {answer.status_code}")
        return answer


def judge(id_token: str, keys: Sequence[Mapping[str, Any]], client: Client, nonce: str) -> dict[str, Any]:
    """The claims of an id_token (OIDC Core 1.0, 3.1.3.7). Raises SignOnError, or UnknownKey for none of `keys`."""
    claims = _signed(id_token, keys, client)
    alone = claims["aud"] in (client.client_id, [client.client_id])
    if claims.get("azp", client.client_id if alone else None) != client.client_id:
        raise SignOnError("untrue", "the id_token was given to another client (azp)")
    if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise SignOnError("untrue", "the id_token belongs to another sign-in (nonce)")
    if client.acr_values and claims.get("acr") not in client.acr_values:
        raise SignOnError("weak", f"acr is {str(claims.get('acr'))[:100]!r}")
    if client.max_age_s is not None:
        since = claims.get("auth_time")
        if not isinstance(since, int | float) or time.time() - since > client.max_age_s + LEEWAY_S:
            raise SignOnError("weak", "auth_time is older than max_age, or not told")
    return claims


def _signed(id_token: str, keys: Sequence[Mapping[str, Any]], client: Client) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(id_token)
    except jwt.PyJWTError as error:
        raise SignOnError("untrue", f"the id_token cannot be read: {error}") from error
    alg, kid = str(header.get("alg")), header.get("kid")
    if alg not in ALGORITHMS:
        raise SignOnError("untrue", f"the id_token is signed by {alg[:50]!r}")
    fitting = [
        key
        for key in keys
        if kid in (None, key.get("kid"))
        and key.get("kty") == ALGORITHMS[alg]
        and key.get("use", "sig") == "sig"
        and key.get("alg", alg) == alg
    ]
    for key in fitting:
        try:
            return jwt.decode(
                id_token,
                jwt.PyJWK(dict(key), alg),
                algorithms=[alg],
                issuer=client.issuer,
                audience=client.client_id,
                leeway=LEEWAY_S,
                options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"]},
            )
        except jwt.InvalidSignatureError:
            continue
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
            raise SignOnError("clock", f"the id_token: {error}") from error
        except jwt.PyJWTError as error:
            raise SignOnError("untrue", f"the id_token: {error}") from error
    raise UnknownKey("the id_token is signed by none of the provider's keys")


def _json(answer: "httpx.Response") -> dict[str, Any]:
    """The object that was answered; empty where it was none."""
    try:
        told = answer.json()
    except ValueError:
        return {}
    return cast("dict[str, Any]", told) if isinstance(told, dict) else {}


def _with(url: str, asked: Mapping[str, str]) -> str:
    return url + ("&" if urlsplit(url).query else "?") + urlencode(asked)
