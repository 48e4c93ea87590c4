"""From the signed envelope to the verdict in the journal: what comes in, what is refused, what is kept."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from contracts import statement
from contracts.envelope import Attachment, Envelope
from contracts.errors import ContractError
from contracts.kinds import KINDS
from contracts.kinds.xml import to_xml
from contracts.signed import SigningRule
from lgsp.core.signatures.finding import Examination
from lgsp.core.signatures.places import SignedFile
from lgsp.core.signatures.policy import policy
from lgsp.core.signers import Signer
from lgsp.flow.examination import Examiner, FileReport, RevocationPending
from lgsp.trust.demo_pki import DemoPki
from signing import crl
from signing.jws_sign import sign_with_certificate
from signing.paths import Anchors
from signing.report import SignatureReport
from signing.snapshot import RevocationSnapshot
from signing.trust import TrustBase
from tests.fakes.flow_kit import AGENCIES, COMMUNE, PUSHED, Clock, Rig, rig
from tests.signatures import Holder as XmlHolder
from tests.signatures import Recipe, by_xmlsec
from tests.statements import HolderKey

CLOCK = Clock()
PKI = DemoPki.make({COMMUNE: "Phường Rạch Giá", PUSHED: "Sở Tư pháp"}, CLOCK.now)
RESULT = KINDS["case.result/1"]


def fingerprint(name: str) -> str:
    return PKI.holders[f"agencies/{name}"].certificate.fingerprint(SHA256()).hex()


SIGNERS = (
    Signer(holder="seal", certificate_sha256=fingerprint(f"{COMMUNE}/seal")),
    Signer(
        holder="person",
        certificate_sha256=fingerprint(f"{COMMUNE}/deputy"),
        name="Trần Thị Bình",
        title="Phó Chủ tịch",
        capacity="KT.",
        on_behalf_of="Chủ tịch",
    ),
)


def known(at: datetime, pki: DemoPki = PKI) -> RevocationSnapshot:
    """Everything the authorities say at that time."""
    issuers = {name: pki.holders[f"authorities/{name}"].certificate for name in ("root", "agencies", "persons")}
    return RevocationSnapshot(at, tuple(crl.read(pki.crl(name, at), issuer, at) for name, issuer in issuers.items()))


@dataclass
class Trust:
    """What the hub trusts and knows of revocation; the test changes it."""

    current: TrustBase = field(default_factory=lambda: TrustBase(documents=Anchors((PKI.document_anchor,))))
    urged: list[SignatureReport] = field(default_factory=list)

    def learn(self, snapshot: RevocationSnapshot) -> None:
        self.current = replace(self.current, snapshot=snapshot)


async def no_files(files: Sequence[SignedFile], envelope: Envelope, trust: TrustBase, at: datetime) -> Sequence[FileReport]:
    return ()


@asynccontextmanager
async def hub(
    path: Path, trust: Trust, *, enforced: bool = True, files: Any = no_files, overrides: Any = None
) -> AsyncIterator[Rig]:
    clock = Clock()
    examiner = Examiner(policy(overrides, enforced), lambda: trust.current, files, trust.urged.append, clock)
    async with rig(path / "journal.db", clock=clock, examiner=examiner, run=False) as one:
        commune = msgspec.structs.replace(AGENCIES[0], signers=SIGNERS)
        await one.journal.save_agencies([commune, *AGENCIES[1:]])
        await one.directory.refresh()
        yield one


@pytest.fixture
def trust() -> Trust:
    found = Trust()
    found.learn(known(CLOCK.now))
    return found


def result(message_id: str = "r-1", **changes: Any) -> Envelope:
    base = Envelope(
        message_id=message_id,
        sender=COMMUNE,
        recipients=(PUSHED,),
        kind=RESULT.key,
        created_at=CLOCK.now - timedelta(minutes=1),
        body=msgspec.json.encode(RESULT.examples[0].body),
    )
    return msgspec.structs.replace(base, **changes)


def sealed(envelope: Envelope, holder: str = f"{COMMUNE}/seal", pki: DemoPki = PKI, **said: Any) -> Envelope:
    """Signed as its sender signs it. `said`: members of the statement that are not the envelope's."""
    words = msgspec.structs.replace(statement.statement_of(envelope), **said)
    token = sign_with_certificate(statement.encode(words), HolderKey(pki.holders[f"agencies/{holder}"]), statement.TYPE)
    return msgspec.structs.replace(envelope, signature=token)


async def send(one: Rig, envelope: Envelope) -> Any:
    return await one.intake.submit(envelope, one.agency(COMMUNE))


