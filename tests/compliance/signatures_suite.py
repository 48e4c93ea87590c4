"""The promises about verdicts and their evidence; test_journal.py brings the fixtures."""

import hashlib
from datetime import timedelta

import pytest

from lgsp.core.signatures.finding import Certificate, Examination, Examined, Exhibit, Finding, Rule, Signed
from lgsp.ports import Accepted, Store
from signing.report import Evidence
from tests.compliance.builders import LEASE_S, NOW, Opener, admitted

CERTIFICATE = Exhibit.of(Evidence("certificate", b"\x30\x82 a certificate"))
CRL = Exhibit.of(Evidence("crl", bytes(range(256)) * 4000))  # a megabyte, as real ones are

FINDING = Finding(
    part="body",
    place="/body",
    profile="edxml/1",
    verdict="verified_revocation_unknown",
    integrity="intact",
    trust="trusted",
    revocation="unknown",
    time_evidence="claimed",
    holder="person",
    bound=True,
    name="Nguyễn Văn An",
    title="Phó Chủ tịch",
    capacity="KT.",
    on_behalf_of="Chủ tịch",
    signing_time=NOW - timedelta(hours=1),
    method="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    covered=(Signed(what="document", digest_method="sha256", digest="ab" * 32),),
    certificate=Certificate(
        subject="CN=UBND xã", issuer="CN=CA", serial="1f", sha256="00" * 32, not_before=NOW, not_after=NOW + timedelta(days=365)
    ),
    rules=(Rule(code="binding.unknown", title_vi="Chưa đăng ký", title_en="Not registered", detail="CN=x"),),
    evidence=(CERTIFICATE.digest, CRL.digest),
)


def examined(*exhibits: Exhibit, policy: str = "sha256:policy") -> Examined:
    return Examined(examination=Examination(at=NOW, policy=policy, trust="v7", findings=(FINDING,)), exhibits=exhibits)


async def test_a_verdict_is_kept_with_its_envelope_word_for_word(store: Store, reopen: Opener) -> None:
    """And outlives the process."""
    await store.accept([admitted("m1"), admitted("m2", examined=examined(CERTIFICATE))], NOW, LEASE_S)
    store = await reopen()
    assert await store.examination(1) is None
    assert await store.examination(2) == examined().examination


async def test_evidence_is_kept_once_octet_for_octet(store: Store, reopen: Opener) -> None:
    """However many verdicts rest on it, in one batch or in several."""
    batch = [admitted("m1", examined=examined(CERTIFICATE, CRL)), admitted("m2", examined=examined(CRL))]
    await store.accept(batch, NOW, LEASE_S)
    await store.accept([admitted("m3", examined=examined(CRL, CERTIFICATE))], NOW, LEASE_S)
    store = await reopen()
    found = await store.exhibits([CRL.digest, CERTIFICATE.digest, "sha256:" + "0" * 64])
    assert sorted(found, key=lambda one: one.what) == [CERTIFICATE, CRL]
    assert all(one.digest == "sha256:" + hashlib.sha256(one.octets).hexdigest() for one in found)


async def test_a_resend_keeps_the_first_verdict(store: Store) -> None:
    """What was found out then stands; a later policy does not rewrite it."""
    await store.accept([admitted("m1", examined=examined(CERTIFICATE))], NOW, LEASE_S)
    (again,) = await store.accept([admitted("m1", examined=examined(CRL, policy="sha256:later"))], NOW, LEASE_S)
    assert isinstance(again, Accepted) and not again.fresh
    assert await store.examination(1) == examined().examination
    assert await store.exhibits([CRL.digest]) == []


async def test_an_envelope_twice_in_one_batch_has_one_verdict(store: Store) -> None:
    await store.accept(
        [admitted("m1", examined=examined(CERTIFICATE)), admitted("m1", examined=examined(CERTIFICATE))], NOW, LEASE_S
    )
    assert await store.examination(1) == examined().examination
    assert await store.examination(2) is None


@pytest.mark.parametrize("sequence", [0, 1, 99])
async def test_nothing_is_known_of_envelopes_that_do_not_exist(store: Store, sequence: int) -> None:
    assert await store.examination(sequence) is None
