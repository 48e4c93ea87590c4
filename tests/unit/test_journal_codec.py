"""Values and rows of the journal."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import Attachment, Envelope, Identifier
from lgsp.core.lifecycle import State
from lgsp.journal.codec import Header, decode_header, encode_header, micros, moment_of, traceparent_of
from lgsp.journal.moves import enter
from tests.compliance.builders import ALPHA, BETA, admitted, hop

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_a_header_has_every_field_of_an_envelope_but_the_body() -> None:
    """Whoever adds a field to the envelope must store it: what was found in the body is the journal's own."""
    assert {*Header.__struct_fields__} - {"found", "found_order_key"} == {*Envelope.__struct_fields__} - {"body"}


@given(moments, offsets)
def test_what_is_stored_is_what_was_said(moment: datetime, offset: timezone) -> None:
    """An envelope comes back equal, with the same digest, whatever offset its times have."""
    sent = admitted(
        "m1",
        BETA,
        order_key="Hồ sơ",
        identifiers=[Identifier("case", "H01-1")],
        attachments=[Attachment(digest="sha256:" + "a" * 64, size_bytes=1)],
        created_at=moment.astimezone(offset),
        priority=4,
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    )
    sent = msgspec.structs.replace(
        sent,
        envelope=msgspec.structs.replace(
            sent.envelope,
            expires_at=moment.astimezone(offset),
            correlation_id="m0",
            tracestate="a=b",
            media_type="application/xml",
        ),
    )
    header = encode_header(sent)
    restored = decode_header(header).envelope(sent.envelope.body)
    assert restored == sent.envelope
    assert restored.digest() == sent.envelope.digest()
    assert traceparent_of(header) == sent.envelope.traceparent


def test_an_order_key_found_in_the_body_is_kept_apart_from_one_given() -> None:
    """The envelope goes out as it came; its lane is known all the same. A key that the sender gave is the only one."""
    header = decode_header(encode_header(admitted("m1", found_order_key="found")))
    assert (header.envelope(b"").order_key, header.lane_key) == (None, "found")
    header = decode_header(encode_header(admitted("m1", order_key="given", found_order_key="found")))
    assert (header.envelope(b"").order_key, header.lane_key, header.found_order_key) == ("given", "given", None)


def test_identifiers_found_in_the_body_are_kept_apart_from_those_given() -> None:
    """The sender's own words stay as they were; the record knows both."""
    given_one, found = Identifier("case", "1"), Identifier("receipt", "2")
    header = decode_header(encode_header(admitted("m1", identifiers=[given_one], found=[found])))
    assert header.envelope(b"").identifiers == (given_one,)
    assert header.all_identifiers == (given_one, found)
    assert decode_header(encode_header(admitted("m1", identifiers=[given_one]))).all_identifiers == (given_one,)


@given(moments, offsets)
def test_moments_survive_to_the_microsecond(moment: datetime, offset: timezone) -> None:
    """Stored as a number and back, in UTC."""
    assert moment_of(micros(moment.astimezone(offset))) == moment
    assert moment_of(micros(moment)).tzinfo is UTC


def test_hops_of_one_batch_see_each_other() -> None:
    """A lane that was empty before the batch is not empty after its first delivery; hops without a lane never wait."""
    ahead: dict[int, list[State]] = {}
    first, second = hop(ALPHA, "k"), hop(ALPHA, "k", "mailbox")
    assert enter([first, second, hop(ALPHA), hop(BETA, "k")], ahead) == [State.READY, State.WAITING, State.READY, State.READY]
    assert enter([second], ahead) == [State.WAITING]