async def refused(one: Rig, envelope: Envelope) -> ContractError:
    with pytest.raises(ContractError) as caught:
        await send(one, envelope)
    assert await one.journal.envelope(COMMUNE, envelope.message_id) is None
    return caught.value


async def verdict(one: Rig, message_id: str = "r-1") -> Examination:
    record = await one.journal.envelope(COMMUNE, message_id)
    found = await one.journal.examination(record.sequence)
    assert isinstance(found, Examination)
    return found


async def test_a_sealed_result_comes_in_with_its_verdict_and_evidence(tmp_path: Path, trust: Trust) -> None:
    """Certificates, and the CRLs that say that none of them was revoked, octet for octet."""
    async with hub(tmp_path, trust) as one:
        await send(one, sealed(result()))
        found = await verdict(one)
        (seal,) = found.findings
        exhibits = {each.digest: each for each in await one.journal.exhibits(seal.evidence)}
    assert (seal.verdict, seal.holder, seal.bound, seal.part) == ("verified", "seal", True, "envelope")
    assert (found.policy, found.trust) == (policy().version, trust.current.version)
    assert set(exhibits) == set(seal.evidence)
    kinds = sorted(each.what for each in exhibits.values())
    assert kinds == ["certificate", "certificate", "certificate", "crl", "crl"]
    assert {each.octets for each in trust.current.snapshot.crls} >= {
        each.octets for each in exhibits.values() if each.what == "crl"
    }


async def test_a_result_without_a_signature_is_refused(tmp_path: Path, trust: Trust) -> None:
    async with hub(tmp_path, trust) as one:
        error = await refused(one, result())
    assert (error.code, error.field) == ("signature.missing", "/signature")


@pytest.mark.parametrize(
    ("holder", "code"),
    [
        (f"{PUSHED}/seal", "signature.wrong_signer"),  # another agency's
        (f"{COMMUNE}/deputy", "signature.wrong_signer"),  # an official's, where the seal is wanted
        (f"{COMMUNE}/head", "signature.wrong_signer"),  # nobody registered it
    ],
)
async def test_who_has_to_sign_is_who_signs(tmp_path: Path, trust: Trust, holder: str, code: str) -> None:
    async with hub(tmp_path, trust) as one:
        assert (await refused(one, sealed(result(), holder))).code == code


async def test_an_official_signs_what_officials_may_sign(tmp_path: Path, trust: Trust) -> None:
    """And the capacity in which it was signed is on record."""
    progress = result(kind="case.progress/1", body=msgspec.json.encode(KINDS["case.progress/1"].examples[0].body))
    async with hub(tmp_path, trust) as one:
        await send(one, sealed(progress, f"{COMMUNE}/deputy"))
        (found,) = (await verdict(one)).findings
    assert (found.name, found.title, found.capacity, found.on_behalf_of) == ("Trần Thị Bình", "Phó Chủ tịch", "KT.", "Chủ tịch")


@pytest.mark.parametrize(
    ("member", "other"),
    [
        ("message_id", "r-2"),
        ("recipients", ("H01.999",)),
        ("kind", "case.progress/1"),
        ("created_at", CLOCK.now),
        ("body", "sha256:" + "0" * 64),
        ("media_type", "application/xml"),
        ("order_key", "another"),
        ("priority", 4),
        ("expires_at", CLOCK.now + timedelta(days=1)),
        ("correlation_id", "x"),
        ("attachments", ("sha256:" + "0" * 64,)),
    ],
)
async def test_a_statement_of_another_envelope_proves_nothing(tmp_path: Path, trust: Trust, member: str, other: Any) -> None:
    """Each member counts: nothing can be signed once and used for something else."""
    async with hub(tmp_path, trust) as one:
        error = await refused(one, sealed(result(), **{member: other}))
    assert error.code == "signature.other_envelope" and f"/{member}" in error.detail


async def test_a_changed_signature_is_refused_by_the_rule_it_breaks(tmp_path: Path, trust: Trust) -> None:
    good = sealed(result())
    assert good.signature is not None
    header, payload, value = good.signature.split(".")
    changed = {
        f"{header}.{payload}.{value[:-8]}AAAAAAAA": "signature.value",
        f"{header}.{payload}": "",
        f"e30.{payload}.{value}": "jws.",
    }
    async with hub(tmp_path, trust) as one:
        for token, rule in changed.items():
            error = await refused(one, msgspec.structs.replace(good, signature=token))
            assert error.code == "signature.not_verified" and error.detail.startswith(rule)


