"""Web Push: the example of the standard, a token for each push service, base64url that is read as written."""

import datetime as dt
from urllib.parse import urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key, generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from shared import base64url
from shared.message_key import MessageKey
from shared.web_push import MOST_BYTES, Browser, Vapid, encrypted, point


def test_the_standards_example_is_encrypted_as_it_says() -> None:
    """RFC 8291, section 5 and appendix A."""
    private = int.from_bytes(base64url.read("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big")
    browser = Browser(
        base64url.read("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        base64url.read("BTBZMqHH6r4Tts7J_aSIgg"),
    )
    body = encrypted(
        b"When I grow up, I want to be a watermelon",
        browser,
        key=derive_private_key(private, SECP256R1()),
        salt=base64url.read("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert base64url.written(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAm"
        "S6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj"
        "_Qulcy4a-fN"
    )


def test_no_push_is_greater_than_a_push_service_takes() -> None:
    key = generate_private_key(SECP256R1())
    browser = Browser(MessageKey(key, b"").public, bytes(16))
    assert len(encrypted(bytes(MOST_BYTES), browser)) <= 4096
    with pytest.raises(ValueError, match="3900"):
        encrypted(bytes(MOST_BYTES + 1), browser)
    assert encrypted(b"x", browser) != encrypted(b"x", browser)


def test_each_push_service_gets_a_token_of_its_own() -> None:
    key = MessageKey(generate_private_key(SECP256R1()), b"")
    for contact, named in (("mailto:tik@example.go.id", {"sub": "mailto:tik@example.go.id"}), (None, {})):
        vapid = Vapid(key, contact)
        for endpoint in ("https://a.example/x/1", "https://b.example:8443/y", "https://a.example/x/2"):
            scheme, _, rest = vapid.authorization(endpoint).partition(" ")
            said = dict(part.split("=", 1) for part in rest.split(", "))
            assert (scheme, said["k"]) == ("vapid", base64url.written(key.public))
            parts = urlsplit(endpoint)
            origin = f"{parts.scheme}://{parts.netloc}"
            claims = jwt.decode(said["t"], key.vapid.public_key(), algorithms=["ES256"], audience=origin)
            left = claims.pop("exp") - dt.datetime.now(dt.UTC).timestamp()
            assert claims == {"aud": origin, **named}
            assert 6 * 3600 < left <= 24 * 3600
        # The same origin, the same token: it is signed once.
        assert vapid.authorization("https://a.example/1") == vapid.authorization("https://a.example/2")


@given(st.binary(max_size=70))
def test_base64url_is_read_as_it_is_written(raw: bytes) -> None:
    assert base64url.read(base64url.written(raw)) == raw


@pytest.mark.parametrize("text", ["+/", "a b", "é", "abc=d", "a", "===="])
def test_what_is_no_base64url_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        base64url.read(text)


@pytest.mark.parametrize("raw", [b"", bytes(65), b"\x04" + bytes(64), b"\x02" + bytes(32), b"\x04" * 66])
def test_what_is_no_point_of_the_curve_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        point(raw)
