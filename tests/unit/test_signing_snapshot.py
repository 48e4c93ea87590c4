"""What is known of revocation, as a value and as a file."""

from datetime import timedelta

import pytest

from signing.snapshot import CrlFacts, OcspFacts, RevocationSnapshot, Revoked, Scope, decode, encode, pack
from tests.signatures import AT

_LONG = 2**159 + 7


def facts(*revoked: tuple[int, Revoked], issuer: bytes = b"i" * 32, octets: bytes = b"crl") -> CrlFacts:
    return CrlFacts(
        issuer=issuer,
        this_update=AT,
        next_update=AT + timedelta(days=1),
        scope=Scope.ALL,
        points=(),
        complete=True,
        keeps_expired_since=None,
        entries=pack(revoked),
        octets=octets,
    )


def snapshot() -> RevocationSnapshot:
    answer = OcspFacts(
        issuer=b"i" * 32, serial_number=str(_LONG), this_update=AT, next_update=None, revoked=None, responder="", octets=b"ocsp"
    )
    return RevocationSnapshot(AT, (facts((5, Revoked(AT))),), (answer,))


def test_every_entry_is_found_again_and_nothing_else() -> None:
    entries = {
        -1: Revoked(AT),
        0: Revoked(AT, "unspecified"),
        1: Revoked(AT, "certificateHold", AT),
        256: Revoked(AT - timedelta(days=20_000), "keyCompromise", AT - timedelta(days=20_001)),
        _LONG: Revoked(AT, "superseded"),
    }
    found = facts(*reversed(entries.items()))
    assert len(found) == len(entries)
    for serial_number in (*entries, -2, 2, 255, 257, _LONG - 1, _LONG + 1, 2**160):
        assert found.entry(serial_number) == entries.get(serial_number)


def test_a_list_without_entries_lists_nobody() -> None:
    assert facts().entry(1) is None


@pytest.mark.parametrize("entries", [[(5, Revoked(AT)), (5, Revoked(AT, "superseded"))], [(2**168, Revoked(AT))]])
def test_a_serial_number_stands_once_and_has_at_most_20_octets(entries: list[tuple[int, Revoked]]) -> None:
    with pytest.raises(ValueError, match="serial number"):
        pack(entries)


def test_a_snapshot_comes_back_from_its_file_as_it_was() -> None:
    found = decode(memoryview(encode(snapshot())))
    assert (found, found.version) == (snapshot(), snapshot().version)
    assert found.crls_of(b"i" * 32)[0].entry(5) == Revoked(AT)
    assert found.answers_about(b"i" * 32, _LONG)[0].octets == b"ocsp"
    assert found.crls_of(b"j" * 32) == found.answers_about(b"i" * 32, 5) == ()


def test_its_version_is_that_of_the_evidence() -> None:
    assert RevocationSnapshot(AT + timedelta(days=1), snapshot().crls, snapshot().ocsp).version == snapshot().version
    assert RevocationSnapshot(AT, (facts(octets=b"another"),), snapshot().ocsp).version != snapshot().version


def test_no_cut_or_changed_file_is_read() -> None:
    octets = encode(snapshot())
    for end in range(len(octets)):
        with pytest.raises(ValueError, match="snapshot"):
            decode(octets[:end])
    for index in range(len(octets)):
        changed = bytearray(octets)
        changed[index] ^= 1
        with pytest.raises(ValueError, match="snapshot"):
            decode(bytes(changed))
