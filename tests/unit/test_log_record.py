"""Records of the log: whatever partners and operators write into names and reasons, a record and its transaction fit."""

from datetime import UTC, datetime

import pytest

from lgsp.core.log.record import MAX_RECORD_BYTES, MAX_SUBJECT_BYTES, Accepted, Routed, decode, encode, short
from lgsp.journal.codec import EventRow, OccurrenceRow, micros
from lgsp.journal.leaves import action, held, moved

NOW = datetime(2026, 11, 28, 3, 0, 0, 123456, tzinfo=UTC)
LARGEST = 2**63 - 1
CODE = "A" * 50
DIGEST = "x" * 44
NASTY = ("\x01" * 1000, "😀" * 1000, '"\\' * 500, "ệ" * 1000, "\udcff" * 300, "\u2028" * 1000, "a" * 1000)


@pytest.mark.parametrize("text", NASTY, ids=repr)
def test_whatever_a_reason_is_its_event_fits(text: str) -> None:
    event = EventRow(micros(NOW), "recall_requested", LARGEST, LARGEST, LARGEST, text, "detail", LARGEST, salt=b"s" * 16)
    assert decode(moved(event))
    assert decode(held(OccurrenceRow(micros(NOW), "maintenance_begun", CODE, text, "detail", salt=b"s" * 16)))


@pytest.mark.parametrize("text", NASTY, ids=repr)
def test_whatever_somebody_is_called_what_he_does_fits(text: str) -> None:
    assert decode(action("credential_saved", NOW, subject=text, digest=DIGEST, version=LARGEST, by=text))


def test_the_largest_envelope_fits() -> None:
    """The longest codes, and a message id in which every character has to be escaped."""
    accepted = Accepted(
        at=NOW,
        sequence=LARGEST,
        sender=CODE,
        message_id='"' * 128,
        kind="k" * 100,
        digest=DIGEST,
        header=DIGEST,
        expires_at=NOW,
        directory=LARGEST,
        first_delivery=LARGEST,
        deliveries=LARGEST,
        verdict="v" * 20,
        examination=DIGEST,
    )
    routed = Routed(
        at=NOW,
        sequence=LARGEST,
        delivery=LARGEST,
        sender=CODE,
        recipient=CODE,
        number=LARGEST,
        addressed_as=CODE,
        copy=True,
        state="available",
        blind=DIGEST,
    )
    assert max(len(encode(one)) for one in (accepted, routed)) <= MAX_RECORD_BYTES


def test_what_is_short_stays_as_it_is() -> None:
    for text in ("", "delivery.refused_by_recipient", 'Quyết định số "7"', "đường dây " * 8):
        assert short(text, MAX_SUBJECT_BYTES) == text
