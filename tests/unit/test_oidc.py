"""What of a provider's word is believed, and what a mapping makes of a person."""

import asyncio
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.reporting.domain.oidc import Mapping, MappingError, Match, employee_of, matches, read
from shared.auth import LEEWAY_S
from shared.oidc import Attempt, Client, Provider, SignOnError, UnknownKey, judge
from tests.kit.city_account import ec_key, rsa_key

CLIENT = Client("https://akun.contoh.go.id", "hadir", "s", "https://hadir.contoh.go.id/cb")
PRIVATE, OTHER, EC = rsa_key("one"), rsa_key("one"), ec_key("ec")


def public(jwk: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "key_ops")}


KEYS = [public(PRIVATE), public(EC)]


def token(key: dict[str, Any] = PRIVATE, header: dict[str, Any] | None = None, **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": CLIENT.issuer,
        "sub": "budi",
        "aud": "hadir",
        "iat": now,
        "exp": now + 300,
        "nonce": "n",
        **changes,
    }
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, jwt.PyJWK(key).key, key["alg"], headers={"kid": key["kid"], **(header or {})})


def test_a_good_id_token_is_believed_whatever_kind_of_key_signed_it() -> None:
    for key in (PRIVATE, EC):
        assert judge(token(key), KEYS, CLIENT, "n")["sub"] == "budi"
    assert judge(token(aud=["hadir"]), KEYS, CLIENT, "n")["aud"] == ["hadir"]
    assert judge(token(aud=["hadir", "lain"], azp="hadir"), KEYS, CLIENT, "n")["azp"] == "hadir"
    unnamed = [{name: value for name, value in KEYS[0].items() if name not in ("kid", "alg", "use")}]
    assert judge(jwt.encode(claims(), jwt.PyJWK(PRIVATE).key, "RS512"), unnamed, CLIENT, "n")["sub"] == "budi"


def claims() -> dict[str, Any]:
    return jwt.decode(token(), options={"verify_signature": False})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://lain.example"}, "untrue"),
        ({"iss": None}, "untrue"),
        ({"aud": "lain"}, "untrue"),
        ({"aud": ["lain"]}, "untrue"),
        ({"aud": None}, "untrue"),
        ({"aud": ["hadir", "lain"]}, "untrue"),
        ({"aud": ["hadir", "lain"], "azp": "lain"}, "untrue"),
        ({"azp": "lain"}, "untrue"),
        ({"sub": None}, "untrue"),
        ({"nonce": "other"}, "untrue"),
        ({"nonce": None}, "untrue"),
        ({"exp": None}, "untrue"),
        ({"iat": None}, "untrue"),
        ({"exp": int(time.time()) - 3600}, "clock"),
        ({"iat": int(time.time()) + 3600}, "clock"),
        ({"nbf": int(time.time()) + 3600}, "clock"),
    ],
)
def test_a_claim_that_is_wrong_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(SignOnError) as refused:
        judge(token(**changes), KEYS, CLIENT, "n")
    assert refused.value.why == why


def test_clocks_may_differ_by_the_leeway() -> None:
    now = int(time.time())
    assert judge(token(iat=now + 50), KEYS, CLIENT, "n")
    assert judge(token(exp=now - 50), KEYS, CLIENT, "n")


@pytest.mark.fault(34)
def test_nobody_signs_for_the_provider_but_its_keys() -> None:
    pem = jwt.PyJWK(KEYS[0]).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    shared_secret = jwt.api_jws.PyJWS().encode(
        json.dumps(claims()).encode(), pem.replace(b"-----", b"").strip(), "HS256", headers={"kid": "one"}
    )
    for text in (
        jwt.encode(claims(), "", "none", headers={"kid": "one"}),
        shared_secret,
        "no token",
        "a.b.c",
        token() + "x",
        "",
    ):
        with pytest.raises(SignOnError) as refused:
            judge(text, KEYS, CLIENT, "n")
        assert refused.value.why == "untrue"
    for text, keys in (
        (token(OTHER), KEYS),
        (token(header={"kid": "two"}), KEYS),
        (token(header={"jwk": public(OTHER), "kid": "two"}), KEYS),
        (token(EC, header={"kid": "one"}), KEYS),
        (token(), [{**KEYS[0], "use": "enc"}]),
        (token(), [{**KEYS[0], "alg": "RS512"}]),
        (token(), [{"kty": "AKP", "kid": "one"}, {"kid": "one"}]),
        (token(), []),
    ):
        with pytest.raises(UnknownKey):
            judge(text, keys, CLIENT, "n")


def test_a_sign_in_that_is_too_weak_or_too_old_is_refused() -> None:
    strict = CLIENT._replace(acr_values=("mfa", "phr"), max_age_s=600)
    now = int(time.time())
    assert judge(token(acr="phr", auth_time=now - 500), KEYS, strict, "n")
    weak: list[dict[str, Any]] = [
        {"acr": "pwd", "auth_time": now},
        {"auth_time": now},
        {"acr": "mfa"},
        {"acr": "mfa", "auth_time": now - 600 - int(LEEWAY_S) - 5},
        {"acr": "mfa", "auth_time": "now"},
        {"acr": ["mfa"], "auth_time": now},
    ]
    for changes in weak:
        with pytest.raises(SignOnError) as refused:
            judge(token(**changes), KEYS, strict, "n")
        assert refused.value.why == "weak"


