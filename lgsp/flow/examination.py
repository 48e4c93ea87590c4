"""Looking at the signatures of an envelope before it comes in: verify each, ask whose it is, judge all by the policy."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import NamedTuple

from lxml import etree

from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.kinds import find
from contracts.statement import FIELD, TYPE, check_statement
from lgsp import metrics
from lgsp.core.directory import Agency
from lgsp.core.signatures.finding import Examination, Examined, Exhibit, Finding, FoundIn, exhibits_of, finding_of, of_another
from lgsp.core.signatures.judge import PENDING, judge, judge_message
from lgsp.core.signatures.places import SignedFile, body_profile, signed_files
from lgsp.core.signatures.policy import Policy
from lgsp.core.signatures.whose import binding_of, keys_of
from lgsp.errors import Unavailable
from signing.jws_partner import check_jws
from signing.profiles import SOAP
from signing.report import Integrity, Revocation, SignatureReport, Trust
from signing.trust import NO_TRUST, TrustBase
from signing.verify import check

_IN_LOOP_BYTES = 64 * 1024  # larger bodies are verified in a thread: lxml and OpenSSL let go of the interpreter meanwhile

FileReport = tuple[SignedFile, SignatureReport]
CheckFiles = Callable[[Sequence[SignedFile], Envelope, TrustBase, datetime], Awaitable[Sequence[FileReport]]]


class RevocationPending(Unavailable):
    """Whether a certificate was revoked is being fetched; the same bytes may come again."""

    code = PENDING
    retry_after_s = 5


class Looked(NamedTuple):
    """One signature. `content`: of a message, the Body that was verified."""

    report: SignatureReport
    finding: Finding
    exhibits: tuple[Exhibit, ...]
    content: etree._Element | None = None


# The signed message that the envelopes of this task came in, as it was verified: kept with the verdicts on their own signatures.
BROUGHT_BY: ContextVar[Looked | None] = ContextVar("brought_by", default=None)


class Examiner:
    """`trust`: what is trusted at this moment. `check_files`: verifies signed attachments; raises Unavailable. `urge`: told of
    reports whose revocation is not known, so that it is fetched at once."""

    def __init__(
        self,
        policy: Policy,
        trust: Callable[[], TrustBase],
        check_files: CheckFiles,
        urge: Callable[[SignatureReport], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._policy = policy
        self._trust = trust
        self._check_files = check_files
        self._urge = urge
        self._clock = clock
        self._named = (NO_TRUST, NO_TRUST.version)  # a value and its version, which takes a while to say

    @property
    def policy(self) -> Policy:
        return self._policy

    async def examine(self, envelope: Envelope, caller: Agency) -> Examined | None:
        """What is to be kept with the envelope, which is given as it was received; None: nothing is signed, and nothing has to
        be.

        Raises ContractError "signature.*", RevocationPending, or Unavailable when files cannot be checked now.
        """
        rules = self._policy.of(envelope.kind)
        if not rules:
            return None
        started, at, trust = time.perf_counter(), self._clock(), self._trust()
        looked = await self._look(envelope, caller, trust, at)
        looked += await self._look_at_files(envelope, caller, trust, at)
        findings = tuple(one.finding for one in looked)
        if not findings and all(rule.need != "required" for rule in rules):
            return None
        metrics.examined(time.perf_counter() - started, findings)
        objection = judge(rules, findings)
        for one in looked:
            if one.finding.trust == Trust.TRUSTED and one.finding.revocation == Revocation.UNKNOWN:
                self._urge(one.report)
        if objection is not None and self._policy.enforced:
            raise RevocationPending(objection.detail) if objection.code == PENDING else objection
        return Examined(
            examination=Examination(
                at=at,
                policy=self._policy.version,
                trust=self._version(trust),
                findings=findings,
                objection="" if objection is None else objection.code,
            ),
            exhibits=_exhibits(looked),
        )

    async def look_at_message(self, octets: bytes, caller: Agency) -> Looked:
        """A SOAP message signed by WS-Security: what may be acted on, and the verdict. Raises ContractError "signature.*"."""
        at, trust = self._clock(), self._trust()
        inline = len(octets) <= _IN_LOOP_BYTES
        checked = check(octets, SOAP, trust, at) if inline else await asyncio.to_thread(check, octets, SOAP, trust, at)
        looked = _looked("message", "/Envelope/Header/Security", checked.report, caller, at)
        if looked.finding.trust == Trust.TRUSTED and looked.finding.revocation == Revocation.UNKNOWN:
            self._urge(looked.report)
        objection = judge_message(looked.finding)
        if objection is not None:
            raise objection
        return looked._replace(content=checked.content)

    async def foresee(self, envelope: Envelope, caller: Agency) -> None:
        """Raises the ContractError "signature.*" with which `examine` would end whatever its files are like."""
        rules = self._policy.of(envelope.kind)
        at, trust = self._clock(), self._trust()
        if not rules or not self._policy.enforced:
            return
        findings = [one.finding for one in await self._look(envelope, caller, trust, at)]
        objection = judge(tuple(one for one in rules if "attachments" not in one.parts or one.need != "required"), findings)
        if objection is not None and objection.code != PENDING:
            raise objection

    def _version(self, trust: TrustBase) -> str:
        if trust is not self._named[0]:
            self._named = (trust, trust.version)
        return self._named[1]

    async def _look(self, envelope: Envelope, caller: Agency, trust: TrustBase, at: datetime) -> list[Looked]:
        brought = BROUGHT_BY.get()
        found: list[Looked] = [] if brought is None else [brought]
        if envelope.signature is not None:
            found.append(_look_at_statement(envelope.signature, envelope, caller, trust, at))
        profile = body_profile(find(envelope.kind), envelope)
        if profile is not None:
            inline = len(envelope.body) <= _IN_LOOP_BYTES
            arguments = (envelope.body, profile, trust, at)
            checked = check(*arguments) if inline else await asyncio.to_thread(check, *arguments)
            if checked.report.integrity is not Integrity.ABSENT:
                found.append(_looked("body", "/body", checked.report, caller, at))
        return found

    async def _look_at_files(self, envelope: Envelope, caller: Agency, trust: TrustBase, at: datetime) -> list[Looked]:
        files = signed_files(envelope)
        reports = await self._check_files(files, envelope, trust, at) if files else ()
        return [_looked("attachments", f"/attachments/{file.place}", report, caller, at) for file, report in reports]


def _look_at_statement(token: str, envelope: Envelope, caller: Agency, trust: TrustBase, at: datetime) -> Looked:
    checked = check_jws(token, typ=TYPE, keys=keys_of(caller.signers, at.date()), trust=trust, at=at)
    looked = _looked("envelope", FIELD, checked.report, caller, at)
    if checked.payload is None:
        return looked
    try:
        check_statement(checked.payload, envelope)
    except ContractError as error:
        return looked._replace(finding=of_another(looked.finding, error))
    return looked


def _looked(part: FoundIn, place: str, report: SignatureReport, caller: Agency, at: datetime) -> Looked:
    exhibits = exhibits_of(report)
    binding = binding_of(caller.signers, report, at.date())
    return Looked(report, finding_of(part, place, report, binding, [one.digest for one in exhibits]), exhibits)


def _exhibits(looked: Sequence[Looked]) -> tuple[Exhibit, ...]:
    found = {one.digest: one for each in looked for one in each.exhibits}
    return tuple(found.values())
