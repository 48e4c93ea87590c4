"""What a sender says of its envelope, compared with it member by member."""

import json
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope, Identifier, checked
from contracts.errors import ContractError
from contracts.statement import check_statement, encode, statement_of

ENVELOPE = checked(
    Envelope(
        message_id="kq-1",
        sender=AgencyCode("H01.15"),
        recipients=(AgencyCode("H01.101"), AgencyCode("H01.102")),
        kind="case.result/1",
        created_at=datetime(2026, 11, 28, 1, tzinfo=UTC),
        body=b'{"a": 1}',
        order_key="hồ sơ 1",
        identifiers=(Identifier("case", "Hồ sơ 42"),),
        attachments=(Attachment(digest="sha256:" + "a" * 64, size_bytes=5),),
    )
)


def said(**other: Any) -> bytes:
    """The statement as a sender writes it, with other words for some of it; None leaves a member out."""
    members = json.loads(encode(statement_of(ENVELOPE))) | other
    return json.dumps({name: value for name, value in members.items() if value is not None}, indent=1).encode()


def refusal(payload: bytes) -> str:
    with pytest.raises(ContractError) as caught:
        check_statement(payload, ENVELOPE)
    assert caught.value.code == "signature.other_envelope"
    return caught.value.detail


def test_a_statement_says_the_same_in_any_json() -> None:
    """Other order, other spaces, escaped characters: what is compared is what it says."""
    check_statement(encode(statement_of(ENVELOPE)), ENVELOPE)
    check_statement(said(), ENVELOPE)
    check_statement(json.dumps(dict(reversed(json.loads(said()).items()))).encode(), ENVELOPE)


def test_the_same_moment_and_the_same_text_may_be_written_otherwise() -> None:
    """Another zone, composed or decomposed letters, spaces around codes: as in envelopes themselves."""
    local = ENVELOPE.created_at.astimezone(timezone(timedelta(hours=7))).isoformat()
    decomposed = unicodedata.normalize("NFD", "hồ sơ 1")
    identifiers = [{"scheme": "case", "value": unicodedata.normalize("NFD", "Hồ sơ 42")}]
    check_statement(said(created_at=local, order_key=decomposed, identifiers=identifiers, sender=" H01.15 "), ENVELOPE)


@pytest.mark.parametrize("member", sorted(set(json.loads(said())) - {"media_type"}))
def test_nothing_may_be_left_out(member: str) -> None:
    assert member in refusal(said(**{member: None}))


@pytest.mark.parametrize(
    "other",
    [
        {"recipients": ["H01.102", "H01.101"]},
        {"recipients": ["H01.101"]},
        {"attachments": []},
        {"identifiers": [{"scheme": "receipt", "value": "Hồ sơ 42"}]},
        {"priority": 1},
        {"sender": "H01.101"},
        {"sender": "no code at all !"},
        {"created_at": "2026-11-28T01:00:00.000001Z"},
        {"created_at": "2026-11-28T01:00:00"},
        {"audience": "H01.101"},
        {"body": "SHA256:" + "0" * 64},
    ],
    ids=str,
)
def test_nothing_may_be_said_otherwise_or_added(other: dict[str, Any]) -> None:
    assert next(iter(other)) in refusal(said(**other))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"{" * 10_000,
        b'{"message_id": "kq-1"}',
        said() + b"{}",
        said().replace(b"{", b'{"kind":"x",', 1),
    ],
)
def test_what_is_no_statement_is_refused(payload: bytes) -> None:
    refusal(payload)


def test_every_member_of_an_envelope_is_in_the_statement() -> None:
    """But trace headers, which are the road's, and the signature itself. A new member must be decided on."""
    stated = set(msgspec.structs.asdict(statement_of(ENVELOPE)))
    assert set(Envelope.__struct_fields__) - stated == {"traceparent", "tracestate", "signature"}
