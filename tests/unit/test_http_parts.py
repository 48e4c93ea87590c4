"""The pure parts of the HTTP surface: traces, addressing headers, tus headers, client secrets, access tokens, throttling."""

import base64
import string
from datetime import UTC, datetime, timedelta, timezone

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from contracts.agency import AgencyCode
from contracts.envelope import Envelope, Identifier
from contracts.errors import ContractError
from lgsp.http import addressing, tus
from lgsp.http.access_token import AccessTokens
from lgsp.http.client_secret import DUMMY_HASH, check_secret, hash_secret
from lgsp.http.clients import Failures
from lgsp.http.trace import trace_of

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
VALID = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_valid_trace_is_taken_over() -> None:
    """With its state."""
    trace = trace_of({"traceparent": VALID, "tracestate": "a=1"})
    assert (trace.traceparent, trace.tracestate, trace.given) == (VALID, "a=1", True)
    assert trace.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "given_header",
    [
        "",
        "x",
        VALID.upper(),
        VALID + "-more",  # version 00 has four fields
        VALID.replace("00-4b", "ff-4b"),
        VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        VALID.replace("00f067aa0ba902b7", "0" * 16),
    ],
)
def test_an_invalid_trace_is_replaced(given_header: str) -> None:
    """A new trace begins, and the state is dropped with it (W3C Trace Context, section 3.2.2.5)."""
    trace = trace_of({"traceparent": given_header, "tracestate": "a=1"})
    assert not trace.given and trace.tracestate is None
    assert trace_of({"traceparent": trace.traceparent}).given, "what we make is valid"


def test_a_later_version_is_read_as_far_as_we_know_it() -> None:
    """Section 4.3: the first four fields count, and go on as version 00."""
    assert trace_of({"traceparent": VALID.replace("00-4b", "cc-4b") + "-what-ever"}).traceparent == VALID


_text = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=40)
_codes = st.text(string.ascii_letters + string.digits, min_size=1, max_size=20).map(AgencyCode)
_moments = st.datetimes(datetime(2001, 1, 1), datetime(2199, 1, 1), timezones=st.just(timezone(timedelta(hours=7))))  # noqa: DTZ001
_envelopes = st.builds(
    Envelope,
    message_id=st.text(string.ascii_letters + string.digits + "-_:/.", min_size=1, max_size=40),
    sender=_codes,
    recipients=st.lists(_codes, min_size=1, max_size=4, unique=True).map(tuple),
    kind=st.just("document.packet/1"),
    created_at=_moments,
    body=st.just(b"<a/>"),
    media_type=st.just("application/xml"),
    order_key=st.none() | _text,
    priority=st.integers(0, 4),
    identifiers=st.lists(st.builds(Identifier, st.just("notation"), _text), max_size=3).map(tuple),
    expires_at=st.none() | _moments,
    correlation_id=st.none() | st.text(string.ascii_letters, min_size=1, max_size=9),
)


@given(_envelopes)
def test_addressing_in_headers_loses_nothing(envelope: Envelope) -> None:
    """Written and read again it is the same envelope, with texts in composed form."""
    once = addressing.read_addressing(addressing.write_addressing(envelope), envelope.body, envelope.media_type)
    again = addressing.read_addressing(addressing.write_addressing(once), once.body, once.media_type)
    assert again == once
    assert (once.message_id, once.recipients, once.priority) == (envelope.message_id, envelope.recipients, envelope.priority)
    assert (once.created_at, once.expires_at) == (envelope.created_at, envelope.expires_at)


@given(st.text(max_size=60))
def test_any_header_text_is_read_or_refused(text: str) -> None:
    """Never another exception than a refusal."""
    base = {
        "Lgsp-Message-Id": "m",
        "Lgsp-Sender": "A",
        "Lgsp-Recipients": "B",
        "Lgsp-Kind": "a/1",
        "Lgsp-Created-At": "2026-11-22T08:00:00Z",
    }
    for name in (*base, "Lgsp-Order-Key", "Lgsp-Priority", "Lgsp-Expires-At", "Lgsp-Correlation-Id", "Lgsp-Identifiers"):
        try:
            addressing.read_addressing(base | {name: text}, b"", "application/xml")
        except ContractError as refused:
            assert refused.field.startswith("/")