def test_an_attempt_follows_from_its_secret_and_tells_nothing_of_it() -> None:
    one, again, other = Attempt.of("a"), Attempt.of("a"), Attempt.of("b")
    assert one == again
    assert len({*one, *other, one.challenge}) == 7
    assert 43 <= len(one.verifier) <= 128
    known = Attempt("", "", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")  # RFC 7636, appendix B
    assert known.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.fault(34)
async def test_an_unknown_key_has_the_provider_asked_again_but_not_at_every_sign_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider, asked = Provider(CLIENT), list[str]()
    issuer = CLIENT.issuer
    metadata = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/auth",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
    }

    async def answer(url: str, headers: Any = None) -> dict[str, Any]:
        asked.append(url)
        return {"keys": KEYS} if url.endswith("/jwks") else metadata

    async def exchange(*_: Any) -> Any:
        from shared.oidc import Tokens

        return Tokens(id_token=token(OTHER, header={"kid": "two"}, nonce=Attempt.of("s").nonce))

    monkeypatch.setattr(provider, "_get", answer)
    monkeypatch.setattr(provider, "_exchange", exchange)
    for _ in range(20):
        with pytest.raises(SignOnError, match="none of the provider's keys"):
            await provider.claims("code", Attempt.of("s"), [])
    await asyncio.gather(*(provider.address(Attempt.of(str(n))) for n in range(20)))
    assert asked.count(f"{issuer}/jwks") == 2
    assert len(asked) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://akun.contoh.go.id/"},
        {"token_endpoint": "http://akun.contoh.go.id/token"},
        {"end_session_endpoint": "http://akun.contoh.go.id/end"},
        {"jwks_uri": None},
        {"authorization_endpoint": 5},
    ],
)
async def test_a_provider_that_contradicts_itself_is_not_used(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer, provider = CLIENT.issuer, Provider(CLIENT)
    metadata = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/auth",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        **changes,
    }

    async def answer(url: str, headers: Any = None) -> dict[str, Any]:
        return metadata

    monkeypatch.setattr(provider, "_get", answer)
    with pytest.raises(SignOnError) as refused:
        await provider.address(Attempt.of("s"))
    assert refused.value.why == "settings"
    assert await provider.end_session("https://hadir.contoh.go.id/") is None


# --- The mapping -----------------------------------------------------------------------------------------

TEXT = """
employee_claim = ["hadir", "employee_id"]
otherwise = "staff"

[[role]]
role = "bkpsdm"
claim = "groups"
values = ["hadir-bkpsdm", "hadir-kepala"]

[[role]]
role = "opd_admin"
claim = "groups"
values = ["hadir-admin"]
opd_claim = "opd"

[[role]]
role = "opd_admin"
claim = "jabatan"
values = ["admin"]

[[role]]
role = "council"
claim = ["realm", "roles"]
values = ["dprd"]
person = false
"""
RULES = read(TEXT)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"groups": ["x", "hadir-bkpsdm"]}, [Match("bkpsdm", None, False, True)]),
        ({"groups": "hadir-kepala"}, [Match("bkpsdm", None, False, True)]),
        ({"groups": ["hadir-bkpsdm", "hadir-kepala"]}, [Match("bkpsdm", None, False, True)]),
        ({"groups": ["hadir-admin"], "opd": "4.01"}, [Match("opd_admin", "4.01", False, True)]),
        ({"groups": ["hadir-admin"], "opd": ["4.01", "4.02"]}, [Match("opd_admin", "", False, True)]),
        ({"groups": ["hadir-admin"]}, [Match("opd_admin", "", False, True)]),
        ({"jabatan": "admin"}, [Match("opd_admin", None, True, True)]),
        ({"realm": {"roles": ["dprd"]}}, [Match("council", None, False, False)]),
        ({"groups": ["HADIR-BKPSDM", True, 1, None]}, [Match("staff", None, False, True)]),
        ({"groups": {"hadir-bkpsdm": True}, "realm": ["roles"]}, [Match("staff", None, False, True)]),
        ({}, [Match("staff", None, False, True)]),
    ],
)
def test_a_mapping_says_which_role_a_person_has(said: dict[str, Any], expected: list[Match]) -> None:
    assert matches(RULES, said) == expected


def test_several_roles_are_told_apart_from_one_said_twice() -> None:
    found = matches(RULES, {"groups": ["hadir-bkpsdm"], "realm": {"roles": ["dprd"]}})
    assert {match.role for match in found} == {"bkpsdm", "council"}
    only = RULES.model_copy(update={"otherwise": None})
    assert matches(only, {}) == []


def test_the_employee_is_one_text_where_the_mapping_says() -> None:
    assert employee_of(RULES, {"hadir": {"employee_id": "7"}}) == "7"
    for said in ({}, {"hadir": "7"}, {"hadir": {"employee_id": ["7", "8"]}}, {"hadir": {"employee_id": 7}}):
        assert employee_of(RULES, said) is None
    assert RULES.names == ["groups", "hadir", "jabatan", "opd", "realm"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "nobody could sign in"),
        ("otherwise = 'mayor'", "otherwise"),
        ("[[role]]\nrole = 'staff'\nclaim = 'g'\nvalues = []", "role.0.values"),
        ("[[role]]\nrole = 'staff'\nclaim = 'g'\nvalues = ['x']\nopd = '4.01'", "acts in no OPD"),
        ("[[role]]\nrole = 'opd_admin'\nclaim = 'g'\nvalues = ['x']\nopd = '1'\nopd_claim = 'o'", "not both"),
        ("[[role]]\nrole = 'staff'\nclaim = 'g'\nvalues = 'x'", "role.0.values"),
        ("[[roles]]\nrole = 'staff'", "roles"),
        ("otherwise = staff", "not TOML"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused_by_its_line(text: str, told: str) -> None:
    with pytest.raises(MappingError, match=told):
        read(text)
    assert Mapping.model_fields
