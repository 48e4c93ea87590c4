"""The hub's receipt, as JWS and as XML: signed by one of its keys, and about this very message."""

from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from contracts.errors import ContractError
from contracts.kinds import find
from contracts.kinds.xml import from_xml
from contracts.receipt import LogEntry, Receipt
from lgsp.core.log.merkle import ProofInvalid
from lgsp.core.log.note import NoteInvalid
from lgsp.core.log.proof import LogProof, parse_proof
from lgsp.core.log.record import Accepted, Record, Routed
from lgsp.evidence.findings import Finding, ShownKey, State
from lgsp.evidence.given import Given
from lgsp.evidence.manifest import Message
from lgsp.evidence.seals import thumbprint_of
from signing.jose import thumbprints
from signing.jws import NotVerified, PublicKey, keys_of, verify
from signing.profiles import ENVELOPE_XADES
from signing.report import Integrity
from signing.trust import NO_TRUST
from signing.verify import check

TYPE = "lgsp-receipt+jws"
Shown = Finding | ShownKey
_decoder = msgspec.json.Decoder(Receipt)


@dataclass(frozen=True, slots=True)
class Hub:
    """`keys`: for JWS, `thumbprints`: of all keys that the bundle says are the hub's; `log`: the vkeys that it says are
    the log's; `given`: what was brought along."""

    code: str
    keys: tuple[PublicKey, ...]
    thumbprints: frozenset[str]
    log: tuple[str, ...]
    given: Given

    @classmethod
    def of(cls, code: str, jwks: bytes, log: tuple[str, ...], given: Given) -> "Hub":
        """Raises ValueError for what is no JWK set."""
        return cls(code, keys_of(jwks), thumbprints(jwks), log, given)


def check_jws_receipt(token: bytes, one: Message, records: Sequence[Record], hub: Hub) -> Iterator[Shown]:
    """`records`: of this message, proven; none: it is not in the log."""
    try:
        verified = verify(token.decode("ascii"), hub.keys, TYPE)
        receipt = _decoder.decode(verified.payload)
    except (NotVerified, UnicodeDecodeError, msgspec.MsgspecError) as error:
        yield Finding(what="receipt", state=State.WRONG, place=one.receipt, detail=str(error))
        return
    yield from _judged(receipt, verified.kid, one.receipt, one, records, hub)


def check_xml_receipt(octets: bytes, one: Message, records: Sequence[Record], hub: Hub, now: datetime) -> Iterator[Shown]:
    """As above. `now`: the time of signing in it must not be later."""
    report = check(octets, ENVELOPE_XADES, NO_TRUST, now).report
    if report.integrity is not Integrity.INTACT or report.signer is None:
        code = "" if report.refusal is None else report.refusal.rule.code
        yield Finding(what="receipt", state=State.WRONG, place=one.receipt_xml, detail=f"{report.integrity} {code}".rstrip())
        return
    try:
        receipt = from_xml(find("receipt/1"), octets)
    except ContractError as error:
        yield Finding(what="receipt", state=State.WRONG, place=one.receipt_xml, detail=f"{error.code} {error.field}")
        return
    assert isinstance(receipt, Receipt)
    yield from _judged(receipt, thumbprint_of(report.signer), one.receipt_xml, one, records, hub)


def _judged(receipt: Receipt, kid: str, place: str, one: Message, records: Sequence[Record], hub: Hub) -> Iterator[Shown]:
    given = hub.given.hub_keys
    if given is not None and kid not in given:
        problem = "signed by none of the keys that were given"
    elif kid not in hub.thumbprints:
        problem = "signed by none of the hub's keys"
    else:
        problem = next(_problems(receipt, one, records, hub), "")
    state = State.WRONG if problem else State.UNCONFIRMED if given is None else State.FITS
    yield Finding(what="receipt", state=state, place=place, detail=problem or kid)
    yield ShownKey(role="hub", name=hub.code, text=kid, confirmed=given is not None and kid in given)


def _problems(receipt: Receipt, one: Message, records: Sequence[Record], hub: Hub) -> Iterator[str]:
    said = (receipt.hub, receipt.sender, receipt.message_id, receipt.digest, receipt.sequence, receipt.accepted_at)
    if said != (hub.code, one.sender, one.message_id, one.digest, one.sequence, one.accepted_at):
        yield "it is of another message"
    routed = {each.delivery: each for each in records if isinstance(each, Routed)}
    for each in receipt.deliveries:
        found = routed.get(each.delivery_id)
        if found is not None and (found.recipient, found.number) != (each.recipient, each.number):
            yield f"delivery {each.delivery_id} is another one in the log"
    for accepted in (each for each in records if isinstance(each, Accepted)):
        known = range(accepted.first_delivery, accepted.first_delivery + accepted.deliveries)
        if not {each.delivery_id for each in receipt.deliveries} <= set(known):
            yield "it names a delivery that the log does not know"
    if receipt.log is not None and hub.log:
        yield from _problems_of_entry(receipt.log, one, hub.log)


def _problems_of_entry(entry: LogEntry, one: Message, log: tuple[str, ...]) -> Iterator[str]:
    """That it carries the record of this message, in an earlier head of the same log."""
    if one.leaves and (entry.leaf, b64decode(entry.salt)) != (one.leaves[0].leaf, one.salt):
        yield "it carries another record than the log"
    try:
        proof = parse_proof(entry.proof)
        _check_proof(proof, entry.leaf.encode(), log)
        if one.leaves and proof.index != one.leaves[0].index:
            yield "its record stands elsewhere in the log"
    except (NoteInvalid, ProofInvalid) as error:
        yield f"its proof does not hold: {error}"


def _check_proof(proof: LogProof, leaf: bytes, log: tuple[str, ...]) -> None:
    """By whichever of the keys signed at that time. Raises NoteInvalid, ProofInvalid."""
    *before, last = log
    for vkey in before:
        try:
            proof.verify(leaf, vkey)
        except NoteInvalid:
            continue  # the next key may be the one
        return
    proof.verify(leaf, last)