@given(st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=9), st.text(max_size=40), max_size=5))
def test_upload_metadata_is_read_as_it_was_written(metadata: dict[str, str]) -> None:
    """Keys are ASCII, values any UTF-8."""
    encodable = {key: value for key, value in metadata.items() if value.isprintable()}
    assert tus.read_metadata(tus.write_metadata(encodable)) == encodable


@given(st.text(max_size=60))
def test_any_upload_header_is_read_or_refused(text: str) -> None:
    """Never another exception than a refusal."""
    try:
        tus.read_metadata(text)
    except ContractError as refused:
        assert refused.field == "Upload-Metadata"


@pytest.mark.parametrize(
    "text",
    ["", "sha1", "sha1 x", "md5 " + base64.b64encode(b"x" * 16).decode(), "sha256 " + base64.b64encode(b"x" * 20).decode()],
)
def test_a_checksum_that_is_none_is_refused(text: str) -> None:
    """400: the algorithm or the length is not one we know."""
    with pytest.raises(ContractError) as refused:
        tus.checksum(make_mocked_request("PATCH", "/", headers={"Upload-Checksum": text}))
    assert refused.value.problem.status == 400


def test_a_secret_is_known_by_its_hash_only() -> None:
    """The right one matches, others do not, and equal secrets have different hashes."""
    hashed = hash_secret("mật khẩu", cost=16)
    assert check_secret("mật khẩu", hashed) and not check_secret("mat khau", hashed)
    assert hashed != hash_secret("mật khẩu", cost=16) and "mật" not in hashed
    assert not check_secret("", DUMMY_HASH)
    assert not check_secret("\ud800", hashed)
    for broken in ("", "scrypt$16$8$1$x", "plain$16$8$1$AAAA$AAAA", "scrypt$16$8$1$%$%", "scrypt$15$8$1$AAAA$AAAA"):
        assert not check_secret("", broken)


def test_a_token_lives_as_long_as_it_says() -> None:
    """Also one that was verified before: its end is looked at each time."""
    now = NOW
    tokens = AccessTokens(b"k" * 32, "HUB", 60, lambda: now)
    token = tokens.issue(AgencyCode("H01.134"), "client")
    assert tokens.agency_of(token) == tokens.agency_of(token) == "H01.134"
    now = NOW + timedelta(seconds=60)
    with pytest.raises(ContractError, match=r"auth\.invalid"):
        tokens.agency_of(token)


def test_a_token_of_a_gateway_whose_clock_is_ahead_is_good_at_the_others() -> None:
    """Clocks of two machines differ by a moment; what one issued a second from now the other takes, as long as that is little."""
    here = AccessTokens(b"k" * 32, "HUB", 60, lambda: NOW)
    a_little, too_far = (
        AccessTokens(b"k" * 32, "HUB", 60, lambda ahead=ahead: NOW + ahead)
        for ahead in (timedelta(seconds=1), timedelta(hours=1))
    )
    assert here.agency_of(a_little.issue(AgencyCode("H01.134"), "client")) == "H01.134"
    with pytest.raises(ContractError, match=r"auth\.invalid"):
        here.agency_of(too_far.issue(AgencyCode("H01.134"), "client"))


def test_failures_are_forgotten_after_a_minute() -> None:
    """Ten within a minute close the door for the rest of it; a success opens it at once."""
    failures, culprit = Failures(), ("client", "192.0.2.1")
    for _ in range(10):
        assert failures.wait_s(culprit, NOW) == 0
        failures.count(culprit, NOW)
    assert failures.wait_s(culprit, NOW + timedelta(seconds=10)) == 50
    assert failures.wait_s(("client", "192.0.2.2"), NOW) == 0
    assert failures.wait_s(culprit, NOW + timedelta(seconds=61)) == 0
    failures.count(culprit, NOW + timedelta(seconds=61))
    assert failures.wait_s(culprit, NOW + timedelta(seconds=62)) == 0
    failures.forget(culprit)
    assert failures.wait_s(culprit, NOW) == 0