async def test_a_certificate_that_leads_nowhere_is_not_trusted(tmp_path: Path, trust: Trust) -> None:
    """The same names by an authority of somebody's own."""
    other = DemoPki.make({COMMUNE: "Phường Rạch Giá"}, CLOCK.now)
    async with hub(tmp_path, trust) as one:
        error = await refused(one, sealed(result(), pki=other))
    assert error.code == "signature.not_trusted" and error.detail.startswith("path.")


async def test_a_revoked_certificate_signs_nothing_any_more(tmp_path: Path, trust: Trust) -> None:
    """From the moment the hub hears of it, without a restart; what it signed before stays as it was judged."""
    async with hub(tmp_path, trust) as one:
        await send(one, first := sealed(result()))
        trust.learn(known(CLOCK.now, PKI.with_revoked(f"agencies/{COMMUNE}/seal", CLOCK.now - timedelta(days=1))))
        assert (await refused(one, sealed(result("r-2")))).code == "signature.revoked"
        assert (await verdict(one)).findings[0].verdict == "verified"
        assert not (await send(one, first)).fresh


async def test_while_revocation_is_unknown_a_result_is_held_at_the_door(tmp_path: Path) -> None:
    """503: nothing is lost and nothing is refused; the fetcher is told, and the same bytes come in once it has fetched."""
    trust = Trust()
    async with hub(tmp_path, trust) as one:
        with pytest.raises(RevocationPending) as caught:
            await send(one, sealed(result()))
        assert (caught.value.code, len(trust.urged)) == ("signature.revocation_pending", 1)
        assert await one.journal.envelope(COMMUNE, "r-1") is None
        trust.learn(known(CLOCK.now))
        assert (await send(one, sealed(result()))).fresh


async def test_what_is_held_is_not_overtaken(tmp_path: Path) -> None:
    """Behind it in one batch everything comes again with it, so that the order of a case is kept."""
    trust = Trust()
    later = result("r-2", kind="case.progress/1", body=msgspec.json.encode(KINDS["case.progress/1"].examples[0].body))
    async with hub(tmp_path, trust) as one:
        outcomes = await one.intake.submit_many([sealed(result()), later], one.agency(COMMUNE))
        assert [type(outcome) for outcome in outcomes] == [RevocationPending, RevocationPending]
        assert await one.journal.envelope(COMMUNE, "r-2") is None


async def test_an_ordinary_message_passes_with_revocation_unknown_and_says_so(tmp_path: Path) -> None:
    progress = result(kind="case.progress/1", body=msgspec.json.encode(KINDS["case.progress/1"].examples[0].body))
    async with hub(tmp_path, Trust()) as one:
        await send(one, sealed(progress))
        assert (await verdict(one)).findings[0].verdict == "verified_revocation_unknown"


async def test_a_province_may_refuse_where_others_hold(tmp_path: Path) -> None:
    """By rules of its own for a kind."""
    strict = SigningRule(parts=("envelope",), need="required", revocation_unknown="refuse")
    body = msgspec.json.encode(KINDS["postal.settlement/1"].examples[0].body)
    async with hub(tmp_path, Trust(), overrides={"postal.settlement/1": (strict,)}) as one:
        assert (await refused(one, sealed(result(kind="postal.settlement/1", body=body)))).code == "signature.revocation_unknown"


async def test_a_resend_of_what_was_accepted_is_answered_whatever_is_known_now(tmp_path: Path, trust: Trust) -> None:
    signed = sealed(result())
    async with hub(tmp_path, trust) as one:
        first = await send(one, signed)
        trust.learn(RevocationSnapshot(CLOCK.now))
        again = await send(one, signed)
    assert again.receipt == first.receipt and not again.fresh


async def test_while_partners_learn_verdicts_are_kept_and_nobody_is_refused(tmp_path: Path, trust: Trust) -> None:
    """With what would have been the refusal."""
    async with hub(tmp_path, trust, enforced=False) as one:
        await send(one, result())
        await send(one, sealed(result("r-2"), f"{PUSHED}/seal"))
        await send(one, sealed(result("r-3")))
        found = [await verdict(one, f"r-{number}") for number in (1, 2, 3)]
    assert [each.objection for each in found] == ["signature.missing", "signature.wrong_signer", ""]


async def test_what_needs_no_signature_and_has_none_costs_no_row(tmp_path: Path, trust: Trust) -> None:
    async with hub(tmp_path, trust) as one:
        await one.send("p-1")
        record = await one.journal.envelope(COMMUNE, "p-1")
        assert await one.journal.examination(record.sequence) is None


def xml_holder(name: str) -> XmlHolder:
    one = PKI.holders[f"agencies/{name}"]
    return XmlHolder(one.key, one.certificate)  # type: ignore[arg-type]


