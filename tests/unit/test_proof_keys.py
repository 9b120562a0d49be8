"""What reporting signs is told by anybody from what somebody else signed, or altered."""

import json
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.transparency import CHECKPOINTS, LogName, origin_of, under_trees
from shared.auth import TokenError, key_id
from shared.events import TOPICS
from shared.proof_keys import ProofKeys, PublicKeys
from shared.settings import Settings
from shared.signing import Unproven

OLD, NEW = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
BEFORE, KEYS = ProofKeys(OLD), ProofKeys(NEW, OLD.public_key())
ANYBODY = PublicKeys.of(json.dumps({"keys": KEYS.jwks()}))
NAME = "hadir.local/outage.declared.v1/0"
TEXT = f"{NAME}\n3\n{b64encode(bytes(32)).decode()}\n"
NOTE = KEYS.note(NAME, TEXT)


@given(st.binary())
def test_bytes_are_proven_by_the_key_that_is_named_and_by_no_other(message: bytes) -> None:
    signature = KEYS.sign(message)
    assert signature == KEYS.sign(message)
    ANYBODY.verify(KEYS.kid, message, signature)
    for kid, said, by in (
        (KEYS.kid, message + b"x", signature),
        (KEYS.kid, message, BEFORE.sign(message)),
        (KEYS.kid, message, signature[:-1]),
        (BEFORE.kid, message, signature),
        ("nobody's", message, signature),
    ):
        with pytest.raises(Unproven):
            ANYBODY.verify(kid, said, by)


def test_a_note_is_opened_by_the_present_key_and_by_earlier_ones() -> None:
    assert ANYBODY.opened(NOTE, NAME) == TEXT
    assert ANYBODY.opened(BEFORE.note(NAME, TEXT), NAME) == TEXT
    later = PublicKeys.of(json.dumps({"keys": BEFORE.jwks()}))
    with pytest.raises(Unproven, match="none of the keys given"):
        later.opened(NOTE, NAME)


def test_lines_of_witnesses_are_passed_over_in_any_order() -> None:
    body, _, signature = NOTE.rpartition("\n\n")
    witness = "\u2014 witness.example/w " + b64encode(b"abcd" + bytes(64)).decode() + "\n"
    assert ANYBODY.opened(f"{body}\n\n{witness}{signature}", NAME) == TEXT
    assert ANYBODY.opened(f"{body}\n\n{signature}{witness}", NAME) == TEXT


def test_the_example_of_the_specification_is_read_and_not_believed() -> None:
    """https://c2sp.org/tlog-checkpoint: the note is well formed, and no key of ours has signed it."""
    example = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "\u2014 example.com/behind-the-sofa "
        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    )
    with pytest.raises(Unproven, match="none of the keys given has signed it as example"):
        ANYBODY.opened(example, "example.com/behind-the-sofa")


WRONG = {
    "another size": NOTE.replace("\n3\n", "\n4\n", 1),
    "another root": NOTE.replace("AAAA=", "AAAB=", 1),
    "no signature": TEXT + "\n",
    "no empty line": TEXT,
    "an end missing": NOTE.removesuffix("\n"),
    "a short signature": KEYS.note(NAME, TEXT)[:-20] + "\n",
    "a control character": NOTE.replace("\n3\n", "\n3\r\n", 1),
    "another dash": NOTE.replace("\u2014", "-"),
    "no base64": NOTE[:-4] + "*==\n",
    "very long": "x" * 30_000 + NOTE,
    "nothing": "",
}


@pytest.mark.parametrize("note", WRONG.values(), ids=WRONG)
def test_what_is_no_note_of_ours_is_not_opened(note: str) -> None:
    with pytest.raises(Unproven):
        ANYBODY.opened(note, NAME)


def test_the_same_key_under_another_name_signs_nothing_for_this_log() -> None:
    with pytest.raises(Unproven, match="none of the keys given"):
        ANYBODY.opened(KEYS.note("hadir.local/outage.declared.v1/1", TEXT), NAME)


def test_a_verifier_key_is_the_text_that_the_specification_describes() -> None:
    """https://c2sp.org/signed-note: name, hash in hex, and type and key in base64, with a plus between them."""
    known = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    (text,) = ProofKeys(known).verifier_keys("PeterNeumann")
    name, hashed, encoded = text.split("+", 2)
    assert (name, len(hashed)) == ("PeterNeumann", 8)
    assert encoded == b64encode(b"\x01" + known.public_key().public_bytes_raw()).decode()
    assert [key.split("+")[0] for key in KEYS.verifier_keys(NAME)] == [NAME, NAME]


def test_a_key_file_holds_the_key_that_signs_and_public_ones_of_before(tmp_path: Path) -> None:
    file = tmp_path / "proof-key.pem"
    private = NEW.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = OLD.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    file.write_bytes(private + public)
    assert [key["kid"] for key in ProofKeys.from_file(file).jwks()] == [
        key_id(key.public_key()) for key in (NEW, OLD)
    ]
    file.write_bytes(public)
    with pytest.raises(TokenError, match=r"proof-key\.pem"):
        ProofKeys.from_file(file)


@pytest.mark.parametrize("jwks", ["", "[]", "{}", '{"keys": [{"kid": "x"}]}'])
def test_keys_that_are_none_are_named(jwks: str) -> None:
    with pytest.raises(Unproven, match="/reporting/v1/proof-keys"):
        PublicKeys.of(jwks)


def test_every_topic_is_under_trees_but_the_compacted_one_and_the_checkpoints() -> None:
    kept = {topic.name for topic in under_trees()}
    assert set(TOPICS) - kept <= {"directory.employee.v1", CHECKPOINTS}
    assert "directory.employee.v1" not in kept
    assert origin_of("hadir.local", LogName("outage.declared.v1", 0)) == NAME


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "/a", "a/", "a//b", "x" * 101])
def test_an_origin_that_no_note_can_bear_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="log_origin"):
        Settings.model_validate(
            {
                "service": "reporting",
                "database_url": "postgresql://h/d",
                "kafka_bootstrap": "h:1",
                "token_public_key_file": "x",
                "log_origin": origin,
            }
        )
