"""When a source is asked again, and which there are: pure."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgsp.trust.demo_pki import DemoPki
from lgsp.trust.sources import Planner
from lgsp.trust.timetable import Progress, failed, is_due, succeeded
from signing import crl
from signing.revocation import Grace
from signing.snapshot import NO_SNAPSHOT, RevocationSnapshot

AT = datetime(2026, 11, 28, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEW = Progress(kind="crl", url="http://crl.example/a.crl", due_at=AT)
CODES = ("H01.101", "H01.102")


@given(left_s=st.integers(-(10**6), 10**8), draw=st.floats(0, 1), failures=st.integers(0, 10**6))
def test_it_is_asked_again_in_time_and_never_in_a_rush(left_s: int, draw: float, failures: int) -> None:
    """Between most of a minute and the refresh; while anything is left, before it is over. After failures within an hour."""
    after = succeeded(msgspec.structs.replace(NEW, next_update=AT + timedelta(seconds=left_s)), AT, HOUR, draw)
    assert timedelta(seconds=48) <= after.due_at - AT <= HOUR
    if left_s > 60:
        assert after.due_at < AT + timedelta(seconds=left_s)
    wait = failed(msgspec.structs.replace(NEW, failures=failures), AT, "fetch.timeout", "", draw).due_at - AT
    assert timedelta(seconds=24) <= wait <= HOUR


def test_success_ends_a_row_of_failures() -> None:
    """The next failure waits half a minute again; details of strangers are kept short."""
    after = failed(NEW, AT, "fetch.status", "x" * 1000, 0)
    assert (after.failures, after.code, len(after.detail)) == (1, "fetch.status", 200)
    well = succeeded(after, AT, HOUR, 0)
    assert (well.failures, well.code, well.detail, well.got_at) == (0, "", "", AT)


@pytest.mark.parametrize(
    ("progress", "urgent", "due"),
    [
        (NEW, False, True),
        (failed(NEW, AT, "x", "", 0), False, False),
        (failed(NEW, AT, "x", "", 0), True, False),
        (failed(NEW, AT - HOUR / 60, "x", "", 0), True, True),
        (msgspec.structs.replace(failed(NEW, AT - HOUR / 60, "x", "", 0), due_at=AT + HOUR), False, False),
        (succeeded(NEW, AT + 99 * HOUR, HOUR, 0), False, True),
    ],
)
def test_what_is_due(progress: Progress, urgent: bool, due: bool) -> None:
    """New, urgent but not asked just now, or planned by a clock that was ahead."""
    assert is_due(progress, AT, urgent) is due


def test_one_list_stands_for_all_certificates_of_its_issuer() -> None:
    """Single ones are asked about only while lists leave them unknown."""
    pki = DemoPki.make(dict.fromkeys(CODES, "Xã"), AT)
    chains = [(one.certificate, *one.issuers, pki.document_anchor) for one in map(pki.seal, CODES)]
    planner = Planner((), Grace())
    first = planner.plan(chains, NO_SNAPSHOT, AT)
    assert sorted(key.split()[0] for key in first) == ["crl", "crl", "ocsp", "ocsp"]
    known = RevocationSnapshot(
        AT, (crl.read(pki.crl("root", AT), chains[0][2], AT), crl.read(pki.crl("agencies", AT), chains[0][1], AT))
    )
    assert [key.split()[0] for key in planner.plan(chains, known, AT)] == ["crl", "crl"]
    assert len(planner.plan(chains, known, AT + timedelta(days=31))) == 4
    assert planner.plan([], known, AT) == {}


def test_a_list_that_the_operator_names_too_is_one_source_whose_issuer_is_known() -> None:
    """Not fetched twice."""
    pki = DemoPki.make({CODES[0]: "Xã"}, AT)
    seal = pki.seal(CODES[0])
    url = f"{pki.base_url}/crl/agencies.crl"
    chain = (seal.certificate, *seal.issuers, pki.document_anchor)
    sources = Planner((url,), Grace()).plan([chain], NO_SNAPSHOT, AT)
    assert [one.about for one in sources.values() if one.url == url] == [seal.issuers[0].subject.rfc4514_string()]
