"""What a leaf is, what a checkpoint says, and by what a record is found."""

import json
from base64 import b64encode
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.merkle import Growing, leaf_hash
from services.reporting.domain.transparency import (
    NO_MARK,
    Checkpoint,
    Headers,
    LogName,
    ce_id_of,
    entry_of,
    mark_of,
    read_again,
    written,
)
from shared.proof_keys import ProofKeys

PARTS = st.none() | st.binary(max_size=40) | st.binary(min_size=2040, max_size=2060)
HEADERS = st.lists(st.tuples(st.text(max_size=8), PARTS), max_size=4)
RECORDS = st.tuples(PARTS, PARTS, HEADERS)


def test_a_leaf_is_written_as_the_documentation_says() -> None:
    assert entry_of(b"k", None, [("ce_id", b"x"), ("n", None)]).hex(" ") == (
        "00 00 00 01 6b ff ff ff ff 00 00 00 02 "
        "00 00 00 05 63 65 5f 69 64 00 00 00 01 78 00 00 00 01 6e ff ff ff ff"
    )


@given(RECORDS, RECORDS)
def test_no_two_records_are_the_same_leaf(
    one: tuple[bytes | None, bytes | None, Headers], other: tuple[bytes | None, bytes | None, Headers]
) -> None:
    assert (entry_of(*one) == entry_of(*other)) == (one == other)


@given(RECORDS)
def test_a_record_is_read_from_its_text_as_it_was(record: tuple[bytes | None, bytes | None, Headers]) -> None:
    text = written(*record)
    again = json.loads(json.dumps(text))
    key, value, headers = read_again(type(text)(*again))
    assert (key, value, [tuple(one) for one in headers]) == record


@pytest.mark.parametrize("nothing", [None, "", "x", "not hex at all", "12345zz8", "1234567"])
def test_what_has_no_id_has_no_mark(nothing: str | None) -> None:
    assert mark_of(nothing) == NO_MARK


def test_a_mark_is_the_end_of_the_id_in_whatever_case() -> None:
    one = uuid4()
    assert mark_of(str(one)) == mark_of(str(one).upper()) == one.bytes[-4:]
    assert ce_id_of([("other", b"x"), ("ce_id", str(one).encode())]) == str(one)
    assert ce_id_of([("ce_id", None)]) is None
    assert UUID(str(ce_id_of([("ce_id", str(one).encode())]))) == one


def test_a_checkpoint_is_read_as_it_is_written_and_what_is_none_is_refused() -> None:
    checkpoint = Checkpoint("hadir.local/x/0", 12, bytes(range(32)))
    text = checkpoint.text()
    assert Checkpoint.of(text) == checkpoint
    assert Checkpoint.of(Checkpoint("a", 0, bytes(32)).text()).size == 0
    for wrong in (
        *(
            "",
            "\n\n\n",
            text[:-1],
            text + "more\n",
            text.replace("\n12\n", "\n012\n"),
            text.replace("\n12\n", "\n-1\n"),
        ),
        *(text.replace("\n12\n", "\n١٢\n"), text.replace("=", "*"), f"a\n1\n{b64encode(bytes(31)).decode()}\n"),
    ):
        with pytest.raises(ValueError, match=r"checkpoint|root hash"):
            Checkpoint.of(wrong)


def test_a_log_is_named_by_its_topic_and_partition() -> None:
    assert LogName.of(str(LogName("outage.declared.v1", 11))) == LogName("outage.declared.v1", 11)
    for wrong in ("", "topic", "topic/", "/1", "topic/01", "topic/-1", "topic/x", "topic/٣"):
        with pytest.raises(ValueError, match="topic/partition"):
            LogName.of(wrong)


def test_the_checkpoint_and_the_key_that_another_implementation_has_verified() -> None:
    """golang.org/x/mod 0.43.0 has opened this note with this key (sumdb/note) and, of the same tree, checked the
    proof of record 66000 and that it begins with its first 65537 (sumdb/tlog)."""
    tree = Growing()
    tree.extend([leaf_hash(str(number).encode()) for number in range(70_001)])
    keys = ProofKeys(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    origin = "hadir.local/outage.declared.v1/0"
    assert keys.verifier_keys(origin) == [f"{origin}+d2b56f6e+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"]
    assert keys.note(origin, Checkpoint(origin, tree.size, tree.root()).text()) == (
        f"{origin}\n70001\nqO6ho0iLMCRgB5isc292TMC759zeGkXK2g+a/oS9tT4=\n\n\u2014 {origin} "
        "0rVvbgxQJg5di7Ij+Pm/4uXgNb7EqKYlgmJMjBt9oyHO2u5r7AZqBPuTk5zqFjqUg9JLQyw53PfSQq7EkFdQg2jelQw=\n"
    )