def intermediates() -> Sequence[XmlHolder]:
    return [XmlHolder(None, one) for one in PKI.holders[f"agencies/{COMMUNE}/seal"].issuers]  # type: ignore[arg-type]


ECDSA = Recipe(xades=True, method="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", signing_time="2026-11-22T00:59:00Z")


async def test_a_signature_inside_an_xml_body_is_as_good(tmp_path: Path, trust: Trust) -> None:
    """XAdES by xmlsec, the body read as if it were not there, every octet kept."""
    body = by_xmlsec(to_xml(RESULT, RESULT.examples[0].body), xml_holder(f"{COMMUNE}/seal"), ECDSA, intermediates())
    async with hub(tmp_path, trust) as one:
        await send(one, result(body=body, media_type="application/xml"))
        (found,) = (await verdict(one)).findings
        (work,) = [await one.journal.fetch(1)]
    assert (found.part, found.place, found.verdict, found.time_evidence) == ("body", "/body", "verified", "claimed")
    assert work.envelope.body == body


async def test_a_changed_xml_body_is_refused(tmp_path: Path, trust: Trust) -> None:
    body = by_xmlsec(to_xml(RESULT, RESULT.examples[0].body), xml_holder(f"{COMMUNE}/seal"), ECDSA, intermediates())
    changed = body.replace(b"<amount_vnd>100000<", b"<amount_vnd>900000<")
    assert changed != body
    async with hub(tmp_path, trust) as one:
        error = await refused(one, result(body=changed, media_type="application/xml"))
    assert error.code == "signature.not_verified" and error.detail.startswith("signature.digest")


async def test_a_registered_key_without_certificate_signs_envelopes(tmp_path: Path, trust: Trust) -> None:
    """Withdrawn by taking it out of the directory."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from joserfc import jws
    from joserfc.jwk import ECKey

    private = generate_private_key(SECP256R1())
    key = ECKey.import_key(private)
    public = {name: str(value) for name, value in key.as_dict(private=False).items()} | {"alg": "ES256"}
    envelope = result()
    header = {"alg": "ES256", "typ": statement.TYPE, "kid": key.thumbprint()}
    token = jws.serialize_compact(header, statement.encode(statement.statement_of(envelope)), key)
    signed = msgspec.structs.replace(envelope, signature=token)
    async with hub(tmp_path, trust) as one:
        assert (await refused(one, signed)).code == "signature.not_verified"
        await save(one, signers=(Signer(holder="seal", jwk=public),))
        await send(one, signed)
        (found,) = (await verdict(one)).findings
    assert (found.verdict, found.bound, found.key, found.certificate) == ("verified", True, key.thumbprint(), None)


async def save(one: Rig, **changes: Any) -> None:
    await one.journal.save_agencies([msgspec.structs.replace(one.agency(COMMUNE), **changes)])
    await one.directory.refresh()


async def test_explain_tells_what_is_missing(tmp_path: Path, trust: Trust) -> None:
    async with hub(tmp_path, trust) as one:
        told = await one.intake.explain(result(), one.agency(COMMUNE))
        held = await one.intake.explain(sealed(result()), one.agency(COMMUNE))
    assert told.refusal is not None and told.refusal.code == "signature.missing" and told.steps[-1].name == "signatures"
    assert held.accepted


async def test_signed_files_are_looked_at_and_a_broken_one_stops_a_result(tmp_path: Path, trust: Trust) -> None:
    """By what the file checker says; in other kinds it is only kept."""
    from signing.report import Integrity, Refusal
    from signing.rules import RULES

    broken = SignatureReport("pades/1", Integrity.NOT_INTACT, Refusal(RULES["signature.digest"], "", ""))

    async def files(found: Sequence[SignedFile], *rest: Any) -> Sequence[FileReport]:
        return [(one, broken) for one in found]

    paper = Attachment(digest="sha256:" + "a" * 64, size_bytes=5, media_type="application/pdf", name="kết quả.pdf")
    progress = result("p-1", kind="case.progress/1", body=msgspec.json.encode(KINDS["case.progress/1"].examples[0].body))
    async with hub(tmp_path, trust, files=files) as one:
        await one.journal.record_upload(paper.digest, 5, COMMUNE, CLOCK.now)
        error = await refused(one, sealed(result(attachments=(paper,))))
        await send(one, msgspec.structs.replace(progress, attachments=(paper,)))
        (found,) = (await verdict(one, "p-1")).findings
    assert (error.code, error.field) == ("signature.not_verified", "/attachments/0")
    assert (found.integrity, found.place) == ("not_intact", "/attachments/0")
